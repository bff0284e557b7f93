"""Whatever JSON comes in, nothing but a RelayError comes out."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from typing import Any

import orjson
import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from gateway.dialects.anthropic import answer, errors, request, text, usage
from gateway.dialects.anthropic.stream import FromChat, ToChat
from gateway.relay.errors import RelayError

NAMES = """model messages system role content type text image image_url url source data media_type
base64 document title file file_data file_id tool_use tool_result tool_use_id tool_call_id id name
input is_error thinking signature tools tool_choice function parameters input_schema arguments
tool_calls stop stop_sequences max_tokens temperature top_p stream metadata user_id user n
response_format json_schema schema output_config format effort reasoning_effort budget_tokens usage
input_tokens output_tokens cache_creation prompt_tokens completion_tokens choices message delta
finish_reason stop_reason index content_block partial_json error reasoning_content modalities
parallel_tool_calls disable_parallel_tool_use refusal details""".split()
WORDS = """user assistant system tool developer text thinking image image_url document file
tool_use tool_result function auto any required none tool enabled adaptive json_schema message_start
content_block_start content_block_delta content_block_stop message_delta message_stop error
text_delta thinking_delta signature_delta input_json_delta base64 url content high low stop
claude-opus-4-7 data:image/png;base64,AAAA https://x.test {} {" 1""".split()

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(WORDS)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6)
    ),
    max_leaves=30,
)
OBJECTS = st.dictionaries(st.sampled_from(NAMES), JSON, max_size=8)
BLOCKS = st.lists(OBJECTS, max_size=4)
TURNS = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["user", "assistant", "tool", "system"]),
        "content": st.sampled_from(WORDS) | BLOCKS | JSON,
    },
    optional={"tool_calls": JSON | BLOCKS, "tool_call_id": st.just("a")},
)
BODIES = st.builds(lambda turns, rest: {**rest, "messages": turns}, st.lists(TURNS), OBJECTS)

CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "request in": request.to_chat,
    "request out": request.from_chat,
    "answer in": answer.to_chat,
    "answer out": lambda value: answer.from_chat(value, value),
    "classes": usage.classes,
    "find": usage.find,
    "usage in": usage.to_chat,
    "usage out": usage.from_chat,
    "merge": lambda value: usage.merge(value, value),
    "errors": errors.parse,
    "text": lambda value: list(text.of_answer(value)),
}


@settings(max_examples=200)
@given(OBJECTS | BODIES)
def test_converters(value: dict[str, Any]) -> None:
    for name, convert in CONVERTERS.items():
        note(name)
        with suppress(RelayError):
            orjson.dumps(convert(value))


@given(st.lists(OBJECTS, max_size=6), OBJECTS)
def test_streams(events: list[dict[str, Any]], body: dict[str, Any]) -> None:
    out = ToChat()
    with suppress(RelayError):
        for event in events:
            orjson.dumps(out.feed(event))
        orjson.dumps(out.end())
    back = FromChat(body)
    with suppress(RelayError):
        said = b"".join(map(back.feed, events)) + back.end()
        assert said == b"" or said.endswith(b"\n\n")


MESSAGES_ASK: dict[str, Any] = {
    "model": "claude-sonnet-4-5",
    "max_tokens": 9_000,
    "system": [{"type": "text", "text": "A"}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "a"},
                {"type": "image", "source": {"type": "url", "url": "https://x.test"}},
                {
                    "type": "document",
                    "title": "t",
                    "source": {"type": "content", "content": [{"type": "text", "text": "b"}]},
                },
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "t", "signature": "s"},
                {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "a",
                    "content": [{"type": "text", "text": "c"}],
                }
            ],
        },
    ],
    "tools": [{"name": "f", "input_schema": {"type": "object"}}],
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    "thinking": {"type": "enabled", "budget_tokens": 2_000},
    "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
    "metadata": {"user_id": "u"},
    "stop_sequences": ["x"],
}
CHAT_ASK = {**request.to_chat(MESSAGES_ASK), "reasoning_effort": "low", "temperature": 0.5}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of everything inside a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in inner:
        yield (*path, key)
        if isinstance(item, dict | list):
            yield from places(item, (*path, key))


ODD: list[Any] = [None, True, 0, -1.5, "", "x", [], [None], ["x"], [[]], {}, {"type": []}, [{}]]


@pytest.mark.parametrize("ask", [MESSAGES_ASK, CHAT_ASK], ids=["messages", "chat"])
def test_good_requests_with_one_thing_replaced(ask: dict[str, Any]) -> None:
    convert = request.to_chat if ask is MESSAGES_ASK else request.from_chat
    convert(ask)
    refused = 0
    for path in places(ask):
        for odd in ODD:
            broken = deepcopy(ask)
            holder: Any = broken
            for key in path[:-1]:
                holder = holder[key]
            holder[path[-1]] = odd
            try:
                orjson.dumps(convert(broken))
            except RelayError as refusal:
                assert refusal.status == 400 and refusal.param
                refused += 1
    assert refused > 300


PIECES = st.fixed_dictionaries(
    {"choices": st.lists(st.fixed_dictionaries({"delta": OBJECTS}), max_size=2)}
)


@given(st.lists(PIECES, max_size=8))
def test_streams_of_odd_chunks(chunks: list[dict[str, Any]]) -> None:
    back = FromChat({"thinking": {"type": "enabled"}})
    said = b"".join(map(back.feed, chunks)) + back.end()
    assert said.count(b"event: content_block_start") == said.count(b"event: content_block_stop")


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"input": value}
    return value


def test_nesting_beyond_what_can_be_written() -> None:
    deep = nested(900)
    use = {"type": "tool_use", "id": "a", "name": "f", "input": deep}
    turn = {"role": "assistant", "content": [use]}
    with pytest.raises(RelayError) as refusal:
        request.to_chat({"messages": [turn]})
    assert (refusal.value.status, refusal.value.param) == (400, "messages.0.content.0.input")
    with pytest.raises(RelayError) as refusal:
        answer.to_chat({"content": [use]})
    assert refusal.value.status == 502
    assert list(text.of_answer({"content": [use]})) == ["f"]
    written = '{"a":' * 900 + "1" + "}" * 900
    call = {"id": "a", "function": {"name": "f", "arguments": written}}
    whole = {"choices": [{"message": {"tool_calls": [call]}}]}
    assert answer.from_chat(whole, {})["content"][0]["input"] == {"raw_arguments": written}
