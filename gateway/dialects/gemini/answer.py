"""Whole answers: GenerateContentResponse to chat.completion and back."""

from typing import Any

from gateway.dialects.gemini import parts, usage
from gateway.dialects.gemini.fields import Json, child, children, said
from gateway.dialects.gemini.thinking import wants_thoughts


def to_chat(answer: Json, created: int = 0) -> Json:
    """Return a Gemini upstream's answer as a chat.completion.

    `created` is in Unix seconds; Gemini does not say. A blocked prompt becomes a choice with the
    finish reason content_filter and the reason in `refusal`. Raises RelayError 502 for JSON that
    cannot be written again.
    """
    answer_id = said(answer, "responseId")
    choices = [_choice(c, answer_id) for c in children(answer, "candidates")]
    made: Json = {
        "id": answer_id or "chatcmpl-gemini",
        "object": "chat.completion",
        "created": created,
        "model": said(answer, "modelVersion"),
        "choices": choices or [_without_candidates(answer)],
    }
    report = usage.find(answer)
    counted = usage.to_openai(report) if report else None
    return {**made, "usage": counted} if counted else made


def _choice(candidate: Json, answer_id: str) -> Json:
    found = parts.read(candidate, answer_id)
    silent = found.calls or found.images
    message: Json = {"role": "assistant", "content": found.text or (None if silent else "")}
    if found.thoughts:
        message["reasoning_content"] = found.thoughts
    if found.calls:
        message["tool_calls"] = found.calls
    if found.images:
        message["images"] = found.images
    return {
        "index": parts.index_of(candidate),
        "message": message,
        "logprobs": parts.logprobs_to_chat(candidate),
        "finish_reason": parts.finish_to_chat(candidate.get("finishReason"), bool(found.calls)),
    }


def refusal_of(answer: Any) -> str | None:
    """Return why a prompt was blocked; None when it was not."""
    feedback = child(answer, "promptFeedback")
    reason = said(feedback, "blockReason")
    if not reason:
        return None
    return said(feedback, "blockReasonMessage") or f"The prompt was blocked: {reason}."


def _without_candidates(answer: Json) -> Json:
    refusal = refusal_of(answer)
    message: Json = {"role": "assistant", "content": "" if refusal is None else None}
    if refusal is not None:
        message["refusal"] = refusal
    reason = "stop" if refusal is None else "content_filter"
    return {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}


def from_chat(answer: Json, body: Json) -> Json:
    """Return a chat.completion as the answer to a Gemini client's request `body`.

    Thoughts are shown to clients that asked for them with includeThoughts.
    """
    shown = wants_thoughts(body)
    made: Json = {"candidates": [_candidate(c, shown) for c in children(answer, "choices")]}
    report = usage.from_openai(answer.get("usage"))
    if report is not None:
        made["usageMetadata"] = report
    return {**made, **head(answer)}


def head(answer: Json) -> Json:
    """Return what names an answer, in Gemini's fields."""
    made = {"modelVersion": said(answer, "model"), "responseId": said(answer, "id")}
    return {name: value for name, value in made.items() if value}


def _candidate(choice: Json, with_thoughts: bool) -> Json:
    message = child(choice, "message")
    spoken = parts.of_message(message, with_thoughts)
    calls = [parts.of_call(call) for call in children(message, "tool_calls")]
    made: Json = {
        "content": {"role": "model", "parts": [*spoken, *calls] or [{"text": ""}]},
        "finishReason": parts.finish_from_chat(choice.get("finish_reason")),
        "index": parts.index_of(choice),
    }
    chances = parts.logprobs_from_chat(choice)
    return {**made, "logprobsResult": chances} if chances else made
