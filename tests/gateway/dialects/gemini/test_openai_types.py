"""What we make of Gemini's answers, read by the types of OpenAI's own client library."""

from typing import Any

import pytest

from gateway.dialects.gemini import answer, embeddings, request
from gateway.dialects.gemini.stream import ToChat
from tests.gateway.dialects.gemini.test_any_json import ANSWER, GEMINI

pytest.importorskip("openai", reason="openai is not installed")

from openai.types import CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionMessageParam
from pydantic import TypeAdapter


@pytest.mark.parametrize("given", [ANSWER, {}, {"promptFeedback": {"blockReason": "SAFETY"}}])
def test_a_whole_answer(given: dict[str, Any]) -> None:
    found = ChatCompletion.model_validate(answer.to_chat(given))
    assert found.choices[0].message.role == "assistant"


def test_its_parts() -> None:
    found = ChatCompletion.model_validate(answer.to_chat(ANSWER))
    (choice,) = found.choices
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content == "b"
    assert [call.function.name for call in choice.message.tool_calls or ()] == ["f", "g"]
    assert choice.logprobs is not None and choice.logprobs.content is not None
    assert choice.logprobs.content[0].top_logprobs[0].token == "b"
    assert found.usage is not None and found.usage.completion_tokens_details is not None
    assert found.usage.completion_tokens_details.reasoning_tokens == 2
    assert found.usage.total_tokens == 9


def test_a_stream() -> None:
    stream = ToChat(created=7)
    made = [*stream.feed(ANSWER), *stream.end()]
    found = [ChatCompletionChunk.model_validate(chunk) for chunk in made]
    assert [chunk.choices[0].finish_reason for chunk in found[:-1]] == [None, "tool_calls"]
    assert [call.index for call in found[0].choices[0].delta.tool_calls or ()] == [0, 1]
    assert found[-1].choices == [] and found[-1].usage is not None


def test_a_request() -> None:
    messages = TypeAdapter(ChatCompletionMessageParam)
    for message in request.to_chat(GEMINI)["messages"]:
        messages.validate_python(message)


def test_embeddings() -> None:
    given = {"embeddings": [{"values": [0.5, 1]}]}
    made = embeddings.answer_to_openai(given, {"model": "e"}, counted=3)
    found = CreateEmbeddingResponse.model_validate(made)
    assert (found.data[0].embedding, found.usage.total_tokens) == ([0.5, 1.0], 3)
