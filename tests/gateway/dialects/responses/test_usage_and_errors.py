"""Usage, errors and text of the Responses API, as they are and as others need them."""

import pytest

from gateway.dialects.responses import errors, text, usage
from gateway.formats.images import Image
from gateway.relay.errors import RelayError
from tests.gateway.dialects.responses import oracle
from tests.gateway.dialects.responses.examples import AGENT, COMPLETION, USAGE, Json

CLASSES = {"input": 40, "cached": 60, "output": 20, "reasoning": 30}


@pytest.mark.parametrize("kind", ["completed", "incomplete", "failed"])
def test_usage_is_found_in_every_last_event(kind: str) -> None:
    found = usage.find({"type": f"response.{kind}", "response": {"id": "r", "usage": USAGE}})
    assert found == USAGE


@pytest.mark.parametrize(
    "holder",
    [
        {"type": "response.created", "response": {"usage": None}},
        {"type": "response.output_text.delta", "delta": "usage"},
        {"object": "response", "usage": None},
        {"usage": 5},
        {"response": "usage"},
        [],
        None,
    ],
)
def test_no_usage_is_found_where_there_is_none(holder: Json) -> None:
    assert usage.find(holder) is None


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (USAGE, CLASSES),
        (
            {
                "input_tokens": 10,
                "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3},
                "output_tokens": 1,
            },
            {"input": 3, "cached": 4, "cache_write": 3, "output": 1},
        ),
        ({"input_tokens": -5, "output_tokens": 2}, {"output": 2}),
        ({"input_tokens": None}, None),
        ({}, None),
        (None, None),
    ],
)
def test_classes_are_disjoint(report: Json | None, expected: Json | None) -> None:
    assert usage.classes(report) == expected


def test_usage_there_and_back() -> None:
    assert usage.find({"object": "response", "usage": USAGE}) == USAGE
    assert usage.from_chat(COMPLETION["usage"]) == USAGE
    assert usage.from_chat(usage.to_chat(USAGE)) == USAGE
    assert usage.from_chat(None) is None and usage.to_chat({"input_tokens": "5"}) is None


def test_reasoning_that_is_counted_beside_the_output_becomes_part_of_it() -> None:
    report = {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "total_tokens": 115,
        "completion_tokens_details": {"reasoning_tokens": 100},
    }
    found = usage.from_chat(report)
    assert found is not None
    assert (found["output_tokens"], found["total_tokens"]) == (105, 115)


def test_later_reports_replace_what_they_repeat() -> None:
    assert usage.merge({"input_tokens": 1, "output_tokens": 2}, {"output_tokens": 3}) == {
        "input_tokens": 1,
        "output_tokens": 3,
    }


QUOTA = RelayError("insufficient_quota", "Top up.", param="model")


def test_the_error_body_is_openais() -> None:
    assert errors.envelope(QUOTA, "r1") == {
        "error": {
            "message": "Top up. (request id: r1)",
            "type": "insufficient_quota",
            "param": "model",
            "code": "insufficient_quota",
        }
    }


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (QUOTA, "server_error"),
        (RelayError("rate_limit_exceeded", "Slow down."), "rate_limit_exceeded"),
        (RelayError("requests", "S.", status=429, type="rate_limit_error"), "rate_limit_exceeded"),
        (RelayError("invalid_value", "Wrong."), "invalid_prompt"),
        (RelayError("upstream_timeout", "Late."), "server_error"),
    ],
)
def test_an_error_in_a_stream(error: RelayError, code: str) -> None:
    told, failed = oracle.events(errors.stream_error(error, "r1", sequence=5))
    assert (told["type"], told["code"], told["sequence_number"]) == ("error", error.code, 5)
    assert told["message"] == f"{error.message} (request id: r1)"
    assert (failed["type"], failed["sequence_number"]) == ("response.failed", 6)
    assert failed["response"]["error"]["code"] == code
    assert failed["response"]["id"] == "resp_r1"
    own = oracle.events(errors.stream_error(error, "r1", "resp_upstream"))
    assert own[1]["response"]["id"] == "resp_upstream"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"error": {"message": "m", "type": "t", "code": "c"}}, ("c", "m")),
        ({"error": {"message": "m", "type": "t", "code": None}}, ("t", "m")),
        ({"error": "m"}, (None, "m")),
        ({"type": "error", "message": "m", "code": "c"}, ("c", "m")),
        ({"type": "error", "message": "m"}, (None, "m")),
        (
            {"type": "response.failed", "response": {"error": {"code": "c", "message": "m"}}},
            ("c", "m"),
        ),
        ({"object": "response", "error": {"code": "c", "message": "m"}}, ("c", "m")),
        ({}, (None, "The upstream service could not answer.")),
        ("m", (None, "The upstream service could not answer.")),
    ],
)
def test_upstreams_errors_are_read(body: Json, expected: tuple[str | None, str]) -> None:
    assert errors.parse(body) == expected


def test_all_text_of_an_answer_is_found() -> None:
    output = [
        {"type": "reasoning", "summary": [{"text": "a"}], "content": [{"text": "b"}]},
        {"type": "message", "content": [{"text": "c"}, {"refusal": "d"}]},
        {"type": "function_call", "name": "e", "arguments": "f"},
        {"type": "custom_tool_call", "name": "g", "input": "h"},
    ]
    assert "".join(text.of_answer({"object": "response", "output": output})) == "abcdefgh"


def test_a_streams_text_is_found_once() -> None:
    events = [
        {"type": "response.output_item.added", "item": {"name": "f"}},
        {"type": "response.function_call_arguments.delta", "delta": "{}"},
        {"type": "response.function_call_arguments.done", "arguments": "{}"},
        {"type": "response.reasoning_summary_text.delta", "delta": "t"},
        {"type": "response.output_text.delta", "delta": "a"},
        {"type": "response.output_text.done", "text": "a"},
        {"type": "response.completed", "response": {"output": [{"content": [{"text": "a"}]}]}},
    ]
    assert [said for event in events for said in text.of_answer(event)] == ["f", "{}", "t", "a"]


def test_a_requests_text_is_found() -> None:
    found = text.of_request(AGENT)
    said = "".join(found.texts)
    for piece in ("You are an agent.", "Fix it.", "Look first.", "ls", "a.py", "Begin Patch"):
        assert piece in said
    assert "aGVsbG8" not in said and found.images == [Image(None, low=True)]
    assert text.of_request({"input": "hi"}).texts == ["hi"]
