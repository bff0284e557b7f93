"""Chat streams as Responses streams: every event valid, and the same answer however it is cut."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.dialects.responses import answer
from gateway.dialects.responses.stream import FromChat, ToChat
from gateway.relay.errors import RelayError
from tests.gateway.dialects.responses import oracle
from tests.gateway.dialects.responses.examples import AGENT, COMPLETION, USAGE, Json, chunk

CALL = {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}


def more(given: str, index: int = 0) -> Json:
    return {"tool_calls": [{"index": index, "function": {"arguments": given}}]}


def streamed(*chunks: Json, body: Json | None = None) -> list[Json]:
    stream = FromChat({"model": "m"} if body is None else body)
    written = b"".join([*map(stream.feed, chunks), stream.end()])
    assert stream.end() == b"" and stream.feed(chunk({"content": "late"})) == b""
    return oracle.whole(written)


def kinds(events: list[Json]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events[2:]]


ANNOUNCED = ["output_item.added", "content_part.added"]
TEXT_CLOSED = ["output_text.done", "content_part.done", "output_item.done"]


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        pytest.param([], ["completed"], id="nothing at all"),
        pytest.param(
            [chunk({"role": "assistant", "content": ""}), chunk({}, "stop")],
            ["completed"],
            id="an empty answer",
        ),
        pytest.param(
            [chunk({"content": "a"}), chunk({"content": "b"}), chunk({}, "length")],
            [*ANNOUNCED, *["output_text.delta"] * 2, *TEXT_CLOSED, "incomplete"],
            id="text cut short",
        ),
        pytest.param(
            [chunk({"reasoning_content": "t"}), chunk({"content": "a"}, "stop")],
            [
                "output_item.added",
                "reasoning_summary_part.added",
                "reasoning_summary_text.delta",
                "reasoning_summary_text.done",
                "reasoning_summary_part.done",
                "output_item.done",
                *ANNOUNCED,
                "output_text.delta",
                *TEXT_CLOSED,
                "completed",
            ],
            id="reasoning, then text",
        ),
        pytest.param(
            [chunk({"refusal": "n"}), chunk({"refusal": "o"}, "stop")],
            [
                *ANNOUNCED,
                *["refusal.delta"] * 2,
                "refusal.done",
                *TEXT_CLOSED[1:],
                "completed",
            ],
            id="a refusal",
        ),
        pytest.param(
            [
                chunk({"tool_calls": [CALL]}),
                chunk(more("{")),
                chunk({"tool_calls": [{**CALL, "index": 1, "id": "c2"}]}),
                chunk(more("}")),
                chunk(more("{}", 1), "tool_calls"),
            ],
            [
                "output_item.added",
                "function_call_arguments.delta",
                "output_item.added",
                *["function_call_arguments.delta"] * 2,
                *["function_call_arguments.done", "output_item.done"] * 2,
                "completed",
            ],
            id="two calls, told in turns",
        ),
        pytest.param(
            [
                chunk(
                    {
                        "content": "a",
                        "annotations": COMPLETION["choices"][0]["message"]["annotations"],
                    }
                )
            ],
            [*ANNOUNCED, "output_text.delta", "output_text.annotation.added", *TEXT_CLOSED]
            + ["completed"],
            id="a citation",
        ),
    ],
)
def test_events(chunks: list[Json], expected: list[str]) -> None:
    assert kinds(streamed(*chunks)) == expected


def test_usage_comes_with_the_last_event() -> None:
    events = streamed(chunk({"content": "a"}, "stop"), chunk(usage=COMPLETION["usage"]), body=AGENT)
    assert [e["response"]["usage"] for e in events if "response" in e] == [None, None, USAGE]
    assert events[-1]["response"]["instructions"] == AGENT["instructions"]


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        pytest.param(
            [
                [{"function": {"name": "f", "arguments": "1"}, "id": "a"}],
                [{"function": {"arguments": "2"}}],
                [{"function": {"name": "g", "arguments": "3"}, "id": "b"}],
                [{"function": {"arguments": "4"}}],
            ],
            [("a", "f", "12"), ("b", "g", "34")],
            id="no index",
        ),
        pytest.param(
            [
                [{"index": 0, "function": {"name": "f", "arguments": "1"}, "id": "a"}],
                [{"index": 0, "function": {"name": "f", "arguments": "2"}, "id": "b"}],
            ],
            [("a", "f", "1"), ("b", "f", "2")],
            id="index 0 for all",
        ),
        pytest.param(
            [
                [{"index": 0, "function": {"name": "f", "arguments": "1"}, "id": "a"}],
                [{"index": 0, "function": {"name": "f", "arguments": "2"}, "id": "a"}],
            ],
            [("a", "f", "12")],
            id="everything repeated",
        ),
        pytest.param(
            [
                [{"index": 0, "function": {"arguments": "1"}}],
                [{"index": 0, "function": {"name": "f", "arguments": "2"}}],
            ],
            [("call_Ab1_0", "f", "12")],
            id="the name late, and no id",
        ),
        pytest.param(
            [[{"index": 0, "id": "a", "function": {"name": "f", "arguments": {"x": 1}}}]],
            [("a", "f", '{"x":1}')],
            id="arguments that are parsed already",
        ),
    ],
)
def test_calls_as_vendors_tell_them(
    pieces: list[list[Json]], expected: list[tuple[str, str, str]]
) -> None:
    events = streamed(*(chunk({"tool_calls": piece}) for piece in pieces))
    output = events[-1]["response"]["output"]
    assert [(c["call_id"], c["name"], c["arguments"]) for c in output] == expected


def test_only_the_last_item_of_a_cut_answer_is_incomplete() -> None:
    events = streamed(chunk({"content": "a"}), chunk({"tool_calls": [CALL]}), chunk({}, "length"))
    output = events[-1]["response"]["output"]
    assert [item["status"] for item in output] == ["completed", "incomplete"]


@pytest.mark.parametrize("said", [[], [chunk({"content": "a"}), chunk({"tool_calls": [CALL]})]])
def test_a_failure_ends_the_stream(said: list[Json]) -> None:
    stream = FromChat({"model": "m"}, request_id="r1")
    error = RelayError("upstream_cut", "Broken off.")
    written = b"".join([*map(stream.feed, said), stream.fail(error, "r1")])
    events = oracle.whole(written)
    assert stream.end() == b"" and stream.fail(error, "r1") == b""
    told, failed = events[-2:]
    assert (told["type"], told["code"]) == ("error", "upstream_cut")
    assert failed["response"]["error"]["code"] == "server_error"
    assert failed["response"]["id"] == events[0]["response"]["id"] == "resp_r1"
    assert [item["status"] for item in failed["response"]["output"]] == (
        ["completed", "incomplete"] if said else []
    )


def test_an_error_from_upstream_ends_the_stream() -> None:
    stream = FromChat({"model": "m"})
    written = stream.feed(chunk({"content": "a"})) + stream.feed({"error": {"message": "Bad."}})
    last = oracle.whole(written)[-1]
    assert "Bad." in last["response"]["error"]["message"]


TEXTS = st.text(min_size=1, max_size=8)
CALLS = st.lists(st.tuples(TEXTS, st.booleans(), TEXTS), max_size=3)


@settings(max_examples=100, deadline=None)
@given(st.data(), TEXTS | st.just(""), TEXTS | st.just(""), TEXTS | st.just(""), CALLS)
def test_however_it_is_cut_it_is_the_answer_given_whole(
    data: st.DataObject, thought: str, said: str, refusal: str, calls: list[tuple[str, bool, str]]
) -> None:
    finish = data.draw(st.sampled_from(["stop", "length", "tool_calls", "content_filter"]))
    message: Json = {
        "role": "assistant",
        "reasoning_content": thought,
        "content": said,
        "refusal": refusal,
        "tool_calls": [_call(n, *call) for n, call in enumerate(calls)],
    }
    choice = {"index": 0, "message": message, "finish_reason": finish}
    whole = {**COMPLETION, "choices": [choice]}
    deltas = list(_deltas(data, message))
    chunks = [*map(chunk, deltas), chunk({}, finish), chunk(usage=COMPLETION["usage"])]
    chunks = [chunk({"role": "assistant"}, service_tier="default"), *chunks]
    events = streamed(*chunks, body=AGENT)
    assert events[-1]["response"] == answer.from_chat(whole, AGENT)
    assert _joined(events) == _told(answer.to_chat(events[-1]["response"]))


def _call(number: int, name: str, custom: bool, given: str) -> Json:
    if custom:
        inner = {"type": "custom", "custom": {"name": name, "input": given}}
    else:
        inner = {"type": "function", "function": {"name": name, "arguments": given}}
    return {"index": number, "id": f"c{number}", **inner}


def _deltas(data: st.DataObject, message: Json) -> Any:
    for name in ("reasoning_content", "content", "refusal"):
        for piece in _cut(data, message[name]):
            yield {name: piece}
    for call in message["tool_calls"]:
        kind, field = ("custom", "input") if "custom" in call else ("function", "arguments")
        first, *rest = [*_cut(data, call[kind][field]), ""]
        yield {"tool_calls": [{**call, kind: {**call[kind], field: first}}]}
        for piece in rest:
            yield {"tool_calls": [{"index": call["index"], kind: {field: piece}}]}


def _cut(data: st.DataObject, said: str) -> list[str]:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(said)), max_size=3)))
    return [said[a:b] for a, b in zip([0, *cuts], [*cuts, len(said)], strict=True)]


def _joined(events: list[Json]) -> Json:
    """Return what the chunks that the events become say together."""
    stream = ToChat()
    chunks = [one for event in events for one in stream.feed(event)] + stream.end()
    assert stream.finished
    told: Json = {"calls": {}, "usage": chunks[-1]["usage"]}
    for one in chunks:
        for choice in one["choices"]:
            for name in ("reasoning_content", "content", "refusal"):
                told[name] = told.get(name, "") + (choice["delta"].get(name) or "")
            for call in choice["delta"].get("tool_calls", ()):
                kind = "custom" if "custom" in call else "function"
                known = told["calls"].setdefault(call["index"], {"id": call.get("id")})
                for name, value in call[kind].items():
                    known[name] = known.get(name, "") + value
            told["finish"] = choice["finish_reason"]
    return told


def _told(completion: Json) -> Json:
    choice = completion["choices"][0]
    message = choice["message"]
    calls = {
        number: {"id": call["id"], **call[call["type"]]}
        for number, call in enumerate(message.get("tool_calls", ()))
    }
    texts = {n: message.get(n) or "" for n in ("reasoning_content", "content", "refusal")}
    usage = completion["usage"]
    return {"calls": calls, "usage": usage, "finish": choice["finish_reason"], **texts}
