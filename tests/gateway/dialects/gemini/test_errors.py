"""Errors in Google's form."""

from typing import Any

import orjson
import pytest

from gateway.dialects.gemini import errors
from gateway.relay.errors import TABLE, RelayError


@pytest.mark.parametrize(
    ("code", "status", "name"),
    [
        ("invalid_value", 400, "INVALID_ARGUMENT"),
        ("invalid_api_key", 401, "UNAUTHENTICATED"),
        ("insufficient_quota", 402, "FAILED_PRECONDITION"),
        ("model_not_allowed", 403, "PERMISSION_DENIED"),
        ("model_not_found", 404, "NOT_FOUND"),
        ("request_too_large", 413, "INVALID_ARGUMENT"),
        ("rate_limit_exceeded", 429, "RESOURCE_EXHAUSTED"),
        ("internal_error", 500, "INTERNAL"),
        ("api_not_implemented", 501, "UNIMPLEMENTED"),
        ("upstream_cut", 502, "UNAVAILABLE"),
        ("no_available_channel", 503, "UNAVAILABLE"),
        ("upstream_timeout", 504, "DEADLINE_EXCEEDED"),
    ],
)
def test_status_names(code: str, status: int, name: str) -> None:
    error = errors.envelope(RelayError(code, "No."), "r1")["error"]
    assert (error["code"], error["status"]) == (status, name)
    assert error["message"] == "No. (request id: r1)"


def test_every_status_has_a_name() -> None:
    for status, _ in TABLE.values():
        assert status in errors.STATUS
    assert (errors.status_name(418), errors.status_name(599)) == ("INVALID_ARGUMENT", "INTERNAL")


def test_details_name_the_field_and_the_wait() -> None:
    error = RelayError("rate_limit_exceeded", "Slow.", param="model", headers={"Retry-After": "7"})
    details = errors.envelope(error, "r1")["error"]["details"]
    kinds = {detail["@type"].rpartition(".")[2]: detail for detail in details}
    assert kinds["ErrorInfo"]["reason"] == "RATE_LIMIT_EXCEEDED"
    assert kinds["RequestInfo"]["requestId"] == "r1"
    assert kinds["RetryInfo"]["retryDelay"] == "7s"
    assert kinds["BadRequest"]["fieldViolations"] == [{"field": "model", "description": "Slow."}]


def test_in_a_stream() -> None:
    error = RelayError("upstream_cut", "Broken.")
    frame = errors.stream_error(error, "r1")
    assert frame.startswith(b"data: ") and frame.endswith(b"\n\n")
    assert orjson.loads(frame[6:]) == errors.envelope(error, "r1")


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (
            {"error": {"code": 429, "message": "Quota.", "status": "RESOURCE_EXHAUSTED"}},
            ("RESOURCE_EXHAUSTED", "Quota."),
        ),
        (
            {
                "error": {
                    "message": "API key not valid.",
                    "status": "INVALID_ARGUMENT",
                    "details": [{"@type": "x"}, {"reason": "API_KEY_INVALID"}],
                }
            },
            ("API_KEY_INVALID", "API key not valid."),
        ),
        ([{"error": {"message": "m", "status": "INTERNAL"}}], ("INTERNAL", "m")),
        ({"error": "plain"}, (None, "plain")),
        ({"error": {"message": 7, "status": 7, "details": 7}}, (None, "")),
        ({}, (None, "")),
        (None, (None, "")),
        ([7], (None, "")),
    ],
)
def test_what_an_upstream_says(body: Any, found: tuple[str | None, str]) -> None:
    assert errors.parse(body) == found
