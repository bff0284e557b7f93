"""Responses streams as chat streams, also those of upstreams that leave events out."""

from typing import Any

import pytest
from openai.types.chat import ChatCompletionChunk

from gateway.dialects.responses.stream import ToChat
from tests.gateway.dialects.responses.examples import USAGE, Json


def begun(**more: Any) -> Json:
    response = {"id": "resp_1", "created_at": 7.0, "model": "m", "output": [], **more}
    return {"type": "response.created", "response": response, "sequence_number": 0}


def ended(kind: str = "completed", **more: Any) -> Json:
    return {"type": f"response.{kind}", "response": {"id": "resp_1", "status": kind, **more}}


def text(said: str, **more: Any) -> Json:
    where = {"output_index": 0, "content_index": 0, "item_id": "i"}
    return {"type": "response.output_text.delta", "delta": said, "logprobs": [], **where, **more}


def item(when: str, index: int = 0, **fields: Any) -> Json:
    return {"type": f"response.output_item.{when}", "output_index": index, "item": fields}


FUNCTION = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": ""}


def given(*events: Json) -> list[Json]:
    stream = ToChat()
    chunks = [chunk for event in events for chunk in stream.feed(event)]
    assert stream.finished and stream.end() == []
    assert stream.feed(text("late")) == []
    for chunk in chunks:
        if "error" not in chunk:
            ChatCompletionChunk.model_validate(chunk, strict=True)
    return chunks


def deltas(chunks: list[Json]) -> list[Json]:
    found = [chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]]
    assert found[0] == {"role": "assistant", "content": ""} and found[-1] == {}
    return found[1:-1]


def test_text_and_usage() -> None:
    chunks = given(begun(), text("a"), text("b"), ended(usage=USAGE, service_tier="flex"))
    assert deltas(chunks) == [{"content": "a"}, {"content": "b"}]
    assert (chunks[0]["id"], chunks[0]["created"], chunks[0]["model"]) == ("chatcmpl-1", 7, "m")
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert (chunks[-1]["choices"], chunks[-1]["service_tier"]) == ([], "flex")
    assert chunks[-1]["usage"] == {
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "total_tokens": 150,
        "prompt_tokens_details": {"cached_tokens": 60},
        "completion_tokens_details": {"reasoning_tokens": 30},
    }


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param(
            [
                {"type": "response.reasoning_summary_text.delta", "delta": "a", "summary_index": 0},
                {"type": "response.reasoning_summary_text.delta", "delta": "b", "summary_index": 0},
                {"type": "response.reasoning_summary_text.delta", "delta": "c", "summary_index": 1},
            ],
            [{"reasoning_content": said} for said in ("a", "b", "\n\nc")],
            id="a summary of two parts",
        ),
        pytest.param(
            [
                {"type": "response.reasoning_text.delta", "delta": "a", "content_index": 0},
                {"type": "response.reasoning_summary_text.delta", "delta": "b", "summary_index": 0},
            ],
            [{"reasoning_content": "a"}],
            id="reasoning is told once",
        ),
        pytest.param(
            [{"type": "response.refusal.delta", "delta": "no"}], [{"refusal": "no"}], id="a refusal"
        ),
        pytest.param(
            [
                {"type": "response.output_text.done", "output_index": 0, "text": "all"},
                {"type": "response.output_text.done", "output_index": 0, "text": "all"},
            ],
            [{"content": "all"}],
            id="text told only at its end",
        ),
        pytest.param(
            [text("all"), {**text(""), "type": "response.output_text.done", "text": "all"}],
            [{"content": "all"}],
            id="text is told once",
        ),
    ],
)
def test_what_is_said(events: list[Json], expected: list[Json]) -> None:
    assert deltas(given(begun(), *events, ended())) == expected


ADDED = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}
GIVEN = {"type": "response.function_call_arguments.delta", "output_index": 2, "delta": "{}"}


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param(
            [
                item("added", 2, **FUNCTION),
                GIVEN,
                {**GIVEN, "type": "response.function_call_arguments.done", "arguments": "{}"},
                item("done", 2, **{**FUNCTION, "arguments": "{}"}),
            ],
            [{"index": 0, **ADDED}, {"index": 0, "function": {"arguments": "{}"}}],
            id="as OpenAI tells it",
        ),
        pytest.param(
            [item("added", 2, **FUNCTION), item("done", 2, **{**FUNCTION, "arguments": "{}"})],
            [{"index": 0, **ADDED}, {"index": 0, "function": {"arguments": "{}"}}],
            id="arguments only at the end",
        ),
        pytest.param(
            [item("done", 2, **{**FUNCTION, "arguments": "{}"})],
            [{"index": 0, **ADDED, "function": {"name": "f", "arguments": "{}"}}],
            id="the whole call only at the end",
        ),
    ],
)
def test_calls(events: list[Json], expected: list[Json]) -> None:
    chunks = given(begun(), *events, ended())
    assert [call for delta in deltas(chunks) for call in delta["tool_calls"]] == expected
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize(
    ("reason", "finish"),
    [("max_output_tokens", "length"), ("content_filter", "content_filter"), (None, "length")],
)
def test_answers_cut_short(reason: str | None, finish: str) -> None:
    chunks = given(begun(), text("a"), ended("incomplete", incomplete_details={"reason": reason}))
    assert chunks[-1]["choices"][0]["finish_reason"] == finish


@pytest.mark.parametrize(
    "event",
    [
        ended("failed", error={"code": "server_error", "message": "Sorry."}),
        {"type": "error", "code": "server_error", "message": "Sorry.", "param": None},
        {"type": "error", "error": {"type": "server_error", "message": "Sorry."}},
    ],
)
def test_failures(event: Json) -> None:
    error = given(begun(), text("a"), event)[-1]["error"]
    assert (error["code"], error["message"]) == ("server_error", "Sorry.")


def test_a_failure_still_tells_its_usage() -> None:
    last = given(begun(), ended("failed", error={"message": "Sorry."}, usage=USAGE))[-1]
    assert last["usage"]["prompt_tokens"] == 100


def test_a_stream_that_breaks_off_is_not_finished() -> None:
    stream = ToChat()
    stream.feed(begun())
    assert stream.end() == [] and not stream.finished
