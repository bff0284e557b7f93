"""Chat requests, as the Messages API wants them."""

from typing import Any

import pytest

from gateway.dialects.anthropic import request
from gateway.relay.errors import RelayError

USER = {"role": "user", "content": "Hi"}
TURN = {"role": "user", "content": [{"type": "text", "text": "Hi"}]}
BASE = {"model": "m", "messages": [USER]}
PLAIN = {"model": "m", "max_tokens": 4_096, "messages": [TURN]}
SCHEMA = {"type": "object", "properties": {}}
FUNCTION = {"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA}}
TOOL = {"name": "f", "description": "d", "input_schema": SCHEMA}
TOOLS = {"tools": [TOOL]}
OLD, NEW = "claude-sonnet-4-5-20250929", "claude-opus-4-7"


def test_a_plain_request() -> None:
    assert request.from_chat(BASE) == PLAIN


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"max_tokens": 7}, {"max_tokens": 7}),
        ({"max_tokens": 7, "max_completion_tokens": 9}, {"max_tokens": 9}),
        ({"temperature": 1.7}, {"temperature": 1}),
        ({"temperature": -1, "top_p": 1}, {"temperature": 0}),
        ({"temperature": 0.2, "top_p": 0.5}, {"temperature": 0.2, "top_p": 0.5}),
        ({"top_p": 1}, {"top_p": 1}),
        ({"stop": "x"}, {"stop_sequences": ["x"]}),
        ({"stop": ["x", "y"]}, {"stop_sequences": ["x", "y"]}),
        ({"stop": None, "n": 1, "logprobs": False, "top_logprobs": 0, "modalities": ["text"]}, {}),
        ({"seed": 3, "presence_penalty": 1, "store": True, "novelty": 1}, {}),
        ({"stream": True, "stream_options": {"include_usage": True}}, {"stream": True}),
        ({"user": "u"}, {"metadata": {"user_id": "u"}}),
        ({"safety_identifier": "u"}, {"metadata": {"user_id": "u"}}),
        ({"tools": [FUNCTION]}, TOOLS),
        (
            {"tools": [{"type": "function", "function": {"name": "g", "strict": True}}]},
            {"tools": [{"name": "g", "input_schema": SCHEMA, "strict": True}]},
        ),
        ({"tools": [], "tool_choice": "auto"}, {}),
        ({"tools": [FUNCTION], "tool_choice": "auto"}, {**TOOLS, "tool_choice": {"type": "auto"}}),
        (
            {"tools": [FUNCTION], "tool_choice": "required"},
            {**TOOLS, "tool_choice": {"type": "any"}},
        ),
        (
            {"tools": [FUNCTION], "tool_choice": "none", "parallel_tool_calls": False},
            {**TOOLS, "tool_choice": {"type": "none"}},
        ),
        (
            {
                "tools": [FUNCTION],
                "tool_choice": {"type": "function", "function": {"name": "f"}},
                "parallel_tool_calls": True,
            },
            {**TOOLS, "tool_choice": {"type": "tool", "name": "f"}},
        ),
        (
            {"tools": [FUNCTION], "parallel_tool_calls": False},
            {**TOOLS, "tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
        ),
        ({"response_format": {"type": "text"}}, {}),
        (
            {"response_format": {"type": "json_object"}},
            {"system": "Answer with one valid JSON object and nothing else."},
        ),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA}}},
            {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
        ),
    ],
)
def test_fields(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    assert request.from_chat({**BASE, **fields}) == {**PLAIN, **expected}


def budget(tokens: int) -> dict[str, Any]:
    return {"thinking": {"type": "enabled", "budget_tokens": tokens}}


def adaptive(effort: str) -> dict[str, Any]:
    return {"thinking": {"type": "adaptive"}, "output_config": {"effort": effort}}


@pytest.mark.parametrize(
    ("model", "fields", "expected"),
    [
        (OLD, {"reasoning_effort": "low"}, {"max_tokens": 6_144, **budget(2_048)}),
        (OLD, {"reasoning_effort": "high", "max_tokens": 8_000}, budget(6_000)),
        (OLD, {"reasoning_effort": "high", "max_tokens": 1_000}, {}),
        (OLD, {"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
        (OLD, {"reasoning_effort": "low", "max_tokens": 9_000, "temperature": 0.3}, budget(2_048)),
        (OLD, {"temperature": 0.3}, {"temperature": 0.3}),
        (NEW, {"temperature": 0.3, "top_p": 0.1}, {}),
        (NEW, {"reasoning_effort": "minimal"}, adaptive("low")),
        (NEW, {"reasoning_effort": "xhigh"}, adaptive("xhigh")),
        ("claude-sonnet-5", {"reasoning_effort": "high"}, adaptive("high")),
        (
            "claude-opus-4-20250514",
            {"reasoning_effort": "high"},
            {"max_tokens": 20_480, **budget(16_384)},
        ),
        ("claude-3-5-sonnet-20241022", {"temperature": 0.3}, {"temperature": 0.3}),
    ],
)
def test_thinking(model: str, fields: dict[str, Any], expected: dict[str, Any]) -> None:
    limit = {"max_tokens": fields.get("max_tokens", 4_096)}
    asked = request.from_chat({**BASE, "model": model, **fields})
    assert asked == {**PLAIN, "model": model, **limit, **expected}


def call(call_id: str, arguments: Any = "{}") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": "f", "arguments": arguments}}


def use(use_id: str, given: dict[str, Any]) -> dict[str, Any]:
    return {"type": "tool_use", "id": use_id, "name": "f", "input": given}


def said(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def test_thinking_is_not_asked_where_anthropic_refuses_it() -> None:
    forced = {"tools": [FUNCTION], "tool_choice": "required", "reasoning_effort": "low"}
    assert "thinking" not in request.from_chat({**BASE, "model": OLD, **forced})
    answered = [
        USER,
        {"role": "assistant", "content": None, "tool_calls": [call("c")]},
        {"role": "tool", "tool_call_id": "c", "content": "1"},
    ]
    asked = {"model": OLD, "messages": answered, "reasoning_effort": "low"}
    assert "thinking" not in request.from_chat(asked)
    answered[1] |= {"reasoning_content": "hm", "reasoning_signature": "sig"}
    thought = request.from_chat(asked)
    assert thought["thinking"] == budget(2_048)["thinking"]
    assert thought["messages"][1]["content"][0] == {
        "type": "thinking",
        "thinking": "hm",
        "signature": "sig",
    }


IMAGE = {"type": "image_url", "image_url": {"url": "data:image/jpg;base64,AAAA", "detail": "low"}}
IMAGE_BLOCK = {
    "type": "image",
    "source": {"type": "base64", "media_type": "image/jpeg", "data": "AAAA"},
}
LINKED = {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}
LINKED_BLOCK = {"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}}


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([USER, USER], [{"role": "user", "content": [said("Hi"), said("Hi")]}]),
        (
            [{"role": "user", "content": [said("a"), IMAGE, LINKED]}],
            [{"role": "user", "content": [said("a"), IMAGE_BLOCK, LINKED_BLOCK]}],
        ),
        (
            [{"role": "user", "content": [{**said("a"), "cache_control": {"type": "ephemeral"}}]}],
            [{"role": "user", "content": [{**said("a"), "cache_control": {"type": "ephemeral"}}]}],
        ),
        (
            [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "file",
                            "file": {
                                "filename": "a.pdf",
                                "file_data": "data:application/pdf;base64,JVBERg==",
                            },
                        },
                        {"type": "file", "file": {"file_data": "data:text/plain;base64,aGk="}},
                    ],
                }
            ],
            [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "document",
                            "source": {
                                "type": "base64",
                                "media_type": "application/pdf",
                                "data": "JVBERg==",
                            },
                            "title": "a.pdf",
                        },
                        {
                            "type": "document",
                            "source": {"type": "text", "media_type": "text/plain", "data": "hi"},
                        },
                    ],
                }
            ],
        ),
        (
            [
                USER,
                {
                    "role": "assistant",
                    "content": " ",
                    "reasoning_content": "unsigned",
                    "tool_calls": [call("a", '{"x":1}'), call("b", "broken")],
                },
                {"role": "tool", "tool_call_id": "a", "content": "1"},
                {"role": "tool", "tool_call_id": "b", "content": [said("2")]},
                USER,
            ],
            [
                TURN,
                {
                    "role": "assistant",
                    "content": [use("a", {"x": 1}), use("b", {"raw_arguments": "broken"})],
                },
                {
                    "role": "user",
                    "content": [
                        {"type": "tool_result", "tool_use_id": "a", "content": "1"},
                        {"type": "tool_result", "tool_use_id": "b", "content": [said("2")]},
                        said("Hi"),
                    ],
                },
            ],
        ),
        (
            [USER, {"role": "assistant", "content": "So: "}],
            [TURN, {"role": "assistant", "content": [said("So:")]}],
        ),
        (
            [USER, {"role": "assistant", "content": ""}, USER],
            [{"role": "user", "content": [said("Hi"), said("Hi")]}],
        ),
        (
            [USER, {"role": "assistant", "content": None, "refusal": "No"}],
            [TURN, {"role": "assistant", "content": [said("No")]}],
        ),
    ],
)
def test_turns(messages: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    assert request.from_chat({"model": "m", "messages": messages})["messages"] == expected


def test_system_and_developer_messages_are_one_system_prompt() -> None:
    messages = [
        {"role": "system", "content": "A"},
        USER,
        {"role": "developer", "content": [said("B"), said(" ")]},
    ]
    asked = request.from_chat({"model": "m", "messages": messages})
    assert asked["system"] == "A\n\nB"
    assert asked["messages"] == [TURN]


def test_a_system_prompt_marked_for_the_cache_keeps_its_mark() -> None:
    marked = {**said("A"), "cache_control": {"type": "ephemeral"}}
    messages = [{"role": "system", "content": [marked]}, USER]
    assert request.from_chat({"model": "m", "messages": messages})["system"] == [marked]


def test_ids_of_calls_that_anthropic_would_refuse_stay_distinct() -> None:
    ids = ["functions.f:0", "functions.f.0"]
    messages = [
        USER,
        {"role": "assistant", "tool_calls": [call(i) for i in ids]},
        *({"role": "tool", "tool_call_id": i, "content": "x"} for i in ids),
    ]
    _, calls, results = request.from_chat({"model": "m", "messages": messages})["messages"]
    used = [block["id"] for block in calls["content"]]
    assert used == [block["tool_use_id"] for block in results["content"]]
    assert len(set(used)) == 2
    assert all(i.replace("_", "").isalnum() for i in used)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "system", "content": "only"}]}, "messages"),
        ({"messages": [{"role": "function", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.tool_call_id"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages.0.content"),
        (
            {"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]},
            "messages.0.content.0.type",
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "image_url", "image_url": {"url": "ftp://x"}}],
                    }
                ]
            },
            "messages.0.content.0.image_url.url",
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}
                ]
            },
            "messages.0.content.0.file.file_id",
        ),
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"logit_bias": {"1": 2}}, "logit_bias"),
        ({"functions": [{}]}, "functions"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"stop": "\n"}, "stop"),
        ({"max_tokens": "x"}, "max_tokens"),
        ({"tools": [{"type": "custom"}]}, "tools.0.type"),
        ({"tools": [FUNCTION], "tool_choice": {"type": "allowed_tools"}}, "tool_choice"),
        ({"reasoning_effort": "hard"}, "reasoning_effort"),
        ({"response_format": {"type": "grammar"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
    ],
)
def test_refusals_name_the_field(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(RelayError) as refusal:
        request.from_chat({**BASE, **fields})
    assert (refusal.value.status, refusal.value.param) == (400, param)
