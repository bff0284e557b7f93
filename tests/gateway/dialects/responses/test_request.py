"""Requests of the Responses API as chat requests: everything kept, or refused by name."""

from typing import Any

import pytest
from openai.types.chat import ChatCompletionMessageParam, completion_create_params
from pydantic import TypeAdapter

from gateway.dialects.responses import request
from gateway.relay.errors import RelayError
from tests.gateway.dialects.responses.examples import AGENT, AGENT_AS_CHAT, IMAGE, SCHEMA, Json

_CHAT: TypeAdapter[Any] = TypeAdapter(completion_create_params.CompletionCreateParams)
_MESSAGE: TypeAdapter[Any] = TypeAdapter(ChatCompletionMessageParam)

USER = {"role": "user", "content": "hi"}
FUNCTION = {"type": "function", "name": "f", "parameters": SCHEMA}
OTHER = {"type": "function", "name": "g"}


def message(*content: Json, role: str = "user") -> Json:
    return {"type": "message", "role": role, "content": list(content)}


def test_an_agents_request_is_kept_whole() -> None:
    chat = request.to_chat(AGENT)
    assert chat == AGENT_AS_CHAT
    _CHAT.validate_python(chat)
    for one in chat["messages"]:
        _MESSAGE.validate_python(one)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, {}),
        ({"stream": False}, {"stream": False}),
        ({"store": True, "metadata": {"a": "b"}}, {"store": True, "metadata": {"a": "b"}}),
        ({"store": False, "metadata": {"a": "b"}}, {}),
        ({"top_logprobs": 3}, {"logprobs": True, "top_logprobs": 3}),
        ({"top_logprobs": 0}, {}),
        ({"include": ["message.output_text.logprobs"]}, {"logprobs": True}),
        ({"reasoning": {"effort": "none"}}, {"reasoning_effort": "none"}),
        ({"reasoning": {"summary": "auto"}}, {}),
        ({"text": {"format": {"type": "text"}}}, {}),
        (
            {"text": {"format": {"type": "json_object"}}},
            {"response_format": {"type": "json_object"}},
        ),
        ({"tool_choice": "auto", "parallel_tool_calls": True, "tools": []}, {}),
        (
            {"prompt_cache_options": {"mode": "explicit", "comparison_response_id": None}},
            {"prompt_cache_options": {"mode": "explicit"}},
        ),
        ({"background": False, "conversation": None, "previous_response_id": None}, {}),
        ({"max_tool_calls": 3, "truncation": "auto", "client_metadata": {"x": 1}}, {}),
    ],
)
def test_fields(asked: Json, expected: Json) -> None:
    assert request.to_chat({"input": "hi", **asked}) == {"messages": [USER], **expected}


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("none", "none"),
        ("required", "required"),
        ({"type": "function", "name": "f"}, {"type": "function", "function": {"name": "f"}}),
        ({"type": "custom", "name": "f"}, {"type": "custom", "custom": {"name": "f"}}),
    ],
)
def test_tool_choices(choice: Any, expected: Any) -> None:
    chat = request.to_chat({"input": "hi", "tools": [FUNCTION], "tool_choice": choice})
    assert chat["tool_choice"] == expected


def test_allowed_tools_leave_only_those() -> None:
    choice = {"type": "allowed_tools", "mode": "required", "tools": [OTHER]}
    chat = request.to_chat({"input": "hi", "tools": [FUNCTION, OTHER], "tool_choice": choice})
    assert chat["tools"] == [{"type": "function", "function": {"name": "g"}}]
    assert chat["tool_choice"] == "required"


