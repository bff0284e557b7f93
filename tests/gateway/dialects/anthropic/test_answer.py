"""Whole answers in both directions."""

from itertools import count
from typing import Any

import pytest

from gateway.dialects.anthropic import answer, text
from gateway.relay.errors import RelayError

THINKING = {"thinking": {"type": "enabled", "budget_tokens": 1_024}}


def message(*blocks: dict[str, Any], stop: Any = "end_turn", **fields: Any) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": list(blocks),
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {"input_tokens": 3, "output_tokens": 4},
        **fields,
    }


def completion(said: dict[str, Any], finish: Any = "stop", **fields: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 7,
        "model": "gpt",
        "choices": [
            {"index": 0, "message": {"role": "assistant", **said}, "finish_reason": finish}
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
        **fields,
    }


SAID = {"type": "text", "text": "Hello"}
USE = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"x": [1]}}
CALL = {"id": "toolu_1", "type": "function", "function": {"name": "f", "arguments": '{"x":[1]}'}}
THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "sig"}


def test_a_message_becomes_a_completion() -> None:
    found = answer.to_chat(message(THOUGHT, SAID, USE, stop="tool_use"), created=7)
    assert found == {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 7,
        "model": "claude",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "Hello",
                    "reasoning_content": "hm",
                    "reasoning_signature": "sig",
                    "tool_calls": [CALL],
                },
                "logprobs": None,
                "finish_reason": "tool_calls",
            }
        ],
        "usage": {
            "prompt_tokens": 3,
            "completion_tokens": 4,
            "total_tokens": 7,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
    }


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        ([], {"content": ""}),
        ([USE], {"content": None, "tool_calls": [CALL]}),
        ([SAID, {"type": "server_tool_use"}, SAID], {"content": "HelloHello"}),
        ([{"type": "redacted_thinking", "data": "x"}, SAID], {"content": "Hello"}),
        ([THOUGHT, THOUGHT, SAID], {"content": "Hello", "reasoning_content": "hm\nhm"}),
    ],
)
def test_messages(blocks: list[dict[str, Any]], expected: dict[str, Any]) -> None:
    found = answer.to_chat(message(*blocks))["choices"][0]["message"]
    assert found == {"role": "assistant", **expected}


@pytest.mark.parametrize(
    ("stop", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("something new", "stop"),
        (None, "stop"),
        ([], "stop"),
    ],
)
def test_why_a_message_ended(stop: Any, finish: str) -> None:
    assert answer.to_chat(message(SAID, stop=stop))["choices"][0]["finish_reason"] == finish


def test_a_completion_becomes_a_message() -> None:
    said = {"content": "Hello", "reasoning_content": "hm", "tool_calls": [CALL]}
    found = answer.from_chat(completion(said, "tool_calls"), THINKING)
    assert found == {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "gpt",
        "content": [{**THOUGHT, "signature": ""}, SAID, USE],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 3,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 4,
        },
    }


@pytest.mark.parametrize(
    ("said", "body", "expected"),
    [
        ({"content": "Hello", "reasoning": "hm"}, {}, [SAID]),
        ({"content": "Hello", "reasoning": "hm"}, THINKING, [{**THOUGHT, "signature": ""}, SAID]),
        ({"content": [{"type": "text", "text": "Hello"}]}, {}, [SAID]),
        ({"content": None, "refusal": "Hello"}, {}, [SAID]),
        ({"content": None}, {}, []),
        ({"tool_calls": [{"function": {"name": "f", "arguments": "{"}}]}, {}, None),
    ],
)
def test_completions(said: dict[str, Any], body: dict[str, Any], expected: Any) -> None:
    found = answer.from_chat(completion(said), body, new_id=lambda: "new")["content"]
    broken = {"type": "tool_use", "id": "toolu_new", "name": "f", "input": {"raw_arguments": "{"}}
    assert found == ([broken] if expected is None else expected)


@pytest.mark.parametrize(
    ("finish", "calls", "stop"),
    [
        ("stop", False, "end_turn"),
        ("length", False, "max_tokens"),
        ("length", True, "max_tokens"),
        ("tool_calls", True, "tool_use"),
        ("function_call", True, "tool_use"),
        ("stop", True, "tool_use"),
        ("content_filter", False, "refusal"),
        ("novel", False, "end_turn"),
        (None, False, "end_turn"),
        ({}, False, "end_turn"),
    ],
)
def test_why_a_completion_ended(finish: Any, calls: bool, stop: str) -> None:
    said = {"content": "x", "tool_calls": [CALL] if calls else None}
    assert answer.from_chat(completion(said, finish), {})["stop_reason"] == stop


def test_a_stop_sequence_is_named_where_the_server_names_it() -> None:
    done = completion({"content": "x"})
    done["choices"][0]["stop_reason"] = "END"
    found = answer.from_chat(done, {"stop_sequences": ["END"]})
    assert (found["stop_reason"], found["stop_sequence"]) == ("stop_sequence", "END")
    assert answer.from_chat(done, {})["stop_reason"] == "end_turn"


def test_ids_are_unique() -> None:
    numbers = map(str, count(10))
    calls = [CALL, CALL, {**CALL, "id": ""}, {**CALL, "id": None}, {**CALL, "id": "b"}]
    found = answer.from_chat(completion({"tool_calls": calls}), {}, new_id=lambda: next(numbers))
    ids = [block["id"] for block in found["content"]]
    assert ids[0] == "toolu_1" and ids[4] == "b"
    assert len(set(ids)) == 5
    nameless = completion({"content": "x"}, id=None)
    assert len({answer.from_chat(nameless, {})["id"] for _ in range(20)}) == 20
    assert len({answer.to_chat(message(SAID, id=""))["id"] for _ in range(20)}) == 20


@pytest.mark.parametrize("odd", [{}, {"content": "x"}, {"choices": []}, {"choices": [1]}, [], None])
def test_what_is_no_answer_is_refused(odd: Any) -> None:
    for convert in (answer.to_chat, lambda a: answer.from_chat(a, {})):
        with pytest.raises(RelayError) as refusal:
            convert(odd)
        assert refusal.value.code == "upstream_bad_answer"


def test_text_of_answers_and_events() -> None:
    whole = message(THOUGHT, SAID, USE)
    assert list(text.of_answer(whole)) == ["hm", "Hello", "f", '{"x":[1]}']
    events: list[tuple[Any, list[str]]] = [
        ({"type": "content_block_delta", "delta": {"type": "text_delta", "text": "a"}}, ["a"]),
        ({"delta": {"type": "input_json_delta", "partial_json": "{"}}, ["{"]),
        ({"delta": {"type": "thinking_delta", "thinking": "hm"}}, ["hm"]),
        ({"delta": {"type": "signature_delta", "signature": "s"}}, []),
        ({"type": "content_block_start", "content_block": {**USE, "input": {}}}, ["f"]),
        ({"type": "ping"}, []),
        (None, []),
    ]
    assert [list(text.of_answer(event)) for event, _ in events] == [found for _, found in events]
