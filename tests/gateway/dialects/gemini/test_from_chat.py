"""A chat body, as a GenerateContentRequest."""

from typing import Any

import pytest

from gateway.dialects.gemini import request
from gateway.dialects.gemini.calls import NO_SIGNATURE
from gateway.relay.errors import RelayError

HI = {"model": "gemini-2.5-flash", "messages": [{"role": "user", "content": "hi"}]}
ASKED = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}


def said(*messages: dict[str, Any], model: str = "gemini-2.5-flash") -> dict[str, Any]:
    return request.from_chat({"model": model, "messages": list(messages)})


def chat_call(given: str, name: str, arguments: Any = "{}", **more: Any) -> dict[str, Any]:
    return {"id": given, "function": {"name": name, "arguments": arguments}, **more}


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (
            {"temperature": 0.5, "top_p": 0.9, "top_k": 40},
            ("temperature", 0.5, "topP", 0.9, "topK", 40),
        ),
        ({"max_tokens": 7}, ("maxOutputTokens", 7)),
        ({"max_tokens": 7, "max_completion_tokens": 9}, ("maxOutputTokens", 9)),
        ({"stop": "a"}, ("stopSequences", ["a"])),
        ({"stop": ["a", "b"]}, ("stopSequences", ["a", "b"])),
        ({"n": 2, "seed": 3}, ("candidateCount", 2, "seed", 3)),
        ({"logprobs": True, "top_logprobs": 3}, ("responseLogprobs", True, "logprobs", 3)),
        ({"modalities": ["text", "image"]}, ("responseModalities", ["TEXT", "IMAGE"])),
        ({"response_format": {"type": "json_object"}}, ("responseMimeType", "application/json")),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "x", "strict": True, "schema": {"type": "integer"}},
                }
            },
            ("responseMimeType", "application/json", "responseSchema", {"type": "INTEGER"}),
        ),
    ],
)
def test_the_generation_config(given: dict[str, Any], wanted: tuple[Any, ...]) -> None:
    config = dict(zip(wanted[::2], wanted[1::2], strict=True))
    assert request.from_chat({**HI, **given}) == {**ASKED, "generationConfig": config}


@pytest.mark.parametrize(
    "extra",
    [
        {"response_format": {"type": "text"}},
        {"modalities": ["text"]},
        {"user": "me", "metadata": {}, "store": True, "parallel_tool_calls": False},
        {"stream": True, "stream_options": {"include_usage": True}},
        {"tools": []},
    ],
)
def test_what_means_nothing_to_gemini_is_left_out(extra: dict[str, Any]) -> None:
    assert request.from_chat({**HI, **extra}) == ASKED


@pytest.mark.parametrize(
    ("model", "effort", "config"),
    [
        ("gemini-2.5-flash", "none", {"thinkingBudget": 0}),
        ("gemini-2.5-pro", "none", {"thinkingBudget": 128}),
        ("gemini-2.5-flash", "low", {"thinkingBudget": 1_024, "includeThoughts": True}),
        ("gemini-2.5-pro", "medium", {"thinkingBudget": 8_192, "includeThoughts": True}),
        ("gemini-2.5-pro", "high", {"thinkingBudget": 24_576, "includeThoughts": True}),
        ("gemini-3.1-pro-preview", "minimal", {"thinkingLevel": "LOW", "includeThoughts": True}),
        ("gemini-3.8-flash", "minimal", {"thinkingLevel": "MINIMAL", "includeThoughts": True}),
        ("gemini-flash-latest", "none", {"thinkingLevel": "MINIMAL"}),
        ("gemini-3-flash", "xhigh", {"thinkingLevel": "HIGH", "includeThoughts": True}),
        ("gemini-2.0-flash", "high", None),
        ("gemma-3-27b-it", "high", None),
    ],
)
def test_how_much_to_think(model: str, effort: str, config: dict[str, Any] | None) -> None:
    made = request.from_chat({**HI, "model": model, "reasoning_effort": effort})
    assert made.get("generationConfig", {}).get("thinkingConfig") == config


