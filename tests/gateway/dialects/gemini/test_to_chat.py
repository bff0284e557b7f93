"""What a Gemini client asks, as a chat body."""

from typing import Any

import pytest

from gateway.dialects.gemini import count, request
from gateway.relay.errors import RelayError

HI = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
ASKED = [{"role": "user", "content": "hi"}]
TOOL = {"name": "look", "description": "Looks.", "parameters": {"type": "OBJECT"}}
CHAT_TOOL = {
    "type": "function",
    "function": {"name": "look", "description": "Looks.", "parameters": {"type": "object"}},
}
OTHER = {"name": "find"}
CHAT_OTHER = {"type": "function", "function": {"name": "find"}}


def content(role: str, *parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": role, "parts": list(parts)}


def call(name: str, given: str | None = None, **args: Any) -> dict[str, Any]:
    return {"functionCall": {"name": name, "args": args, **({"id": given} if given else {})}}


def result(name: str, given: str | None = None, **said: Any) -> dict[str, Any]:
    named = {"name": name, "response": said, **({"id": given} if given else {})}
    return {"functionResponse": named}


def chat_call(given: str, name: str, arguments: str = "{}") -> dict[str, Any]:
    return {"id": given, "type": "function", "function": {"name": name, "arguments": arguments}}


def test_a_plain_question() -> None:
    assert request.to_chat(HI) == {"messages": ASKED}


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"temperature": 0.5}, {"temperature": 0.5}),
        ({"topP": 0.9, "topK": 40.0}, {"top_p": 0.9, "top_k": 40}),
        ({"top_p": 0.9}, {"top_p": 0.9}),
        ({"maxOutputTokens": 7}, {"max_tokens": 7}),
        ({"max_output_tokens": 7}, {"max_tokens": 7}),
        ({"stopSequences": ["a", "b"]}, {"stop": ["a", "b"]}),
        ({"candidateCount": 2, "seed": 3}, {"n": 2, "seed": 3}),
        (
            {"presencePenalty": 1, "frequencyPenalty": -1.5},
            {"presence_penalty": 1, "frequency_penalty": -1.5},
        ),
        ({"responseLogprobs": True, "logprobs": 3}, {"logprobs": True, "top_logprobs": 3}),
        ({"responseModalities": ["TEXT"]}, {}),
        ({"responseMimeType": "text/plain"}, {}),
        ({"responseMimeType": "application/json"}, {"response_format": {"type": "json_object"}}),
        (
            {"responseMimeType": "application/json", "responseSchema": {"type": "STRING"}},
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "response", "schema": {"type": "string"}},
                }
            },
        ),
        (
            {"responseMimeType": "application/json", "responseJsonSchema": {"type": "array"}},
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "response", "schema": {"type": "array"}},
                }
            },
        ),
        ({"thinkingConfig": {"thinkingBudget": 0}}, {"reasoning_effort": "none"}),
        ({"thinkingConfig": {"thinkingBudget": 1024}}, {"reasoning_effort": "low"}),
        ({"thinkingConfig": {"thinkingBudget": 1025}}, {"reasoning_effort": "medium"}),
        ({"thinkingConfig": {"thinkingBudget": 30000}}, {"reasoning_effort": "high"}),
        ({"thinkingConfig": {"thinkingBudget": -1}}, {}),
        ({"thinkingConfig": {"thinkingLevel": "HIGH"}}, {"reasoning_effort": "high"}),
        ({"thinking_config": {"thinking_level": "minimal"}}, {"reasoning_effort": "minimal"}),
        ({"thinkingConfig": {"includeThoughts": True}}, {}),
    ],
)
def test_the_generation_config(given: dict[str, Any], wanted: dict[str, Any]) -> None:
    for name in ("generationConfig", "generation_config"):
        assert request.to_chat({**HI, name: given}) == {"messages": ASKED, **wanted}


@pytest.mark.parametrize(
    "given",
    [
        {"parts": [{"text": "Be brief."}]},
        {"role": "user", "parts": {"text": "Be brief."}},
        "Be brief.",
    ],
)
def test_the_system_instruction(given: Any) -> None:
    for name in ("systemInstruction", "system_instruction"):
        chat = request.to_chat({**HI, name: given})
        assert chat["messages"] == [{"role": "system", "content": "Be brief."}, *ASKED]


