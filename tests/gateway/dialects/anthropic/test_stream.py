"""Streams in both directions: order, content, and ends."""

from itertools import count
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

from gateway.dialects.anthropic import answer, stream
from gateway.dialects.anthropic.stream import FromChat, ToChat

THINKING = {"thinking": {"type": "adaptive"}, "model": "m"}


def start(index: int, **block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": fields}


def stop(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


BEGIN = {
    "type": "message_start",
    "message": {"id": "msg_1", "model": "claude", "usage": {"input_tokens": 9, "output_tokens": 1}},
}
END = {
    "type": "message_delta",
    "delta": {"stop_reason": "tool_use", "stop_sequence": None},
    "usage": {"output_tokens": 21},
}
EVENTS = [
    BEGIN,
    {"type": "ping"},
    start(0, type="thinking", thinking="", signature=""),
    delta(0, type="thinking_delta", thinking="h"),
    delta(0, type="thinking_delta", thinking="m"),
    delta(0, type="signature_delta", signature="sig"),
    stop(0),
    start(1, type="text", text=""),
    delta(1, type="text_delta", text="Hel"),
    delta(1, type="text_delta", text="lo"),
    stop(1),
    start(2, type="tool_use", id="toolu_1", name="f", input={}),
    delta(2, type="input_json_delta", partial_json=""),
    delta(2, type="input_json_delta", partial_json='{"x":'),
    delta(2, type="input_json_delta", partial_json="[1]}"),
    stop(2),
    start(3, type="tool_use", id="toolu_2", name="g", input={}),
    stop(3),
    END,
    {"type": "message_stop"},
]
WHOLE = {
    "id": "msg_1",
    "model": "claude",
    "content": [
        {"type": "thinking", "thinking": "hm", "signature": "sig"},
        {"type": "text", "text": "Hello"},
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"x": [1]}},
        {"type": "tool_use", "id": "toolu_2", "name": "g", "input": {}},
    ],
    "stop_reason": "tool_use",
    "usage": {"input_tokens": 9, "output_tokens": 21},
}


def joined(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """Put a completion together from chunks, as OpenAI's clients do."""
    message: dict[str, Any] = {"role": "assistant", "content": None}
    calls: dict[int, dict[str, Any]] = {}
    found: dict[str, Any] = {"object": "chat.completion", "finish_reason": None}
    for chunk in chunks:
        found |= {
            name: chunk[name] for name in ("id", "created", "model", "usage") if name in chunk
        }
        for choice in chunk["choices"]:
            found["finish_reason"] = choice["finish_reason"] or found["finish_reason"]
            for name, value in choice["delta"].items():
                if name == "tool_calls":
                    for piece in value:
                        call = calls.setdefault(piece["index"], {"type": "function"})
                        call.setdefault("id", piece.get("id"))
                        function = call.setdefault("function", {"name": "", "arguments": ""})
                        for key, said in piece["function"].items():
                            function[key] += said
                elif name != "role":
                    message[name] = (message.get(name) or "") + value
    if calls:
        message["tool_calls"] = [calls[index] for index in sorted(calls)]
    reason = found.pop("finish_reason")
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}
    return {**found, "choices": [choice]}


