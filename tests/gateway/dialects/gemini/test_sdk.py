"""What we write, read by the types of Google's own client library, which refuse unknown fields."""

from typing import Any

import orjson
import pytest

from gateway.dialects.gemini import answer, count, embeddings, request
from gateway.dialects.gemini.stream import FromChat

pytest.importorskip("google.genai", reason="google-genai is not installed")

from google.genai import types

from tests.gateway.dialects.gemini.test_any_json import CHAT

SHOWN = {"generationConfig": {"thinkingConfig": {"includeThoughts": True}}}
MESSAGE = {
    "role": "assistant",
    "content": "Hello",
    "reasoning_content": "hm",
    "tool_calls": [{"index": 0, "id": "1", "function": {"name": "f", "arguments": '{"a":1}'}}],
    "images": [{"image_url": {"url": "data:image/png;base64,AAAA"}}],
}
CHOICE = {
    "index": 0,
    "finish_reason": "tool_calls",
    "logprobs": {"content": [{"token": "a", "logprob": -1, "top_logprobs": []}]},
}
USAGE = {
    "prompt_tokens": 10,
    "completion_tokens": 12,
    "total_tokens": 22,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 7},
}
HEAD = {"id": "c1", "model": "m"}


def check(found: types.GenerateContentResponse) -> None:
    assert found.usage_metadata is not None
    assert found.usage_metadata.prompt_token_count == 10
    assert found.usage_metadata.candidates_token_count == 5
    assert found.usage_metadata.thoughts_token_count == 7
    assert found.usage_metadata.cached_content_token_count == 4
    assert found.candidates is not None
    assert found.candidates[0].finish_reason is types.FinishReason.STOP
    assert found.function_calls is not None
    assert (found.function_calls[0].name, found.function_calls[0].args) == ("f", {"a": 1})


def test_a_whole_answer() -> None:
    whole = {**HEAD, "choices": [{**CHOICE, "message": MESSAGE}], "usage": USAGE}
    found = types.GenerateContentResponse.model_validate(answer.from_chat(whole, SHOWN))
    check(found)
    assert found.candidates is not None and found.candidates[0].content is not None
    parts = found.candidates[0].content.parts or []
    assert [part.text for part in parts[:2]] == ["hm", "Hello"]
    assert parts[0].thought


@pytest.mark.parametrize("array", [False, True])
def test_a_stream(array: bool) -> None:
    stream = FromChat(SHOWN, array)
    chunk = {**HEAD, "choices": [{**CHOICE, "delta": MESSAGE}]}
    written = stream.feed(chunk) + stream.feed({"choices": [], "usage": USAGE}) + stream.end()
    if array:
        events = orjson.loads(written)
    else:
        frames = written.decode().splitlines()
        events = [orjson.loads(line[len("data: ") :]) for line in frames if line]
    found = [types.GenerateContentResponse.model_validate(event) for event in events]
    assert len(found) == 2
    check(found[-1])


def test_a_request_and_its_schemas() -> None:
    made = request.from_chat(CHAT)
    for content in made["contents"]:
        types.Content.model_validate(content)
    types.Content.model_validate(made["systemInstruction"])
    for tool in made["tools"]:
        types.Tool.model_validate(tool)
    types.ToolConfig.model_validate(made["toolConfig"])
    types.GenerationConfig.model_validate(made["generationConfig"])


def test_embeddings_and_counts() -> None:
    chat: dict[str, Any] = {"data": [{"index": 0, "embedding": [0.5]}], "usage": USAGE}
    for batch in (True, False):
        made = embeddings.answer_from_openai(chat, batch)
        listed = made.get("embeddings") or [made["embedding"]]
        assert types.ContentEmbedding.model_validate(listed[0]).values == [0.5]
    types.CountTokensResponse.model_validate(count.answer(7))