def test_googles_own_extension_for_openai_clients() -> None:
    google = {
        "thinking_config": {"thinking_budget": 5, "include_thoughts": True, "more": 1},
        "safety_settings": [{"category": "C", "threshold": "OFF"}],
    }
    made = request.from_chat({**HI, "reasoning_effort": "low", "extra_body": {"google": google}})
    assert made["generationConfig"]["thinkingConfig"] == {
        "thinkingBudget": 5,
        "includeThoughts": True,
    }
    assert made["safetySettings"] == google["safety_settings"]
    given = request.from_chat({**HI, "safetySettings": google["safety_settings"]})
    assert given["safetySettings"] == google["safety_settings"]


def test_system_messages_become_one_instruction() -> None:
    made = said(
        {"role": "system", "content": "a"},
        {"role": "user", "content": "hi"},
        {"role": "developer", "content": [{"type": "text", "text": "b"}]},
    )
    assert made == {**ASKED, "systemInstruction": {"parts": [{"text": "a"}, {"text": "b"}]}}
    alone = said({"role": "system", "content": "a"})
    assert alone == {"contents": [{"role": "user", "parts": [{"text": "a"}]}]}


def test_turns_of_one_side_are_joined_and_results_stay_apart() -> None:
    made = said(
        {"role": "user", "content": "a"},
        {"role": "user", "content": "b"},
        {
            "role": "assistant",
            "content": "c",
            "reasoning_content": "hm",
            "tool_calls": [chat_call("1", "f", '{"x":1}'), chat_call("2", "g", "")],
        },
        {"role": "tool", "tool_call_id": "2", "content": '{"y":2}'},
        {"role": "tool", "tool_call_id": "1", "content": [{"type": "text", "text": "z"}]},
        {"role": "user", "content": "d"},
    )
    assert made["contents"] == [
        {"role": "user", "parts": [{"text": "a"}, {"text": "b"}]},
        {
            "role": "model",
            "parts": [
                {"text": "hm", "thought": True},
                {"text": "c"},
                {"functionCall": {"id": "1", "name": "f", "args": {"x": 1}}},
                {"functionCall": {"id": "2", "name": "g", "args": {}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"id": "2", "name": "g", "response": {"y": 2}}},
                {"functionResponse": {"id": "1", "name": "f", "response": {"output": "z"}}},
            ],
        },
        {"role": "user", "parts": [{"text": "d"}]},
    ]


@pytest.mark.parametrize(
    ("model", "extra", "signature"),
    [
        ("gemini-3-pro", {"extra_content": {"google": {"thought_signature": "c2ln"}}}, "c2ln"),
        ("gemini-2.5-pro", {"extra_content": {"google": {"thought_signature": "c2ln"}}}, "c2ln"),
        ("gemini-3-pro", {}, NO_SIGNATURE),
        ("gemini-2.5-pro", {}, None),
    ],
)
def test_signatures_of_calls(model: str, extra: dict[str, Any], signature: str | None) -> None:
    calls = [chat_call("1", "f", **extra), chat_call("2", "g")]
    made = said({"role": "assistant", "content": None, "tool_calls": calls}, model=model)
    first, second = made["contents"][0]["parts"]
    assert first.get("thoughtSignature") == signature
    assert "thoughtSignature" not in second


@pytest.mark.parametrize(
    ("arguments", "args"),
    [
        ('{"a":1}', {"a": 1}),
        ("", {}),
        (None, {}),
        ('{"a":', {"arguments": '{"a":'}),
        ("[1]", {"arguments": "[1]"}),
        ({"a": 1}, {"a": 1}),
        ('{"a":' * 300 + "1" + "}" * 300, {"arguments": '{"a":' * 300 + "1" + "}" * 300}),
    ],
)
def test_arguments(arguments: Any, args: dict[str, Any]) -> None:
    message = {"role": "assistant", "tool_calls": [chat_call("1", "f", arguments)]}
    assert said(message)["contents"][0]["parts"][0]["functionCall"]["args"] == args


