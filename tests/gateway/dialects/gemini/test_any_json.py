"""Whatever clients and upstreams send, the answer is a conversion or a RelayError.

Documents are real ones in which values have been replaced, moved and nested at random, so that
they reach deep into the conversions.
"""

import copy
import random
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.dialects.gemini import answer, count, embeddings, errors, request, text, usage
from gateway.dialects.gemini.stream import FromChat, ToChat
from gateway.relay.errors import RelayError

SEED = 20_261_122
ROUNDS = 1_500

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
)
ANY = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner)
)

GEMINI: dict[str, Any] = {
    "model": "gemini-3-pro",
    "systemInstruction": {"parts": [{"text": "s"}]},
    "contents": [
        {
            "role": "user",
            "parts": [
                {"text": "a"},
                {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
                {"fileData": {"mimeType": "image/png", "fileUri": "https://example.com/a.png"}},
            ],
        },
        {
            "role": "model",
            "parts": [
                {"text": "t", "thought": True},
                {"functionCall": {"id": "1", "name": "f", "args": {"x": [1]}}},
                {"functionCall": {"name": "g", "args": {}}, "thoughtSignature": "c2ln"},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"id": "1", "name": "f", "response": {"output": "r"}}},
                {"functionResponse": {"name": "g", "response": {"y": 1}}},
            ],
        },
    ],
    "tools": [
        {
            "functionDeclarations": [
                {
                    "name": "f",
                    "parameters": {
                        "type": "OBJECT",
                        "properties": {
                            "x": {"type": "ARRAY", "items": {"anyOf": [{"type": "STRING"}]}}
                        },
                        "required": ["x"],
                        "minProperties": "1",
                    },
                },
                {"name": "g", "parametersJsonSchema": {"type": "object"}},
            ]
        }
    ],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
    "safetySettings": [{"category": "c", "threshold": "t"}],
    "generationConfig": {
        "temperature": 1,
        "topK": 40,
        "stopSequences": ["x"],
        "responseMimeType": "application/json",
        "responseSchema": {"type": "STRING", "enum": ["a"], "nullable": True},
        "thinkingConfig": {"thinkingBudget": 5, "includeThoughts": True},
        "responseModalities": ["TEXT"],
    },
}
CHAT: dict[str, Any] = {
    "model": "gemini-3-pro",
    "messages": [
        {"role": "system", "content": "s"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "a"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
                {"type": "file", "file": {"file_data": "AAAA", "filename": "a.pdf"}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "reasoning_content": "t",
            "tool_calls": [
                {
                    "id": "1",
                    "function": {"name": "f", "arguments": '{"x":1}'},
                    "extra_content": {"google": {"thought_signature": "c2ln"}},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "1", "content": "r"},
    ],
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "f",
                "parameters": {
                    "type": "object",
                    "properties": {
                        "x": {"$ref": "#/$defs/n"},
                        "y": {"type": ["string", "null"], "enum": ["a", None]},
                        "z": {"allOf": [{"anyOf": [{"type": "null"}, {"const": 1}]}]},
                        "w": {"prefixItems": [{"type": "integer"}]},
                    },
                    "required": ["x"],
                    "$defs": {"n": {"type": "object", "properties": {"n": {"$ref": "#/$defs/n"}}}},
                },
            },
        }
    ],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "reasoning_effort": "low",
    "stop": ["x"],
    "max_tokens": 5,
    "response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "string"}}},
    "extra_body": {"google": {"thinking_config": {"thinking_budget": 1}, "safety_settings": [{}]}},
    "modalities": ["text"],
    "input": ["a"],
    "dimensions": 3,
}
ANSWER: dict[str, Any] = {
    "candidates": [
        {
            "content": {
                "parts": [
                    *GEMINI["contents"][1]["parts"],
                    {"text": "b"},
                    {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
                ]
            },
            "finishReason": "STOP",
            "index": 0,
            "logprobsResult": {
                "chosenCandidates": [{"token": "a", "logProbability": -1}],
                "topCandidates": [{"candidates": [{"token": "b", "logProbability": -2}]}],
            },
        }
    ],
    "promptFeedback": {"blockReason": "SAFETY", "blockReasonMessage": "m"},
    "usageMetadata": {
        "promptTokenCount": 3,
        "candidatesTokenCount": 4,
        "totalTokenCount": 9,
        "thoughtsTokenCount": 2,
        "cachedContentTokenCount": 1,
        "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 1}],
    },
    "embeddings": [{"values": [0.5]}],
    "modelVersion": "m",
    "responseId": "r",
}
COMPLETION: dict[str, Any] = {
    "id": "c",
    "model": "m",
    "choices": [
        {
            "index": 0,
            name: {
                "content": "a",
                "reasoning_content": "t",
                "tool_calls": [
                    {"index": 0, "id": "1", "function": {"name": "f", "arguments": "{}"}}
                ],
                "images": [{"image_url": {"url": "data:image/png;base64,AAAA"}}],
            },
            "finish_reason": "stop",
            "logprobs": {
                "content": [{"token": "a", "logprob": -1, "top_logprobs": [{"token": "b"}]}]
            },
        }
        for name in ("message", "delta")
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 4, "prompt_tokens_details": {}},
    "data": [{"index": 0, "embedding": "AAAA"}],
}
FAILURE: dict[str, Any] = {"error": {"message": "m", "status": "s", "details": [{"reason": "r"}]}}


def in_a_stream(document: Any) -> Iterator[Any]:
    stream = ToChat()
    yield from stream.feed(document)
    yield from stream.feed(document)
    yield from stream.end()


def for_a_client(document: Any) -> list[bytes]:
    stream = FromChat(document, array=True)
    return [stream.feed(document), stream.feed(document), stream.end(), stream.end()]


Converter = Callable[[Any], Any]
REQUESTS: list[tuple[Converter, dict[str, Any]]] = [
    (request.to_chat, GEMINI),
    (count.to_chat, {"generateContentRequest": GEMINI}),
    (
        lambda document: embeddings.to_openai(document, True),
        {"requests": [{"content": GEMINI["systemInstruction"], "outputDimensionality": 4}]},
    ),
    (request.from_chat, CHAT),
    (embeddings.from_openai, CHAT),
]
ANSWERS: list[tuple[Converter, dict[str, Any]]] = [
    (answer.to_chat, ANSWER),
    (lambda document: list(in_a_stream(document)), ANSWER),
    (lambda document: list(text.of_answer(document)), ANSWER),
    (lambda document: usage.classes(usage.find(document) or {}), ANSWER),
    (usage.classes, ANSWER["usageMetadata"]),
    (lambda document: embeddings.answer_to_openai(document, document), ANSWER),
    (lambda document: embeddings.answer_from_openai(document, True), COMPLETION),
    (lambda document: answer.from_chat(document, document), COMPLETION),
    (lambda document: [part.decode() for part in for_a_client(document)], COMPLETION),
    (errors.parse, FAILURE),
    (count.total, {"totalTokens": 3}),
]
ODD: list[Any] = [None, True, False, 0, -1, 7, 2**63, 1e300, -0.5, [], [None], [[]], {}, [{}]]
ODD += ["", "x", "AUTO", "data:", "[", "https://[", "call_0", ["text"]]
ODD += [{"": None}, {"text": 7}, {"type": []}, {"parts": {}}]


def places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every container in a document with each of its keys."""
    keys = document if isinstance(document, dict) else range(len(document))
    for key in list(keys):
        yield document, key
        if isinstance(document[key], dict | list):
            yield from places(document[key])


def spoilt(document: dict[str, Any], chance: random.Random) -> Any:
    """Return a copy with up to three values replaced: by odd ones, or by other parts of it."""
    made = copy.deepcopy(document)
    for _ in range(chance.randint(1, 3)):
        found = list(places(made))
        if not found:
            break
        owner, key = chance.choice(found)
        other, name = chance.choice(found)
        moved = copy.deepcopy(other[name])
        odd = copy.deepcopy(chance.choice(ODD))
        owner[key] = chance.choice([moved, {"a": moved}, [moved], odd, odd, odd])
    return made


def convert(converter: Converter, document: Any, known: tuple[int, ...]) -> None:
    """Convert, and write the outcome as the relay does."""
    try:
        made = converter(document)
    except RelayError as error:
        assert error.status in known
    else:
        orjson.dumps(made)


@pytest.mark.parametrize("which", range(len(REQUESTS)))
def test_spoilt_requests(which: int) -> None:
    converter, document = REQUESTS[which]
    converter(document)
    for number in range(ROUNDS):
        spoilt_one = spoilt(document, random.Random(SEED + number))
        try:
            convert(converter, spoilt_one, (400,))
        except Exception:
            print(f"seed {SEED + number}: {spoilt_one}")
            raise


@pytest.mark.parametrize("which", range(len(ANSWERS)))
def test_spoilt_answers(which: int) -> None:
    converter, document = ANSWERS[which]
    converter(document)
    for number in range(ROUNDS):
        spoilt_one = spoilt(document, random.Random(SEED + number))
        if not isinstance(spoilt_one, dict):
            continue
        try:
            convert(converter, spoilt_one, (502,))
        except Exception:
            print(f"seed {SEED + number}: {spoilt_one}")
            raise


@settings(suppress_health_check=[HealthCheck.too_slow])  # the first text ever drawn takes seconds
@given(st.dictionaries(st.sampled_from(sorted({*GEMINI, *CHAT, *ANSWER, *COMPLETION})), ANY))
def test_any_object(document: dict[str, Any]) -> None:
    for converter, _ in REQUESTS:
        convert(converter, document, (400,))
    for converter, _ in ANSWERS:
        convert(converter, document, (502,))


def deep(levels: int) -> Any:
    return orjson.loads('{"items":[' * levels + "1" + "]}" * levels)


@pytest.mark.parametrize("levels", [60, 130, 500])
def test_deep_json_is_converted_or_refused(levels: int) -> None:
    for converters, known in ((REQUESTS, (400,)), (ANSWERS, (502,))):
        for converter, document in converters:
            for number in range(len(list(places(document)))):
                made = copy.deepcopy(document)
                owner, key = list(places(made))[number]
                owner[key] = deep(levels)
                convert(converter, made, known)
