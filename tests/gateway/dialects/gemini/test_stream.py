"""Streams, both ways: however they are cut, they say the same."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.gemini import answer, errors
from gateway.dialects.gemini.stream import FromChat, ToChat
from gateway.formats import sse
from gateway.relay.errors import RelayError

SHOWN = {"generationConfig": {"thinkingConfig": {"includeThoughts": True}}}
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def event(*parts: dict[str, Any], index: int = 0, **more: Any) -> dict[str, Any]:
    content = {"content": {"role": "model", "parts": list(parts)}} if parts else {}
    reason = {"finishReason": more.pop("reason")} if "reason" in more else {}
    return {"candidates": [{**content, **reason, "index": index}], **more}


def whole(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """Put the chunks of a stream together, as a client does."""
    made: dict[str, Any] = {"text": "", "thoughts": "", "calls": {}, "reason": None, "usage": None}
    for chunk in chunks:
        made["usage"] = chunk.get("usage") or made["usage"]
        for choice in chunk["choices"]:
            assert made["reason"] is None
            delta = choice["delta"]
            made["text"] += delta.get("content") or ""
            made["thoughts"] += delta.get("reasoning_content") or ""
            for call in delta.get("tool_calls", ()):
                assert call["index"] == len(made["calls"])
                made["calls"][call["id"]] = call["function"]
            made["reason"] = choice["finish_reason"]
    return made


def to_chat(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    stream = ToChat()
    return [chunk for one in events for chunk in stream.feed(one)] + stream.end()


def test_a_stream_of_an_upstream() -> None:
    call = {"functionCall": {"name": "f", "args": {"a": 1}}}
    head = {"responseId": "r1", "modelVersion": "m"}
    early = {"promptTokenCount": 3, "totalTokenCount": 3}
    late = {"promptTokenCount": 3, "candidatesTokenCount": 4, "totalTokenCount": 7}
    stream = ToChat(created=7)
    chunks = stream.feed(event({"text": "hm", "thought": True}, usageMetadata=early, **head))
    assert chunks[0]["choices"][0]["delta"] == {
        "role": "assistant",
        "content": "",
        "reasoning_content": "hm",
    }
    named = {name: chunks[0][name] for name in ("id", "object", "created", "model")}
    assert named == {"id": "r1", "object": "chat.completion.chunk", "created": 7, "model": "m"}
    chunks += stream.feed(event({"text": "He"}, **head))
    chunks += stream.feed(event({"text": "llo"}, call))
    assert not stream.finished
    chunks += stream.feed(event(call, reason="STOP", usageMetadata=late))
    assert stream.finished
    chunks += stream.end()
    assert stream.end() == []
    made = whole(chunks)
    assert (made["text"], made["thoughts"], made["reason"]) == ("Hello", "hm", "tool_calls")
    assert list(made["calls"].values()) == [{"name": "f", "arguments": '{"a":1}'}] * 2
    assert (made["usage"]["prompt_tokens"], made["usage"]["completion_tokens"]) == (3, 4)
    assert chunks[-1]["choices"] == []


@given(pieces=st.lists(st.tuples(TEXT, st.booleans()), max_size=8), cuts=st.data())
def test_however_an_upstream_cuts_its_text(pieces: list[tuple[str, bool]], cuts: Any) -> None:
    parts = [{"text": text, "thought": True} if th else {"text": text} for text, th in pieces]
    events, rest = [], parts
    while rest:
        size = cuts.draw(st.integers(1, len(rest)))
        events.append(event(*rest[:size]))
        rest = rest[size:]
    made = whole(to_chat([*events, event(reason="MAX_TOKENS")]))
    assert made["text"] == "".join(text for text, thought in pieces if not thought)
    assert made["thoughts"] == "".join(text for text, thought in pieces if thought)
    assert made["reason"] == "length"


def test_candidates_side_by_side() -> None:
    chunks = to_chat(
        [
            event({"text": "a"}, index=0),
            event({"text": "b"}, index=1),
            event(index=0, reason="STOP"),
            event(index=1, reason="SAFETY"),
        ]
    )
    ends = {
        choice["index"]: choice["finish_reason"]
        for chunk in chunks
        for choice in chunk["choices"]
        if choice["finish_reason"]
    }
    assert ends == {0: "stop", 1: "content_filter"}


def test_a_cut_stream_is_not_finished() -> None:
    stream = ToChat()
    assert not stream.finished
    stream.feed(event({"text": "a"}))
    assert (stream.end(), stream.finished) == ([], False)


def test_a_blocked_prompt() -> None:
    stream = ToChat()
    (chunk,) = stream.feed({"promptFeedback": {"blockReason": "SAFETY"}})
    assert chunk["choices"][0]["finish_reason"] == "content_filter"
    assert stream.finished


def test_an_error_inside_an_upstreams_stream() -> None:
    (chunk,) = ToChat().feed({"error": {"message": "Over.", "status": "UNAVAILABLE"}})
    assert chunk == {"error": {"message": "Over.", "type": "upstream_error", "code": "UNAVAILABLE"}}
    assert sse.is_error(orjson.dumps(chunk))


# For clients.


def chunk(index: int = 0, reason: str | None = None, **delta: Any) -> dict[str, Any]:
    choice = {"index": index, "delta": delta, "finish_reason": reason}
    return {"id": "c1", "model": "gpt-x", "choices": [choice]}


def piece(number: int, text: str, **more: Any) -> dict[str, Any]:
    name = more.pop("name", None)
    named = {"name": name} if name else {}
    return {"index": number, "function": {"arguments": text, **named}, **more}


def from_chat(chunks: list[dict[str, Any]], array: bool = False, body: Any = SHOWN) -> bytes:
    stream = FromChat(body, array)
    return b"".join([*map(stream.feed, chunks), stream.end(), stream.end()])


def events(written: bytes, array: bool) -> list[dict[str, Any]]:
    if array:
        return orjson.loads(written)
    frames = written.split(b"\n\n")
    assert frames.pop() == b""
    assert all(frame.startswith(b"data: ") for frame in frames)
    return [orjson.loads(frame[6:]) for frame in frames]


USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}


@pytest.mark.parametrize("array", [False, True])
def test_a_stream_for_a_client(array: bool) -> None:
    chunks = [
        chunk(role="assistant", content=""),
        chunk(reasoning_content="hm"),
        chunk(content="Hello"),
        chunk(tool_calls=[piece(0, "", id="1", name="f")]),
        chunk(tool_calls=[piece(0, '{"a"'), piece(1, "{}", id="2", name="g")]),
        chunk(tool_calls=[piece(0, ":1}")]),
        chunk(reason="tool_calls"),
        {"choices": [], "usage": USAGE},
    ]
    found = events(from_chat(chunks, array), array)
    head = {"modelVersion": "gpt-x", "responseId": "c1"}
    assert found[0]["candidates"][0]["content"]["parts"] == [{"text": "hm", "thought": True}]
    assert found[1]["candidates"][0]["content"]["parts"] == [{"text": "Hello"}]
    assert found[2:] == [
        {
            "candidates": [
                {
                    "content": {
                        "role": "model",
                        "parts": [
                            {"functionCall": {"id": "1", "name": "f", "args": {"a": 1}}},
                            {"functionCall": {"id": "2", "name": "g", "args": {}}},
                        ],
                    },
                    "finishReason": "STOP",
                    "index": 0,
                }
            ],
            "usageMetadata": {
                "promptTokenCount": 3,
                "candidatesTokenCount": 4,
                "totalTokenCount": 7,
            },
            **head,
        }
    ]


@given(
    texts=st.lists(TEXT, max_size=6),
    arguments=st.dictionaries(TEXT, TEXT, max_size=3),
    sizes=st.lists(st.integers(1, 7), min_size=1),
    array=st.booleans(),
)
def test_however_the_chunks_are_cut(
    texts: list[str], arguments: dict[str, str], sizes: list[int], array: bool
) -> None:
    written = orjson.dumps(arguments).decode()
    chunks = [chunk(content=text) for text in texts]
    chunks.append(chunk(tool_calls=[piece(0, "", id="1", name="f")]))
    at, turn = 0, 0
    while at < len(written):
        size = sizes[turn % len(sizes)]
        chunks.append(chunk(tool_calls=[piece(0, written[at : at + size])]))
        at, turn = at + size, turn + 1
    chunks.append(chunk(reason="length"))
    found = events(from_chat(chunks, array), array)
    parts = [p for one in found for c in one["candidates"] for p in c["content"]["parts"]]
    assert "".join(part.get("text", "") for part in parts) == "".join(texts)
    assert parts[-1] == {"functionCall": {"id": "1", "name": "f", "args": arguments}}
    assert found[-1]["candidates"][0]["finishReason"] == "MAX_TOKENS"
    assert all("finishReason" not in one["candidates"][0] for one in found[:-1])


def test_thoughts_are_shown_to_those_who_asked() -> None:
    hidden = from_chat([chunk(reasoning_content="hm")], body={})
    assert b"hm" not in hidden


@pytest.mark.parametrize("array", [False, True])
def test_nothing_at_all(array: bool) -> None:
    assert from_chat([], array) == (b"[]" if array else b"")


@pytest.mark.parametrize("array", [False, True])
def test_an_error_ends_the_stream(array: bool) -> None:
    stream = FromChat({}, array)
    error = RelayError("upstream_cut", "Broken.")
    written = stream.feed(chunk(content="a")) + stream.fail(error, "r1")
    assert stream.feed(chunk(content="b")) + stream.end() + stream.fail(error, "r1") == b""
    assert events(written, array)[-1] == errors.envelope(error, "r1")


@pytest.mark.parametrize("array", [False, True])
def test_an_error_chunk_ends_the_stream(array: bool) -> None:
    stream = FromChat({}, array, request_id="r1")
    written = stream.feed({"error": {"message": "Over.", "code": "x"}}) + stream.end()
    (found,) = events(written, array)
    assert found["error"]["message"] == "Over. (request id: r1)"


def test_calls_without_an_index() -> None:
    calls = [
        {"id": "1", "function": {"name": "f", "arguments": '{"a"'}},
        {"function": {"arguments": ":1}"}},
        {"id": "2", "function": {"name": "g"}},
    ]
    chunks = [chunk(tool_calls=[call]) for call in calls]
    (found,) = events(from_chat(chunks), False)
    assert found["candidates"][0]["content"]["parts"] == [
        {"functionCall": {"id": "1", "name": "f", "args": {"a": 1}}},
        {"functionCall": {"id": "2", "name": "g", "args": {}}},
    ]


def test_a_stream_says_what_the_whole_answer_says() -> None:
    parts = [{"text": "hm", "thought": True}, {"text": "Hello"}]
    head = {"responseId": "c1", "modelVersion": "m"}
    counts = {"promptTokenCount": 3, "candidatesTokenCount": 4, "totalTokenCount": 7}
    said = {**event(*parts, reason="STOP"), "usageMetadata": counts, **head}
    streamed = events(from_chat(to_chat([said])), False)
    back = answer.from_chat(answer.to_chat(said), SHOWN)
    assert back == said
    joined = [p for one in streamed for c in one["candidates"] for p in c["content"]["parts"]]
    assert [part for part in joined if part["text"]] == parts
    assert streamed[-1]["usageMetadata"] == counts