@pytest.mark.parametrize(
    ("part", "wanted"),
    [
        (
            {"inlineData": {"mimeType": "image/png", "data": "-_8="}},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,+/8="}},
        ),
        (
            {"inline_data": {"mime_type": "audio/mpeg", "data": "AAAA"}},
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
        ),
        (
            {"inlineData": {"mimeType": "application/pdf", "data": "AAAA"}},
            {
                "type": "file",
                "file": {"filename": "file.pdf", "file_data": "data:application/pdf;base64,AAAA"},
            },
        ),
        (
            {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://example.com/a"}},
            {"type": "image_url", "image_url": {"url": "https://example.com/a"}},
        ),
        (
            {"fileData": {"fileUri": "https://example.com/a.png?b=c"}},
            {"type": "image_url", "image_url": {"url": "https://example.com/a.png?b=c"}},
        ),
    ],
)
def test_media(part: dict[str, Any], wanted: dict[str, Any]) -> None:
    chat = request.to_chat({"contents": [content("user", {"text": "what?"}, part)]})
    assert chat["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "what?"}, wanted]}
    ]


def test_turns_thoughts_calls_and_results() -> None:
    chat = request.to_chat(
        {
            "contents": [
                content("user", {"text": "weather?"}),
                content(
                    "model",
                    {"text": "hm", "thought": True},
                    {"text": "I look.", "thoughtSignature": "c2ln"},
                    call("look", at="Rome"),
                    call("look", at="Oslo"),
                    call("find", "mine"),
                ),
                content(
                    "user",
                    result("find", "mine", found=[1]),
                    result("look", output="sun"),
                    result("look", result="rain"),
                    {"text": "so?"},
                ),
            ]
        }
    )
    assert chat["messages"] == [
        {"role": "user", "content": "weather?"},
        {
            "role": "assistant",
            "content": "I look.",
            "reasoning_content": "hm",
            "tool_calls": [
                chat_call("call_0", "look", '{"at":"Rome"}'),
                chat_call("call_1", "look", '{"at":"Oslo"}'),
                chat_call("mine", "find"),
            ],
        },
        {"role": "tool", "tool_call_id": "mine", "content": '{"found":[1]}'},
        {"role": "tool", "tool_call_id": "call_0", "content": "sun"},
        {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
        {"role": "user", "content": "so?"},
    ]


def test_ids_are_unique_also_when_the_client_repeats_them() -> None:
    turn = [
        content("model", call("f", "call_1"), call("f"), call("f", "call_1")),
        content("function", result("f", "call_1"), result("f"), result("f")),
    ]
    messages = request.to_chat({"contents": turn})["messages"]
    ids = [made["id"] for made in messages[0]["tool_calls"]]
    assert len(set(ids)) == 3 and ids[0] == "call_1"
    assert [message["tool_call_id"] for message in messages[1:]] == ids


@pytest.mark.parametrize(
    ("config", "tools", "choice"),
    [
        (None, [CHAT_TOOL, CHAT_OTHER], None),
        ({"mode": "AUTO"}, [CHAT_TOOL, CHAT_OTHER], "auto"),
        ({"mode": "ANY"}, [CHAT_TOOL, CHAT_OTHER], "required"),
        ({"mode": "NONE"}, [CHAT_TOOL, CHAT_OTHER], "none"),
        ({"mode": "VALIDATED"}, [CHAT_TOOL, CHAT_OTHER], "auto"),
        (
            {"mode": "ANY", "allowedFunctionNames": ["find"]},
            [CHAT_OTHER],
            {"type": "function", "function": {"name": "find"}},
        ),
        (
            {"mode": "ANY", "allowed_function_names": ["find", "look"]},
            [CHAT_TOOL, CHAT_OTHER],
            "required",
        ),
        ({"mode": "VALIDATED", "allowedFunctionNames": ["look"]}, [CHAT_TOOL], "auto"),
    ],
)
def test_tools_and_the_choice_between_them(config: Any, tools: Any, choice: Any) -> None:
    body: dict[str, Any] = {**HI, "tools": [{"functionDeclarations": [TOOL, OTHER]}]}
    if config is not None:
        body["toolConfig"] = {"functionCallingConfig": config}
    chat = request.to_chat(body)
    assert chat["tools"] == tools
    assert chat.get("tool_choice") == choice


def test_json_schema_parameters_pass_as_they_are() -> None:
    schema = {"type": "object", "additionalProperties": False, "$defs": {"a": {}}}
    tool = {"name": "f", "parametersJsonSchema": schema}
    chat = request.to_chat({**HI, "tools": [{"function_declarations": [tool]}]})
    assert chat["tools"] == [{"type": "function", "function": {"name": "f", "parameters": schema}}]


def user(**part: Any) -> dict[str, Any]:
    return {"contents": [content("user", part)]}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "contents"),
        ({"contents": []}, "contents"),
        ({"contents": "hi"}, "contents"),
        ({"contents": [content("user", {"text": ""})]}, "contents"),
        ({"contents": [7]}, "contents[0]"),
        ({"contents": [{"parts": 7}]}, "contents[0].parts"),
        ({"contents": [{"parts": [7]}]}, "contents[0].parts[0]"),
        ({"contents": [{"role": "system", "parts": []}]}, "contents[0].role"),
        (user(text=7), "contents[0].parts[0].text"),
        (user(executableCode={}), "contents[0].parts[0].executableCode"),
        (user(video_metadata={}), "contents[0].parts[0].videoMetadata"),
        (user(inlineData={"data": "AA"}), "contents[0].parts[0].inlineData.mimeType"),
        (
            user(inlineData={"mimeType": "video/mp4", "data": "AA"}),
            "contents[0].parts[0].inlineData",
        ),
        (user(fileData={"fileUri": "gs://b/a.png"}), "contents[0].parts[0].fileData"),
        (
            user(fileData={"fileUri": "https://youtu.be/x", "mimeType": "image/png"}),
            "contents[0].parts[0].fileData",
        ),
        (user(fileData={"fileUri": "http://[/a.png"}), "contents[0].parts[0].fileData"),
        (user(functionResponse={"name": "f"}), "contents[0].parts[0].functionResponse"),
        (user(functionCall={"name": "f"}), "contents[0].role"),
        ({**HI, "cachedContent": "cachedContents/1"}, "cachedContent"),
        ({**HI, "tools": [{"googleSearch": {}}]}, "tools[0].googleSearch"),
        ({**HI, "tools": [{"code_execution": {}}]}, "tools[0].code_execution"),
        ({**HI, "tools": [{"urlContext": {}}]}, "tools[0].urlContext"),
        (
            {**HI, "tools": [{"functionDeclarations": [{}]}]},
            "tools[0].functionDeclarations[0].name",
        ),
        (
            {**HI, "toolConfig": {"functionCallingConfig": {"mode": "MAYBE"}}},
            "toolConfig.functionCallingConfig.mode",
        ),
        ({**HI, "generationConfig": {"temperature": "hot"}}, "generationConfig.temperature"),
        ({**HI, "generationConfig": {"topK": 1.5}}, "generationConfig.topK"),
        ({**HI, "generationConfig": {"speechConfig": {}}}, "generationConfig.speechConfig"),
        (
            {**HI, "generationConfig": {"responseModalities": ["AUDIO"]}},
            "generationConfig.responseModalities",
        ),
        (
            {**HI, "generationConfig": {"responseMimeType": "text/x.enum"}},
            "generationConfig.responseMimeType",
        ),
        (
            {**HI, "generationConfig": {"thinkingConfig": {"thinkingLevel": "DEEP"}}},
            "generationConfig.thinkingConfig.thinkingLevel",
        ),
        (
            {**HI, "systemInstruction": {"parts": [{"inlineData": {}}]}},
            "systemInstruction.parts[0]",
        ),
    ],
)
def test_what_chat_cannot_say_is_refused_by_name(body: dict[str, Any], param: str) -> None:
    with pytest.raises(RelayError) as refusal:
        request.to_chat(body)
    assert (refusal.value.status, refusal.value.param) == (400, param)


@pytest.mark.parametrize("extra", [{"safetySettings": [{}]}, {"labels": {"a": "b"}}])
def test_what_is_harmless_is_dropped(extra: dict[str, Any]) -> None:
    assert request.to_chat({**HI, **extra}) == {"messages": ASKED}


def test_what_to_count() -> None:
    assert count.to_chat(HI) == {"messages": ASKED}
    whole = {"model": "models/m", "systemInstruction": "Be brief.", **HI}
    messages = count.to_chat({"generateContentRequest": whole})["messages"]
    assert [message["role"] for message in messages] == ["system", "user"]
    assert count.total(count.answer(7)) == 7
    asked = count.from_chat({"messages": ASKED}, "gemini-3-pro")
    assert asked == {"generateContentRequest": {"model": "models/gemini-3-pro", **HI}}
