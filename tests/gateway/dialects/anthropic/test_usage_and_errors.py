"""Usage in Anthropic's semantics, and errors in its envelope."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.anthropic import errors, usage
from gateway.formats import usage as chat_usage
from gateway.relay.errors import RelayError, of_call
from ledger.quote import USAGE_CLASSES

FIVE_MINUTES, AN_HOUR = 20, 30
LIFETIMES = {
    "ephemeral_5m_input_tokens": FIVE_MINUTES,
    "ephemeral_1h_input_tokens": AN_HOUR,
}
WRITES = {"cache_write": FIVE_MINUTES, "cache_write_1h": AN_HOUR}
FULL = {
    "input_tokens": 10,
    "cache_read_input_tokens": 40,
    "cache_creation_input_tokens": 50,
    "cache_creation": LIFETIMES,
    "output_tokens": 7,
    "output_tokens_details": {"thinking_tokens": 3},
}


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        ({"input_tokens": 3, "output_tokens": 4}, {"input": 3, "output": 4}),
        (
            FULL,
            {
                "input": 10,
                "cached": 40,
                "cache_write": FIVE_MINUTES,
                "cache_write_1h": AN_HOUR,
                "output": 4,
                "reasoning": 3,
            },
        ),
        ({"cache_creation": LIFETIMES}, {"input": 0, **WRITES}),
        ({"cache_creation_input_tokens": 50}, {"input": 0, "cache_write": 50}),
        (
            {"cache_creation": {"ephemeral_1h_input_tokens": 9}, "cache_creation_input_tokens": 4},
            {"input": 0, "cache_write_1h": 4},
        ),
        (
            {"output_tokens": 1, "server_tool_use": {"web_search_requests": 3}},
            {"output": 1, "web_searches": 3},
        ),
        (
            {"output_tokens": 1, "server_tool_use": ["web_search_requests"]},
            {"output": 1},
        ),
        (
            {"cache_creation": LIFETIMES, "cache_creation_input_tokens": 0},
            {"input": 0, **WRITES},
        ),
        ({"output_tokens": 2}, {"output": 2}),
        ({"input_tokens": -3, "output_tokens": 2.0}, {"output": 2}),
        (
            {"output_tokens": 2, "output_tokens_details": {"thinking_tokens": 9}},
            {"output": 0, "reasoning": 2},
        ),
        ({"input_tokens": None, "output_tokens": "4"}, None),
        ({"input_tokens": True}, None),
        ({}, None),
        ([], None),
    ],
)
def test_reports_become_disjoint_classes(report: Any, expected: Any) -> None:
    assert usage.classes(report) == expected
    assert set(expected or ()) <= set(USAGE_CLASSES)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"type": "message_start", "message": {"usage": FULL}}, FULL),
        ({"type": "message_delta", "usage": {"output_tokens": 1}}, {"output_tokens": 1}),
        ({"type": "message", "usage": FULL}, FULL),
        ({"type": "ping"}, None),
        ({"usage": 3, "message": []}, None),
        (None, None),
    ],
)
def test_where_reports_are(source: Any, expected: Any) -> None:
    assert usage.find(source) == expected


@pytest.mark.parametrize(
    ("reports", "expected"),
    [
        (
            [{"input_tokens": 25, "output_tokens": 1}, {"output_tokens": 15}],
            {"input": 25, "output": 15},
        ),
        (
            [{"input_tokens": 25, "output_tokens": 1}, {"input_tokens": 25, "output_tokens": 15}],
            {"input": 25, "output": 15},
        ),
        (
            [
                {"input_tokens": 100, "output_tokens": 1},
                {"input_tokens": 0, "cache_read_input_tokens": 100, "output_tokens": 2},
            ],
            {"input": 0, "cached": 100, "output": 2},
        ),
        (
            [{"input_tokens": 25, "output_tokens": 9}, {"input_tokens": 0, "output_tokens": 0}],
            {"input": 25, "output": 9},
        ),
        (
            [
                {"input_tokens": 0, "output_tokens": 0},
                {"input_tokens": 8, "output_tokens": 3, "cache_read_input_tokens": None},
            ],
            {"input": 8, "output": 3},
        ),
    ],
)
def test_the_reports_of_a_stream_are_merged_not_summed(
    reports: list[dict[str, Any]], expected: dict[str, int]
) -> None:
    known = None
    for report in reports:
        known = usage.merge(known, report)
    assert known is not None
    assert usage.classes(known) == expected


COUNTS = st.integers(0, 10**9)


@given(COUNTS, COUNTS, COUNTS, COUNTS, COUNTS)
def test_both_formats_say_the_same(
    fresh: int, read: int, written: int, output: int, thinking: int
) -> None:
    report = {
        "input_tokens": fresh,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": written,
        "output_tokens": output,
        "output_tokens_details": {"thinking_tokens": thinking},
    }
    as_chat = usage.to_chat(report)
    assert as_chat is not None
    assert as_chat["prompt_tokens"] == fresh + read + written
    ours = {n: c for n, c in (usage.classes(report) or {}).items() if c}
    assert {n: c for n, c in (chat_usage.classes(as_chat) or {}).items() if c} == ours
    assert {n: c for n, c in (usage.classes(usage.from_chat(as_chat)) or {}).items() if c} == ours


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (405, "invalid_request_error"),
        (413, "request_too_large"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (503, "overloaded_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
    ],
)
def test_errors_by_status(status: int, kind: str) -> None:
    error = RelayError("some_code", "It went wrong.", status=status)
    expected = {
        "type": "error",
        "error": {"type": kind, "message": "It went wrong."},
        "request_id": "req-1",
    }
    assert errors.envelope(error, "req-1") == expected


def test_an_error_inside_a_stream() -> None:
    event = errors.stream_error(of_call("upstream_timeout"), "req-1")
    name, data, *rest = event.split(b"\n")
    assert name == b"event: error" and rest == [b"", b""]
    assert orjson.loads(data.removeprefix(b"data: "))["error"]["type"] == "timeout_error"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            {"type": "error", "error": {"type": "overloaded_error", "message": "Busy"}},
            ("overloaded_error", "Busy"),
        ),
        ({"type": "error", "message": "Busy"}, (None, "Busy")),
        ({"error": {"code": "x", "message": "Busy"}}, ("x", "Busy")),
        ({"error": "Busy"}, (None, "Busy")),
        ({"detail": "Busy"}, (None, "Busy")),
        ({"error": {"message": 5}}, (None, "")),
        ([], (None, "")),
        (None, (None, "")),
    ],
)
def test_what_upstreams_say_is_read(body: Any, expected: tuple[str | None, str]) -> None:
    assert errors.parse(body) == expected
