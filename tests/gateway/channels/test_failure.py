"""What is read from a failed answer: its labels and how long it asks to be left alone."""

import math
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.channels.failure import MAX_LABEL, labels, of_answer, of_call
from gateway.channels.waits import LONGEST_S, wait_of
from tests.gateway.channels.anything import anything, vendor

NOW_S = 1_700_000_000.0


@pytest.mark.parametrize(
    ("parsed", "code", "kind"),
    [
        ({"error": {"code": "invalid_api_key", "type": "t"}}, "invalid_api_key", "t"),
        ({"error": {"code": None, "type": "server_error"}}, "", "server_error"),
        ({"type": "error", "error": {"type": "overloaded_error"}}, "", "overloaded_error"),
        (
            {
                "error": {
                    "code": 400,
                    "status": "INVALID_ARGUMENT",
                    "details": [{"@type": "x"}, {"reason": "API_KEY_INVALID"}],
                }
            },
            "API_KEY_INVALID",
            "INVALID_ARGUMENT",
        ),
        ([{"error": {"status": "RESOURCE_EXHAUSTED"}}], "", "RESOURCE_EXHAUSTED"),
        ({"error_code": 17, "error_msg": "daily limit"}, "17", ""),
        ({"base_resp": {"status_code": 1008, "status_msg": "m"}}, "1008", ""),
        ({"header": {"code": 10013}}, "10013", ""),
        ({"code": "InvalidApiKey", "message": "m"}, "InvalidApiKey", ""),
        ({"code": 30001, "message": "m"}, "30001", ""),
        ({"response": {"error": {"code": "server_error"}}}, "server_error", ""),
        ({"__type": "UnrecognizedClientException"}, "", "UnrecognizedClientException"),
        ({"error": "invalid_api_key"}, "", ""),
        ("Invalid token", "", ""),
        ({"error": {"code": True, "type": ["x"]}}, "", ""),
        ([], "", ""),
        (None, "", ""),
    ],
)
def test_labels_are_found_where_vendors_put_them(parsed: Any, code: str, kind: str) -> None:
    assert labels(parsed) == (code, kind)


@given(anything)
def test_no_answer_is_too_odd_to_be_read(parsed: Any) -> None:
    failure = of_answer(vendor(), 500, {}, parsed, NOW_S)
    assert failure.means == 500
    assert len(failure.code) <= MAX_LABEL and len(failure.type) <= MAX_LABEL
    inside = of_answer(vendor(), 200, {}, parsed, NOW_S)
    assert inside.means is not None and 400 <= inside.means < 600


@pytest.mark.parametrize(
    ("error", "means"),
    [
        ({"code": "rate_limit_exceeded"}, 429),
        ({"type": "overloaded_error"}, 529),
        ({"code": 503, "message": "m"}, 503),
        ({"code": "429"}, 429),
        ({"code": 400, "status": "INVALID_ARGUMENT"}, 400),
        ({"type": "invalid_request_error", "code": "context_length_exceeded"}, 400),
        ({"message": "rate_limit_exceeded"}, 502),
    ],
)
def test_an_error_inside_a_200_stands_for_a_status(error: Any, means: int) -> None:
    failure = of_answer(vendor(), 200, {}, {"error": error}, NOW_S)
    assert (failure.status, failure.means) == (200, means)


def test_a_code_that_repeats_the_status_is_no_label() -> None:
    assert of_answer(vendor(), 401, {}, {"error": {"code": "401"}}, NOW_S).code == ""
    assert of_answer(vendor(), 402, {}, {"error": {"code": 402}}, NOW_S).code == ""


def test_a_call_without_an_answer_has_no_status() -> None:
    failure = of_call(vendor("openai", 36), "upstream_timeout")
    assert (failure.protocol, failure.vendor, failure.status) == ("openai", 36, None)
    assert (failure.means, failure.code) == (None, "upstream_timeout")


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "7", "retry-after-ms": "250"}, 0.25),
        ({"x-ms-retry-after-ms": "1200"}, 1.2),
        ({"retry-after-ms": "soon", "retry-after": "2"}, 2.0),
        ({"retry-after": formatdate(NOW_S + 30, usegmt=True)}, 30.0),
        ({"retry-after": formatdate(NOW_S - 30, usegmt=True)}, 0.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:30 -0000"}, 10.0),
        ({"retry-after": "999999999"}, LONGEST_S),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "1e3"}, None),
        ({"retry-after": "٣"}, None),
        ({"retry-after": "tomorrow"}, None),
        ({"retry-after": "Tue, 99 Nov 99999 22:13:30 GMT"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], wait_s: float | None) -> None:
    assert wait_of(headers, None, NOW_S) == wait_s


@pytest.mark.parametrize(
    ("delay", "wait_s"), [("34.074824224s", 34.074824224), ("5s", 5.0), ("5", None), (5, None)]
)
def test_google_says_it_in_the_body(delay: Any, wait_s: float | None) -> None:
    body = {"error": {"details": [None, {"@type": "x"}, {"retryDelay": delay}]}}
    assert wait_of({}, body, NOW_S) == wait_s
    assert wait_of({}, [body], NOW_S) == wait_s
    assert wait_of({"retry-after": "1"}, body, NOW_S) == 1.0


@given(
    st.text() | st.from_regex(r"\A[A-Z][a-z]{2}, \d+ [A-Z][a-z]{2} \d+ \d+:\d+:\d+.*\Z"), anything
)
def test_any_header_and_body_give_a_bounded_wait(said: str, parsed: Any) -> None:
    for name in ("retry-after", "retry-after-ms"):
        wait_s = wait_of({name: said}, parsed, NOW_S)
        assert wait_s is None or (math.isfinite(wait_s) and 0 <= wait_s <= LONGEST_S)