@pytest.mark.parametrize(
    ("part", "wanted"),
    [
        (
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
            {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
        ),
        (
            {"type": "image_url", "image_url": {"url": "data:text/plain;charset=utf-8,a%20b"}},
            {"inlineData": {"mimeType": "text/plain", "data": "YSBi"}},
        ),
        (
            {"type": "image_url", "image_url": "https://example.com/a.webp?x=1"},
            {"fileData": {"mimeType": "image/webp", "fileUri": "https://example.com/a.webp?x=1"}},
        ),
        (
            {"type": "image_url", "image_url": {"url": "https://example.com/a"}},
            {"fileData": {"fileUri": "https://example.com/a"}},
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
            {"inlineData": {"mimeType": "audio/mp3", "data": "AAAA"}},
        ),
        (
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}},
            {"inlineData": {"mimeType": "application/pdf", "data": "AAAA"}},
        ),
        (
            {"type": "file", "file": {"file_data": "AAAA", "filename": "a.csv"}},
            {"inlineData": {"mimeType": "text/csv", "data": "AAAA"}},
        ),
        (
            {"type": "video_url", "video_url": {"url": "https://example.com/a.mp4"}},
            {"fileData": {"mimeType": "video/mp4", "fileUri": "https://example.com/a.mp4"}},
        ),
    ],
)
def test_media(part: dict[str, Any], wanted: dict[str, Any]) -> None:
    made = said({"role": "user", "content": [{"type": "text", "text": "what?"}, part]})
    assert made["contents"] == [{"role": "user", "parts": [{"text": "what?"}, wanted]}]


@pytest.mark.parametrize(
    ("choice", "calling"),
    [
        ("auto", {"mode": "AUTO"}),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        (
            {"type": "function", "function": {"name": "f"}},
            {"mode": "ANY", "allowedFunctionNames": ["f"]},
        ),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "auto",
                    "tools": [{"type": "function", "function": {"name": "f"}}],
                },
            },
            {"mode": "VALIDATED", "allowedFunctionNames": ["f"]},
        ),
    ],
)
def test_tools_and_the_choice_between_them(choice: Any, calling: dict[str, Any]) -> None:
    function = {"name": "f", "description": "F.", "strict": True, "parameters": {"type": "object"}}
    tools = [{"type": "function", "function": function}]
    made = request.from_chat({**HI, "tools": tools, "tool_choice": choice})
    declared = [{"name": "f", "description": "F."}]
    assert made["tools"] == [{"functionDeclarations": declared}]
    assert made["toolConfig"] == {"functionCallingConfig": calling}


def user(*parts: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(parts)}]}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": 7}, "messages"),
        ({"messages": [7]}, "messages[0]"),
        ({"messages": [{"role": "judge"}]}, "messages[0].role"),
        ({"messages": [{"role": ["user"]}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
        (user({"type": "smell"}), "messages[0].content[0].type"),
        (user({"type": ["text"]}), "messages[0].content[0].type"),
        (user({"type": "image_url"}), "messages[0].content[0].image_url"),
        (
            user({"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}),
            "messages[0].content[0].image_url",
        ),
        (
            user({"type": "file", "file": {"file_id": "file-1"}}),
            "messages[0].content[0].file.file_id",
        ),
        (
            {"messages": [{"role": "tool", "tool_call_id": "x", "content": "y"}]},
            "messages[0].tool_call_id",
        ),
        ({**HI, "logit_bias": {"1": 2}}, "logit_bias"),
        ({**HI, "audio": {"voice": "x"}}, "audio"),
        ({**HI, "modalities": ["text", "audio"]}, "modalities"),
        ({**HI, "functions": [{"name": "f"}]}, "functions"),
        ({**HI, "web_search_options": {"a": 1}}, "web_search_options"),
        ({**HI, "tools": [{"type": "custom"}]}, "tools[0].type"),
        ({**HI, "temperature": True}, "temperature"),
        ({**HI, "reasoning_effort": "deep"}, "reasoning_effort"),
        ({**HI, "response_format": {"type": "xml"}}, "response_format.type"),
        (
            {**HI, "extra_body": {"google": {"cached_content": "cachedContents/1"}}},
            "extra_body.google.cached_content",
        ),
    ],
)
def test_what_gemini_cannot_do_is_refused_by_name(body: dict[str, Any], param: str) -> None:
    with pytest.raises(RelayError) as refusal:
        request.from_chat(body)
    assert (refusal.value.status, refusal.value.param) == (400, param)


def test_a_conversation_comes_back_as_it_was() -> None:
    messages = [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "a"},
        {
            "role": "assistant",
            "content": "b",
            "reasoning_content": "t",
            "tool_calls": [{**chat_call("1", "f", '{"x":1}'), "type": "function"}],
        },
        {"role": "tool", "tool_call_id": "1", "content": "r"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "c"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
            ],
        },
    ]
    assert request.to_chat(said(*messages))["messages"] == messages