def to_chat(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    one = ToChat(created=7)
    return [chunk for event in events for chunk in one.feed(event)] + one.end()


def test_events_become_the_chunks_of_the_same_completion() -> None:
    chunks = to_chat(EVENTS)
    assert joined(chunks) == answer.to_chat(WHOLE, created=7)
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert [c["choices"][0]["finish_reason"] for c in chunks[:-2]] == [None] * (len(chunks) - 2)
    assert chunks[-1]["choices"] == [] and chunks[-1]["usage"]["total_tokens"] == 30


def test_openai_s_own_client_puts_the_same_completion_together() -> None:
    state: ChatCompletionStreamState[None] = ChatCompletionStreamState()
    for one in to_chat(EVENTS):
        state.handle_chunk(ChatCompletionChunk.model_validate(one))
    found = state.get_final_completion()
    [choice] = found.choices
    assert (choice.message.content, choice.finish_reason) == ("Hello", "tool_calls")
    calls = [(c.id, c.function.name, c.function.arguments) for c in choice.message.tool_calls or ()]
    assert calls == [("toolu_1", "f", '{"x":[1]}'), ("toolu_2", "g", "{}")]
    assert found.usage is not None and found.usage.total_tokens == 30


def test_a_stream_broken_off_has_no_end_of_its_own() -> None:
    for cut in range(EVENTS.index(END)):
        chunks = to_chat(EVENTS[:cut])
        assert all(c["choices"][0]["finish_reason"] is None for c in chunks)


def test_the_usage_is_said_once_even_without_message_stop() -> None:
    chunks = to_chat(EVENTS[:-1])
    assert [c for c in chunks if "usage" in c] == chunks[-1:]
    one = ToChat()
    for event in EVENTS:
        one.feed(event)
    assert one.end() == [] and one.feed(BEGIN) == []


def test_odd_streams_of_other_vendors() -> None:
    whole_input = [BEGIN, start(0, type="tool_use", id="a", name="f", input={"x": 1}), stop(0), END]
    [call] = joined(to_chat(whole_input))["choices"][0]["message"]["tool_calls"]
    assert call["function"] == {"name": "f", "arguments": '{"x":1}'}
    no_start = [delta(0, type="text_delta", text="hi"), {"type": "message_stop"}]
    found = joined(to_chat(no_start))
    assert found["choices"][0]["message"]["content"] == "hi"
    assert found["choices"][0]["finish_reason"] == "stop" and len(found["id"]) > 10


def test_an_error_event_ends_the_chunks() -> None:
    failure = {"type": "error", "error": {"type": "overloaded_error", "message": "Busy"}}
    *_, last = to_chat([*EVENTS[:9], failure, *EVENTS[9:]])
    said = {
        "message": "Busy",
        "type": "overloaded_error",
        "param": None,
        "code": "overloaded_error",
    }
    assert last == {"error": said}


def parsed(events: bytes) -> list[dict[str, Any]]:
    """Read the events, checking that each is named as its payload says."""
    found = []
    for frame in events.split(b"\n\n")[:-1]:
        name, data = frame.split(b"\n")
        payload = orjson.loads(data.removeprefix(b"data: "))
        assert name == b"event: " + payload["type"].encode()
        found.append(payload)
    return found


def assembled(events: list[dict[str, Any]]) -> dict[str, Any]:
    """Put a message together from events; the grammar of the stream is checked on the way."""
    assert events[0]["type"] == "message_start" and events[-1]["type"] == "message_stop"
    message = events[0]["message"]
    open_block: dict[str, Any] | None = None
    arguments = ""
    for event in events[1:-1]:
        if event["type"] == "content_block_start":
            assert open_block is None and event["index"] == len(message["content"])
            open_block, arguments = dict(event["content_block"]), ""
            message["content"].append(open_block)
        elif event["type"] == "content_block_delta":
            assert open_block is not None and event["index"] == len(message["content"]) - 1
            for name, value in event["delta"].items():
                if name == "partial_json":
                    arguments += value
                elif name != "type":
                    open_block[name] += value
        elif event["type"] == "content_block_stop":
            assert open_block is not None
            if open_block["type"] == "tool_use":
                open_block["input"] = orjson.loads(arguments or "{}")
            open_block = None
        else:
            assert event["type"] == "message_delta" and event is events[-2]
            message |= event["delta"] | {"usage": event["usage"]}
    assert open_block is None
    return message


def from_chat(chunks: list[dict[str, Any]], body: dict[str, Any]) -> dict[str, Any]:
    one = FromChat(body)
    return assembled(parsed(b"".join(map(one.feed, chunks)) + one.end()))


def chunk(fields: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": fields, "finish_reason": finish}
    return {"id": "chatcmpl-1", "model": "gpt", "choices": [choice]}


def call_piece(
    index: int | None, call_id: str | None, name: str | None, said: str
) -> dict[str, Any]:
    piece: dict[str, Any] = {"function": {"name": name, "arguments": said}}
    piece |= {} if index is None else {"index": index}
    return {"tool_calls": [piece | ({} if call_id is None else {"id": call_id})]}


USAGE = {"id": "chatcmpl-1", "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 21}}


def test_what_was_a_message_is_the_same_message_again() -> None:
    found = from_chat(to_chat(EVENTS), THINKING)
    assert found["content"] == WHOLE["content"]
    assert found["stop_reason"] == "tool_use"
    assert found["usage"]["input_tokens"] == 9 and found["usage"]["output_tokens"] == 21


SPLIT = st.lists(st.integers(0, 60), max_size=12)


def split(said: str, places: list[int]) -> list[str]:
    edges = [0, *sorted({min(p, len(said)) for p in places}), len(said)]
    return [said[a:b] for a, b in zip(edges, edges[1:], strict=False)]


@given(SPLIT, SPLIT, SPLIT, SPLIT)
def test_however_the_text_is_split_the_message_is_the_same(
    thought: list[int], said: list[int], first: list[int], second: list[int]
) -> None:
    arguments = '{"city": "Zürich \\" {", "n": [1, {"a": 2}]}'
    chunks = [chunk({"role": "assistant", "content": ""})]
    chunks += [chunk({"reasoning_content": s}) for s in split("Let me think. ", thought)]
    chunks += [chunk({"content": s}) for s in split("Ich prüfe 天气 …", said)]
    chunks += [chunk(call_piece(0, "a", "f", ""))]
    chunks += [chunk(call_piece(0, None, None, s)) for s in split(arguments, first)]
    chunks += [chunk(call_piece(1, "b", "g", ""))]
    chunks += [chunk(call_piece(1, None, None, s)) for s in split(arguments, second)]
    chunks += [chunk({}, "tool_calls"), USAGE]
    found = from_chat(chunks, THINKING)
    given_input = orjson.loads(arguments)
    assert found["content"] == [
        {"type": "thinking", "thinking": "Let me think. ", "signature": ""},
        {"type": "text", "text": "Ich prüfe 天气 …"},
        {"type": "tool_use", "id": "a", "name": "f", "input": given_input},
        {"type": "tool_use", "id": "b", "name": "g", "input": given_input},
    ]
    assert (found["id"], found["stop_reason"]) == ("msg_1", "tool_use")


@given(st.lists(st.sampled_from([0, 1, 2]), max_size=40), st.randoms(use_true_random=False))
def test_calls_whose_pieces_come_mixed_are_put_in_order(order: list[int], random: Any) -> None:
    left = {n: split('{"k": "' + "v" * 9 + '"}', random.choices(range(20), k=6)) for n in range(3)}
    chunks = [chunk(call_piece(n, f"id{n}", f"f{n}", "")) for n in range(3)]
    for n in [*order, *([0, 1, 2] * 8)]:
        if left[n]:
            chunks.append(chunk(call_piece(n, None, None, left[n].pop(0))))
    found = from_chat([*chunks, chunk({}, "tool_calls")], {})
    assert [(b["id"], b["name"], b["input"]) for b in found["content"]] == [
        (f"id{n}", f"f{n}", {"k": "v" * 9}) for n in range(3)
    ]


@pytest.mark.parametrize(
    "pieces",
    [
        [call_piece(0, "a", "f", "{}"), call_piece(0, "b", "g", "{}")],
        [call_piece(None, "a", "f", "{}"), call_piece(None, "b", "g", "{}")],
        [call_piece(0, "a", "f", "{"), call_piece(0, "a", "f", "}"), call_piece(1, "b", "g", "{}")],
        [
            call_piece(None, "a", "f", "{"),
            call_piece(None, None, None, "}"),
            call_piece(1, "b", "g", ""),
        ],
        [
            {
                "tool_calls": [
                    p["tool_calls"][0]
                    for p in (call_piece(0, "a", "f", "{}"), call_piece(1, "b", "g", ""))
                ]
            }
        ],
    ],
)
def test_calls_are_told_apart_however_vendors_number_them(pieces: list[dict[str, Any]]) -> None:
    found = from_chat([*map(chunk, pieces), chunk({}, "stop")], {})
    assert [(b["id"], b["name"], b["input"]) for b in found["content"]] == [
        ("a", "f", {}),
        ("b", "g", {}),
    ]
    assert found["stop_reason"] == "tool_use"


def test_ids_are_unique() -> None:
    numbers = map(str, count())
    one = FromChat({}, new_id=lambda: next(numbers))
    pieces = [call_piece(n, "", "f", "{}") for n in range(3)]
    found = assembled(parsed(b"".join(one.feed(chunk(p)) for p in pieces) + one.end()))
    assert len({block["id"] for block in found["content"]}) == 3
    assert len({parsed(FromChat({}).end())[0]["message"]["id"] for _ in range(20)}) == 20


def test_the_first_call_is_not_held_back() -> None:
    one = FromChat({})
    one.feed(chunk(call_piece(0, "a", "f", "")))
    [event] = parsed(one.feed(chunk(call_piece(0, None, None, '{"x'))))
    assert event["delta"] == {"type": "input_json_delta", "partial_json": '{"x'}


def test_what_is_held_back_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.dialects.anthropic.stream_out.MAX_KEPT", 100)
    one = FromChat({})
    one.feed(chunk(call_piece(0, "a", "f", '{"never whole')))
    assert one.feed(chunk(call_piece(1, "b", "g", ""))) == b""
    assert parsed(one.feed(chunk(call_piece(1, None, None, "x" * 101))))
    assert one.feed(chunk(call_piece(0, None, None, "too late"))) == b""


def test_reasoning_shows_only_to_clients_that_asked() -> None:
    chunks = [chunk({"reasoning": "hm"}), chunk({"content": "Hello"}), chunk({}, "length")]
    found = from_chat(chunks, {})
    assert found["content"] == [{"type": "text", "text": "Hello"}]
    assert found["stop_reason"] == "max_tokens"
    assert [b["type"] for b in from_chat(chunks, THINKING)["content"]] == ["thinking", "text"]


def test_the_end_is_said_once() -> None:
    one = FromChat({"model": "m"})
    one.feed(chunk({"content": "x"}, "stop"))
    assert one.end() != b"" and one.end() == b"" and one.feed(chunk({"content": "y"})) == b""
    empty = assembled(parsed(FromChat({"model": "m"}).end()))
    assert (empty["model"], empty["content"], empty["stop_reason"]) == ("m", [], "end_turn")


def test_an_error_among_the_chunks_ends_the_stream() -> None:
    one = FromChat({})
    one.feed(chunk({"content": "x"}))
    [event] = parsed(one.feed({"error": {"message": "Busy", "type": "overloaded_error"}}))
    assert event == {"type": "error", "error": {"type": "overloaded_error", "message": "Busy"}}
    assert one.end() == b""


def test_the_package_offers_both_directions() -> None:
    assert stream.__all__ == ["FromChat", "ToChat"]
