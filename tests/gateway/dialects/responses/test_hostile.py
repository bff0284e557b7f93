"""Whatever JSON comes, from clients or upstreams, nothing but a RelayError is raised.

What is written is valid all the same.
"""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.dialects.responses import answer, errors, request, text, usage
from gateway.dialects.responses.stream import FromChat, ToChat
from gateway.relay.errors import RelayError
from tests.gateway.dialects.responses import oracle
from tests.gateway.dialects.responses.examples import (
    AGENT,
    AGENT_AS_CHAT,
    COMPLETION,
    Json,
    chunk,
)
from tests.gateway.dialects.responses.oracle import OBJECTS, spoiled

RESPONSE = answer.from_chat(COMPLETION, AGENT)
MANY = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _stream() -> list[Json]:
    message = COMPLETION["choices"][0]["message"]
    stream = FromChat(AGENT)
    written = stream.feed(chunk(message)) + stream.feed(chunk({}, "length")) + stream.end()
    return oracle.whole(written)


EVENTS = _stream()


def tried(convert: Callable[..., Any], *given_: Any) -> Any:
    """Call and return what came of it; a refusal names its field."""
    try:
        return convert(*given_)
    except RelayError as error:
        assert error.param if error.status == 400 else error.status == 502
        return None


@MANY
@given(st.one_of(OBJECTS, spoiled(AGENT)))
def test_requests(body: Json) -> None:
    tried(request.to_chat, body)
    tried(request.from_chat, body)
    text.of_request(body)
    oracle.response(answer.from_chat(COMPLETION, body))


@MANY
@given(spoiled(AGENT_AS_CHAT))
def test_chat_requests(body: Json) -> None:
    tried(request.from_chat, body)


@MANY
@given(st.one_of(OBJECTS, spoiled(COMPLETION)))
def test_chat_answers(found: Json) -> None:
    oracle.response(answer.from_chat(found, AGENT))


@MANY
@given(st.one_of(OBJECTS, spoiled(RESPONSE)))
def test_answers(found: Json) -> None:
    completion = tried(answer.to_chat, found)
    orjson.dumps(completion)
    list(text.of_answer(found))
    errors.parse(found)
    report = usage.find(found)
    if report is not None:
        assert all(count >= 0 for count in (usage.classes(report) or {}).values())


@MANY
@given(st.lists(OBJECTS | spoiled(chunk(COMPLETION["choices"][0]["message"], "stop")), max_size=4))
def test_chunks(chunks: list[Json]) -> None:
    stream = FromChat(AGENT)
    written = b"".join([*map(stream.feed, chunks), stream.end()])
    oracle.whole(written)


@MANY
@given(st.sampled_from(EVENTS).flatmap(spoiled) | OBJECTS, st.data())
def test_events(event: Json, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(EVENTS)))
    stream = ToChat()
    for one in [*EVENTS[:place], event, *EVENTS[place:]]:
        orjson.dumps(stream.feed(one))
        list(text.of_answer(one))
        usage.find(one)
    assert stream.end() == []
    assert stream.finished


def deep(levels: int) -> Any:
    """Return an object in an object in an object …; more than a few hundred cannot be written."""
    found: Any = {}
    for _ in range(levels):
        found = {"a": found}
    return found


def deep_tool(levels: int) -> Json:
    return {"type": "function", "name": "f", "parameters": deep(levels)}


@pytest.mark.parametrize("levels", [*range(235, 260), 900])
def test_what_is_nested_too_deeply_is_refused_or_can_be_repeated(levels: int) -> None:
    body = {"input": "hi", "tools": [deep_tool(levels)]}
    try:
        orjson.dumps(request.to_chat(body))
    except RelayError as error:
        assert error.param == "tools" and levels > 240
        return
    assert levels < 250
    stream = FromChat(body)
    oracle.whole(stream.feed(chunk({"content": "a"})) + stream.end())
    text.of_request(body)


def test_depth_elsewhere() -> None:
    assert tried(text.of_request, {"tools": deep(900)}) is None
    chat = {"messages": [{"role": "user", "content": "hi"}], "metadata": deep(900)}
    assert tried(request.from_chat, chat) is None
    call = {"id": "c", "function": {"name": "f", "arguments": deep(900)}}
    choices = [{"message": {"tool_calls": [call]}}]
    oracle.response(answer.from_chat({"choices": choices}, {}))
    part = {"type": "url_citation", "url": deep(900), "start_index": deep(900)}
    content = [{"text": "a", "annotations": [part], "logprobs": [{"token": deep(900)}]}]
    orjson.dumps(answer.to_chat({"output": [{"type": "message", "content": content}]}))