CALL = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
CHAT_CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
RESULT = {"type": "function_call_output", "call_id": "c", "output": "r"}
CHAT_RESULT = {"role": "tool", "tool_call_id": "c", "content": "r"}
THOUGHT = {"type": "reasoning", "id": "x", "summary": [{"type": "summary_text", "text": "t"}]}
SAID = {"role": "assistant", "content": "s"}


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        pytest.param([USER], [USER], id="no type is a message"),
        pytest.param(
            [
                message(
                    {"type": "input_text", "text": "what?"},
                    {"type": "input_image", "image_url": IMAGE},
                    {"type": "input_file", "filename": "a.pdf", "file_data": "x"},
                    {"type": "input_audio", "input_audio": {"data": "x", "format": "wav"}},
                )
            ],
            [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "what?"},
                        {"type": "image_url", "image_url": {"url": IMAGE}},
                        {"type": "file", "file": {"filename": "a.pdf", "file_data": "x"}},
                        {"type": "input_audio", "input_audio": {"data": "x", "format": "wav"}},
                    ],
                }
            ],
            id="every kind of part",
        ),
        pytest.param(
            [CALL, RESULT, CALL, RESULT],
            [
                {"role": "assistant", "content": None, "tool_calls": [CHAT_CALL]},
                CHAT_RESULT,
                {"role": "assistant", "content": None, "tool_calls": [CHAT_CALL]},
                CHAT_RESULT,
            ],
            id="calls one after the other",
        ),
        pytest.param(
            [CALL, SAID, THOUGHT, CALL, RESULT, RESULT],
            [
                {
                    "role": "assistant",
                    "content": "s",
                    "tool_calls": [CHAT_CALL, CHAT_CALL],
                    "reasoning_content": "t",
                },
                CHAT_RESULT,
                CHAT_RESULT,
            ],
            id="what is said between calls stays before the results",
        ),
        pytest.param(
            [SAID, THOUGHT, SAID, THOUGHT, USER],
            [
                {"role": "assistant", "content": "s"},
                {"role": "assistant", "content": "s", "reasoning_content": "t"},
                USER,
            ],
            id="a thought that led to nothing is left out",
        ),
        pytest.param(
            [message({"type": "refusal", "refusal": "no"}, role="assistant")],
            [{"role": "assistant", "content": None, "refusal": "no"}],
            id="a refusal",
        ),
        pytest.param(
            [
                {"type": "reasoning", "id": "x", "summary": [], "encrypted_content": "e"},
                {
                    "type": "reasoning",
                    "summary": [],
                    "content": [{"type": "reasoning_text", "text": "raw"}],
                },
                CALL,
            ],
            [
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [CHAT_CALL],
                    "reasoning_content": "raw",
                }
            ],
            id="reasoning that is encrypted, and reasoning that is not",
        ),
    ],
)
def test_items(items: list[Json], expected: list[Json]) -> None:
    assert request.to_chat({"input": items})["messages"] == expected


def tools_of(kind: str) -> Json:
    return {"input": "hi", "tools": [FUNCTION, {"type": kind, "name": "x"}]}


BUILT_IN = ["web_search", "file_search", "computer", "code_interpreter", "mcp", "image_generation"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"input": "hi", "previous_response_id": "resp_1"}, "previous_response_id"),
        ({"input": "hi", "conversation": "conv_1"}, "conversation"),
        ({"input": "hi", "conversation": {"id": "conv_1"}}, "conversation"),
        ({"input": "hi", "background": True}, "background"),
        ({"input": "hi", "prompt": {"id": "p"}}, "prompt"),
        *((tools_of(kind), "tools[1].type") for kind in [*BUILT_IN, "namespace", "local_shell"]),
        ({"input": "hi", "tools": {}}, "tools"),
        ({"input": "hi", "tools": [{"type": "function"}]}, "tools[0].name"),
        ({"input": "hi", "tools": [FUNCTION], "tool_choice": "any"}, "tool_choice"),
        (
            {"input": "hi", "tools": [FUNCTION], "tool_choice": {"type": "web_search"}},
            "tool_choice.type",
        ),
        ({"input": "hi", "tool_choice": "required"}, "tool_choice"),
        ({}, "input"),
        ({"input": []}, "input"),
        ({"input": 5}, "input"),
        ({"input": ["hi"]}, "input[0]"),
        ({"input": [USER, {"type": "item_reference", "id": "i"}]}, "input[1].type"),
        ({"input": [{"id": "i"}]}, "input[0].type"),
        ({"input": [{"type": "web_search_call", "id": "i"}]}, "input[0].type"),
        ({"input": [{"role": "tool", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user"}]}, "input[0].content"),
        ({"input": [message({"type": "video"})]}, "input[0].content[0].type"),
        (
            {"input": [message({"type": "input_image", "file_id": "f"})]},
            "input[0].content[0].file_id",
        ),
        (
            {"input": [message({"type": "input_file", "file_url": "u"})]},
            "input[0].content[0].file_url",
        ),
        ({"input": [{**CALL, "call_id": None}]}, "input[0].call_id"),
        ({"input": [{**CALL, "arguments": {}}]}, "input[0].arguments"),
        ({"input": [{**RESULT, "output": None}]}, "input[0].output"),
        ({"input": "hi", "temperature": "hot"}, "temperature"),
        ({"input": "hi", "temperature": True}, "temperature"),
        ({"input": "hi", "max_output_tokens": 0}, "max_output_tokens"),
        ({"input": "hi", "max_output_tokens": 1.5}, "max_output_tokens"),
        ({"input": "hi", "top_logprobs": 21}, "top_logprobs"),
        ({"input": "hi", "stream": "yes"}, "stream"),
        ({"input": "hi", "text": {"format": {"type": "xml"}}}, "text.format.type"),
        ({"input": "hi", "text": {"format": {"type": "json_schema"}}}, "text.format.name"),
        ({"input": "hi", "reasoning": {"mode": "pro"}}, "reasoning.mode"),
        (
            {"input": "hi", "prompt_cache_options": {"prewarm": True}},
            "prompt_cache_options.prewarm",
        ),
    ],
)
def test_what_chat_cannot_do_is_refused_by_name(body: Json, param: str) -> None:
    with pytest.raises(RelayError) as caught:
        request.to_chat(body)
    assert (caught.value.status, caught.value.param) == (400, param)
    assert param in caught.value.message
