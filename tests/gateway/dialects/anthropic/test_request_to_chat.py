"""What clients of the Messages API ask, as chat requests."""

from hashlib import sha256
from typing import Any

import pytest

from gateway.dialects.anthropic import request
from gateway.relay.errors import RelayError

USER = {"role": "user", "content": "Hi"}
PNG = "iVBORw0KGgo="
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
BASE = {"model": "m", "max_tokens": 100, "messages": [USER]}
PLAIN = {"model": "m", "max_tokens": 100, "messages": [USER]}


def test_a_plain_request() -> None:
    assert request.to_chat(BASE) == PLAIN


TOOL = {"name": "weather", "description": "Now", "input_schema": SCHEMA}
FUNCTION = {"name": "weather", "description": "Now", "parameters": SCHEMA}
TOOLS = {"tools": [{"type": "function", "function": FUNCTION}]}
BUDGET = {"thinking": {"type": "enabled", "budget_tokens": 2_000}}
STRICT = {"name": "response", "strict": True, "schema": SCHEMA}
FORMAT = {"response_format": {"type": "json_schema", "json_schema": STRICT}}
WANTED = {"type": "json_schema", "schema": SCHEMA}
ADAPTIVE = {"type": "adaptive"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"temperature": 0.5, "top_p": 0.9, "top_k": 5}, {"temperature": 0.5, "top_p": 0.9}),
        ({"stop_sequences": ["a", "b"]}, {"stop": ["a", "b"]}),
        ({"stop_sequences": []}, {}),
        ({"stream": True}, {"stream": True, "stream_options": {"include_usage": True}}),
        ({"stream": False}, {}),
        ({"metadata": {"user_id": "u1"}}, {"user": "u1"}),
        ({"metadata": {"user_id": "u" * 65}}, {"user": sha256(b"u" * 65).hexdigest()}),
        ({"tools": [TOOL]}, TOOLS),
        (
            {"tools": [{"name": "g", "input_schema": {"type": "object"}}]},
            {
                "tools": [
                    {
                        "type": "function",
                        "function": {
                            "name": "g",
                            "parameters": {"type": "object", "properties": {}},
                        },
                    }
                ]
            },
        ),
        ({"tools": [TOOL], "tool_choice": {"type": "auto"}}, {**TOOLS, "tool_choice": "auto"}),
        ({"tools": [TOOL], "tool_choice": {"type": "any"}}, {**TOOLS, "tool_choice": "required"}),
        ({"tools": [TOOL], "tool_choice": {"type": "none"}}, {**TOOLS, "tool_choice": "none"}),
        (
            {
                "tools": [{**TOOL, "type": "custom", "strict": True, "cache_control": {}}],
                "tool_choice": {
                    "type": "tool",
                    "name": "weather",
                    "disable_parallel_tool_use": True,
                },
            },
            {
                "tools": [{"type": "function", "function": {**FUNCTION, "strict": True}}],
                "tool_choice": {"type": "function", "function": {"name": "weather"}},
                "parallel_tool_calls": False,
            },
        ),
        (BUDGET, {"reasoning_effort": "low"}),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 10_000}},
            {"reasoning_effort": "medium"},
        ),
        ({"thinking": {"type": "enabled", "budget_tokens": 60_000}}, {"reasoning_effort": "high"}),
        ({"thinking": {"type": "disabled"}, "output_config": {"effort": "low"}}, {}),
        ({"thinking": ADAPTIVE}, {}),
        ({"thinking": ADAPTIVE, "output_config": {"effort": "max"}}, {"reasoning_effort": "high"}),
        ({"output_config": {"format": WANTED}}, FORMAT),
        ({"output_format": WANTED}, FORMAT),
        ({"service_tier": "auto", "context_management": {"edits": []}, "novelty": 1}, {}),
    ],
)
def test_fields(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    assert request.to_chat({**BASE, **fields}) == {**PLAIN, **expected}


@pytest.mark.parametrize("model", ["o3-mini", "gpt-5.2", "openai/gpt-5"])
def test_models_that_take_the_new_limit_only(model: str) -> None:
    chat = request.to_chat({**BASE, "model": model})
    assert chat["max_completion_tokens"] == 100 and "max_tokens" not in chat


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        ("Be brief", "Be brief"),
        (
            [{"type": "text", "text": "A", "cache_control": {}}, {"type": "text", "text": "B"}],
            "A\n\nB",
        ),
    ],
)
def test_system_prompts(system: Any, expected: str) -> None:
    chat = request.to_chat({**BASE, "system": system})
    assert chat["messages"] == [{"role": "system", "content": expected}, USER]


def turn(*blocks: dict[str, Any], role: str = "user") -> dict[str, Any]:
    return {"role": role, "content": list(blocks)}


