"""Valid requests for every route of the relay, to be spoiled; and what they are spoiled with."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
MODEL = "sandbox-chat"
# Models of upstreams that are asked in their own dialects, by the types of their channels.
VENDORS = {"claude-sonnet-4-5": 14, "gemini-2.5-flash": 24, "gpt-4o-mini": 1}
_TOOL = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
_PICTURE = "data:image/png;base64,iVBORw0KGgo="

CHAT: Json = {
    "model": MODEL,
    "messages": [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "hi"},
                {"type": "image_url", "image_url": {"url": _PICTURE, "detail": "low"}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "rain"},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": _TOOL}}],
    "tool_choice": "auto",
    "max_tokens": 20,
    "n": 1,
    "stop": ["x"],
    "stream_options": {"include_usage": True},
    "response_format": {"type": "json_object"},
    "temperature": 0.5,
    "logit_bias": {"50256": -100},
    "metadata": {"a": "b"},
    "user": "u",
}
MESSAGES: Json = {
    "model": MODEL,
    "max_tokens": 50,
    "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "hi"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
                {"type": "tool_use", "id": "1", "name": "f", "input": {"city": "Oslo"}},
            ],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "r"}]},
    ],
    "tools": [{"name": "f", "description": "d", "input_schema": _TOOL}],
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "stop_sequences": ["x"],
    "metadata": {"user_id": "u"},
}
RESPONSES: Json = {
    "model": MODEL,
    "instructions": "Be brief.",
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "rain"},
        {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "s"}]},
    ],
    "tools": [{"type": "function", "name": "f", "parameters": _TOOL, "strict": False}],
    "reasoning": {"effort": "low", "summary": "auto"},
    "text": {"format": {"type": "text"}, "verbosity": "low"},
    "max_output_tokens": 50,
    "include": ["reasoning.encrypted_content"],
    "store": False,
    "parallel_tool_calls": True,
}
GEMINI: Json = {
    "systemInstruction": {"parts": [{"text": "Be brief."}]},
    "contents": [
        {
            "role": "user",
            "parts": [
                {"text": "hi"},
                {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}},
            ],
        },
        {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"city": "Oslo"}}}]},
        {
            "role": "user",
            "parts": [{"functionResponse": {"name": "f", "response": {"sky": "rain"}}}],
        },
    ],
    "tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT"}}]}],
    "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}},
    "generationConfig": {
        "maxOutputTokens": 50,
        "stopSequences": ["x"],
        "candidateCount": 1,
        "responseSchema": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}},
        "thinkingConfig": {"thinkingBudget": 100},
    },
    "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
}
COMPLETIONS: Json = {"model": MODEL, "prompt": ["Once", "upon"], "max_tokens": 5, "best_of": 1}
EMBEDDINGS: Json = {"model": "sandbox-embedding", "input": ["a", "b"], "encoding_format": "float"}

_G = f"/v1beta/models/{MODEL}"
# Route and what is sent there, once for a whole answer and once for a stream.
ROUTES: tuple[tuple[str, Json], ...] = (
    ("/v1/chat/completions", CHAT),
    ("/v1/chat/completions", {**CHAT, "stream": True}),
    ("/openai/v1/chat/completions", {**CHAT, "stream": True}),
    ("/v1/messages", MESSAGES),
    ("/v1/messages?beta=true", {**MESSAGES, "stream": True}),
    ("/v1/messages/count_tokens", MESSAGES),
    ("/v1/responses", RESPONSES),
    ("/v1/responses", {**RESPONSES, "stream": True}),
    (f"{_G}:generateContent", GEMINI),
    (f"{_G}:streamGenerateContent?alt=sse", GEMINI),
    (f"{_G}:streamGenerateContent", GEMINI),
    (f"{_G}:countTokens", GEMINI),
    ("/v1/completions", COMPLETIONS),
    ("/v1/completions", {**COMPLETIONS, "stream": True}),
    ("/v1/embeddings", EMBEDDINGS),
    ("/v1/engines/sandbox-embedding/embeddings", {"input": "x"}),
)

# Marks that become text which no writer of JSON would write.
_RAW = {
    '"@deep@"': "[" * 3_000 + "]" * 3_000,
    '"@deepobject@"': '{"a":' * 1_200 + "1" + "}" * 1_200,
    '"@huge@"': "9" * 5_000,
    '"@infinite@"': "1e999",
    '"@nan@"': "NaN",
    '"@comma@"': "1,",
    '"@twice@"': '{"a":1,"a":2,"model":3}',
}
LEAVES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**53, 2**63, 2**64, -(2**63) - 1, 1.5, -0.0, 1e308),
    *("", "x", "\x00", "\ud800", "\udfff\ud800", "😀" * 50, "\u202e", "../../etc", "null", "1"),
    *([], {}, [[]], [None], {"a": None}, [{}], [[[[]]]], {"": ""}, {"type": "text"}, [1, "a"]),
    *("assistant", "system", "developer", "tool", "function", "user", "x" * 3_000),
    *(raw.strip('"') for raw in _RAW),
)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every position in JSON, as its holder and its name there."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for name, item in list(inner):
        yield value, name
        if isinstance(item, dict | list):
            yield from places(item)


def mutated(body: Json, rng: random.Random) -> Json:
    """Return a body that is wrong in one to four positions."""
    changed = copy.deepcopy(body)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        found = list(places(changed))
        if not found:
            break
        holder, name = rng.choice(found)
        how = rng.randrange(5)
        if how == 0:
            del holder[name]
        elif how == 1 and isinstance(holder, dict):
            holder[rng.choice(("type", "role", "content", "x", "", "text"))] = holder.pop(name)
        elif how == 2:
            holder[name] = [copy.deepcopy(holder[name])] * rng.choice((1, 2, 20))
        else:
            holder[name] = copy.deepcopy(rng.choice(LEAVES))
    return changed


def written(body: Any) -> bytes:
    """Write JSON, marks and all."""
    text = json.dumps(body, ensure_ascii=True)
    for mark, raw in _RAW.items():
        text = text.replace(mark, raw)
    return text.encode()
