"""Chat requests for upstreams that speak the Responses API alone."""

from typing import Any

import pytest
from openai.types.responses import response_create_params, response_input_item_param
from pydantic import TypeAdapter

from gateway.dialects.responses import request
from gateway.relay.errors import RelayError
from tests.gateway.dialects.responses.examples import AGENT_AS_CHAT, IMAGE, SCHEMA, Json

_ASK: TypeAdapter[Any] = TypeAdapter(response_create_params.ResponseCreateParams)
_ITEM: TypeAdapter[Any] = TypeAdapter(response_input_item_param.ResponseInputItemParam)

USER = {"role": "user", "content": "hi"}
ITEM = {"type": "message", **USER}


def test_a_whole_conversation() -> None:
    asked = request.from_chat(AGENT_AS_CHAT)
    _ASK.validate_python(asked)
    for item in asked["input"]:
        _ITEM.validate_python(item)
    kinds = [item["type"] for item in asked["input"]]
    assert kinds == [
        *["message"] * 4,
        "function_call",
        "custom_tool_call",
        "function_call_output",
        "custom_tool_call_output",
        *["message"] * 2,
    ]
    # Back again it says the same, but for what the assistant had thought.
    kept = [{**one} for one in AGENT_AS_CHAT["messages"]]
    del kept[3]["reasoning_content"]
    assert request.to_chat(asked) == {**AGENT_AS_CHAT, "messages": kept}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, {}),
        ({"store": True}, {"store": True}),
        ({"max_tokens": 5}, {"max_output_tokens": 5}),
        ({"max_tokens": 5, "max_completion_tokens": 6}, {"max_output_tokens": 6}),
        ({"stream": True, "stream_options": {"include_usage": True}}, {"stream": True}),
        (
            {"logprobs": True, "top_logprobs": 2},
            {"include": ["message.output_text.logprobs"], "top_logprobs": 2},
        ),
        ({"n": 1, "stop": None, "frequency_penalty": 0, "logit_bias": {}, "seed": 4}, {}),
        ({"response_format": {"type": "text"}}, {"text": {"format": {"type": "text"}}}),
        (
            {"response_format": {"type": "json_object"}, "verbosity": "low"},
            {"text": {"format": {"type": "json_object"}, "verbosity": "low"}},
        ),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}]},
            {"tools": [{"type": "function", "name": "f", "parameters": SCHEMA, "strict": False}]},
        ),
        (
            {"tool_choice": {"type": "function", "function": {"name": "f"}}},
            {"tool_choice": {"type": "function", "name": "f"}},
        ),
        (
            {
                "tool_choice": {
                    "type": "allowed_tools",
                    "allowed_tools": {
                        "mode": "auto",
                        "tools": [{"type": "function", "function": {"name": "f"}}],
                    },
                }
            },
            {
                "tool_choice": {
                    "type": "allowed_tools",
                    "mode": "auto",
                    "tools": [{"type": "function", "name": "f"}],
                }
            },
        ),
    ],
)
def test_fields(asked: Json, expected: Json) -> None:
    found = request.from_chat({"messages": [USER], **asked})
    assert found == {"input": [ITEM], "store": False, **expected}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "a"},
                    {"type": "image_url", "image_url": {"url": IMAGE}},
                    {"type": "file", "file": {"file_data": "x", "filename": "a.pdf"}},
                ],
            },
            [
                {
                    "type": "message",
                    "role": "user",
                    "content": [
                        {"type": "input_text", "text": "a"},
                        {"type": "input_image", "image_url": IMAGE, "detail": "auto"},
                        {"type": "input_file", "file_data": "x", "filename": "a.pdf"},
                    ],
                }
            ],
        ),
        (
            {"role": "assistant", "content": "", "refusal": "no"},
            [
                {
                    "type": "message",
                    "role": "assistant",
                    "id": "msg_0",
                    "status": "completed",
                    "content": [{"type": "refusal", "refusal": "no"}],
                }
            ],
        ),
        ({"role": "assistant", "content": None}, []),
    ],
)
def test_messages(message: Json, expected: list[Json]) -> None:
    found = request.from_chat({"messages": [message, USER]})["input"]
    assert found == [*expected, ITEM]
    for item in found:
        _ITEM.validate_python(item)


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"n": 2}, "n"),
        ({"stop": ["x"]}, "stop"),
        ({"frequency_penalty": 0.5}, "frequency_penalty"),
        ({"logit_bias": {"1": 2}}, "logit_bias"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "function", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        (
            {"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]},
            "messages[0].content[0].type",
        ),
        ({"tools": [{"type": "function"}]}, "tools[0].function.name"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
    ],
)
def test_what_the_responses_api_cannot_do_is_refused_by_name(asked: Json, param: str) -> None:
    with pytest.raises(RelayError) as caught:
        request.from_chat({"messages": [USER], **asked})
    assert (caught.value.status, caught.value.param) == (400, param)