def said(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
IMAGE_PART = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
LINKED = {"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}}
LINKED_PART = {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}
PDF = {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="}
FILE = {"filename": "Q3", "file_data": "data:application/pdf;base64,JVBERg=="}
USE = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Rome"}}
CALL_FUNCTION = {"name": "weather", "arguments": '{"city":"Rome"}'}
CALL = {"id": "toolu_1", "type": "function", "function": CALL_FUNCTION}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1"}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (turn(said("a")), [{"role": "user", "content": "a"}]),
        (turn(said("a"), said("b")), [{"role": "user", "content": [said("a"), said("b")]}]),
        (turn(said("a"), IMAGE), [{"role": "user", "content": [said("a"), IMAGE_PART]}]),
        (turn(LINKED), [{"role": "user", "content": [LINKED_PART]}]),
        (
            turn({"type": "document", "title": "Q3", "source": PDF}),
            [{"role": "user", "content": [{"type": "file", "file": FILE}]}],
        ),
        (
            turn({"type": "document", "source": {"type": "text", "data": "words"}}),
            [{"role": "user", "content": "words"}],
        ),
        (
            turn(
                {"type": "document", "source": {"type": "content", "content": [said("in"), LINKED]}}
            ),
            [{"role": "user", "content": [said("in"), LINKED_PART]}],
        ),
        (
            turn({"type": "search_result", "title": "T", "source": "S", "content": [said("c")]}),
            [{"role": "user", "content": [said("T"), said("S"), said("c")]}],
        ),
        (turn(said("ok"), role="assistant"), [{"role": "assistant", "content": "ok"}]),
        (
            turn(
                {"type": "thinking", "thinking": "hm", "signature": "s"},
                {"type": "redacted_thinking", "data": "x"},
                said("ok"),
                USE,
                role="assistant",
            ),
            [
                {
                    "role": "assistant",
                    "content": "ok",
                    "reasoning_content": "hm",
                    "tool_calls": [CALL],
                }
            ],
        ),
        (
            turn(USE, role="assistant"),
            [{"role": "assistant", "content": None, "tool_calls": [CALL]}],
        ),
        (
            turn(said("and"), {**RESULT, "content": "sun"}),
            [
                {"role": "tool", "tool_call_id": "toolu_1", "content": "sun"},
                {"role": "user", "content": "and"},
            ],
        ),
        (
            turn({**RESULT, "content": [said("a"), said("b")], "is_error": True}),
            [{"role": "tool", "tool_call_id": "toolu_1", "content": "Error: a\nb"}],
        ),
        (turn(RESULT), [{"role": "tool", "tool_call_id": "toolu_1", "content": ""}]),
        (
            turn({**RESULT, "content": [IMAGE]}),
            [
                {"role": "tool", "tool_call_id": "toolu_1", "content": ""},
                {
                    "role": "user",
                    "content": [said("Attachments of the tool result toolu_1:"), IMAGE_PART],
                },
            ],
        ),
        ({"role": "system", "content": "now"}, [{"role": "system", "content": "now"}]),
    ],
)
def test_turns(message: dict[str, Any], expected: list[dict[str, Any]]) -> None:
    chat = request.to_chat({**BASE, "messages": [USER, message]})
    assert chat["messages"] == [USER, *expected]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": None}, "messages"),
        ({"messages": [turn()]}, "messages"),
        ({"messages": ["x"]}, "messages.0"),
        ({"messages": [{"role": "robot", "content": ""}]}, "messages.0.role"),
        ({"messages": [{"role": "user"}]}, "messages.0.content"),
        ({"messages": [turn({"type": "container_upload"})]}, "messages.0.content.0.type"),
        ({"messages": [turn(said("a"), {"type": []})]}, "messages.0.content.1.type"),
        ({"messages": [turn({"type": "text"})]}, "messages.0.content.0.text"),
        (
            {"messages": [turn({"type": "image", "source": {"type": "file"}})]},
            "messages.0.content.0.source.type",
        ),
        (
            {"messages": [turn({"type": "document", "source": {"type": "url"}})]},
            "messages.0.content.0.source.type",
        ),
        ({"messages": [turn({"type": "tool_result"})]}, "messages.0.content.0.tool_use_id"),
        (
            {"messages": [turn({"type": "server_tool_use"}, role="assistant")]},
            "messages.0.content.0.type",
        ),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools.0.type"),
        ({"tools": [{"name": "a"}]}, "tools.0.input_schema"),
        ({"tools": [TOOL], "tool_choice": {"type": "some"}}, "tool_choice.type"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"temperature": "hot"}, "temperature"),
        ({"stop_sequences": list("abcde")}, "stop_sequences"),
        ({"stop_sequences": [1]}, "stop_sequences.0"),
        ({"stream": "yes"}, "stream"),
        ({"mcp_servers": [{}]}, "mcp_servers"),
        ({"container": "c"}, "container"),
        ({"output_config": {"format": {"type": "yaml"}}}, "output_config.format.type"),
        ({"system": 5}, "system"),
    ],
)
def test_refusals_name_the_field(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(RelayError) as refusal:
        request.to_chat({**BASE, **fields})
    assert (refusal.value.status, refusal.value.param) == (400, param)
