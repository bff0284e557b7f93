"""The parts of an answer: what a candidate says, as a chat message says it, and back."""

from dataclasses import dataclass, field
from typing import Any

import orjson

from gateway.dialects.gemini.calls import arguments_of, made_id
from gateway.dialects.gemini.fields import Json, child, children, count, get, is_text, said
from gateway.relay.errors import RelayError

# Gemini's reason: chat's. What is not here means stop.
FINISH_TO_CHAT = {
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "LANGUAGE": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "MODEL_ARMOR": "content_filter",
}
FINISH_FROM_CHAT = {
    "stop": "STOP",
    "tool_calls": "STOP",
    "function_call": "STOP",
    "length": "MAX_TOKENS",
    "content_filter": "SAFETY",
}


def finish_to_chat(reason: Any, has_calls: bool) -> str:
    """Return chat's reason for Gemini's; an answer with calls ends in `tool_calls`."""
    known = FINISH_TO_CHAT.get(reason, "stop") if isinstance(reason, str) else "stop"
    return "tool_calls" if has_calls and known == "stop" else known


def finish_from_chat(reason: Any) -> str:
    """Return Gemini's reason for chat's; no reason at all is taken for a good end."""
    if reason is None:
        return "STOP"
    return FINISH_FROM_CHAT.get(reason, "OTHER") if isinstance(reason, str) else "OTHER"


@dataclass(slots=True)
class Said:
    """What parts say. Empty strings and lists where they say nothing of that kind."""

    text: str = ""
    thoughts: str = ""
    calls: list[Json] = field(default_factory=list)
    images: list[Json] = field(default_factory=list)


def read(candidate: Json, answer_id: str, calls_before: int = 0) -> Said:
    """Read a candidate's parts. `calls_before` counts the calls of the same stream."""
    found = Said()
    for part in children(child(candidate, "content"), "parts"):
        text = part.get("text")
        if isinstance(text, str):
            if part.get("thought") is True:
                found.thoughts += text
            else:
                found.text += text
        if is_text(part):
            continue
        if call := child(part, "functionCall"):
            number = calls_before + len(found.calls)
            signature = said(part, "thoughtSignature")
            found.calls.append(_call(call, signature, answer_id, number))
        blob = child(part, "inlineData")
        kind, data = said(blob, "mimeType"), said(blob, "data")
        if kind.startswith("image/") and data:
            url = f"data:{kind};base64,{data}"
            found.images.append({"type": "image_url", "image_url": {"url": url}})
    return found


def _call(call: Json, signature: str, answer_id: str, number: int) -> Json:
    """Return a tool call; Gemini's signature rides where Google's chat endpoint has it."""
    name = said(call, "name")
    args = child(call, "args")
    arguments = write_json(args)
    made: Json = {
        "id": said(call, "id") or made_id(answer_id, name, arguments, number),
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }
    if signature:
        made["extra_content"] = {"google": {"thought_signature": signature}}
    return made


def write_json(value: Any) -> str:
    """Write JSON text. Raises RelayError 502 when an upstream's JSON is too deep to be written."""
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        raise RelayError("upstream_bad_answer", "The answer is nested too deeply.") from None


def of_message(message: Json, with_thoughts: bool) -> list[Json]:
    """Return the parts for a chat message or delta, its tool calls excepted."""
    parts: list[Json] = []
    thoughts = _text(message, "reasoning_content") or _text(message, "reasoning")
    if thoughts and with_thoughts:
        parts.append({"text": thoughts, "thought": True})
    if text := _text(message, "content") or _text(message, "refusal"):
        parts.append({"text": text})
    for image in children(message, "images"):
        url = said(child(image, "image_url"), "url")
        kind, comma, data = url.removeprefix("data:").partition(";base64,")
        if comma and url.startswith("data:"):
            parts.append({"inlineData": {"mimeType": kind, "data": data}})
    return parts


def _text(message: Json, name: str) -> str:
    """Return a text, which some vendors write as a list of parts."""
    value = message.get(name)
    if isinstance(value, str):
        return value
    parts = children(message, name)
    return "".join(part["text"] for part in parts if isinstance(part.get("text"), str))


def of_call(call: Json) -> Json:
    """Return the part for a whole tool call."""
    function = child(call, "function")
    text = function.get("arguments")
    if isinstance(text, dict):
        text = write_json(text)
    args = arguments_of(text, "arguments") if isinstance(text, str) else {}
    made: Json = {"name": said(function, "name"), "args": args}
    if given := said(call, "id"):
        made = {"id": given, **made}
    part: Json = {"functionCall": made}
    if signature := said(child(child(call, "extra_content"), "google"), "thoughtSignature"):
        part["thoughtSignature"] = signature
    return part


# Log probabilities.


def logprobs_to_chat(candidate: Json) -> Json | None:
    """Return a candidate's logprobsResult as chat's logprobs, None without one."""
    result = child(candidate, "logprobsResult")
    chosen = children(result, "chosenCandidates")
    if not chosen:
        return None
    top = children(result, "topCandidates")
    content = []
    for at, token in enumerate(chosen):
        others = children(top[at], "candidates") if at < len(top) else []
        content.append({**_token(token), "top_logprobs": [_token(other) for other in others]})
    return {"content": content, "refusal": None}


def _token(token: Json) -> Json:
    text = said(token, "token")
    chance = get(token, "logProbability")
    good = isinstance(chance, int | float) and not isinstance(chance, bool)
    return {
        "token": text,
        "logprob": chance if good else 0.0,
        "bytes": list(text.encode("utf-8", "replace")),
    }


def logprobs_from_chat(choice: Json) -> Json | None:
    """Return a choice's logprobs as Gemini's logprobsResult, None without any."""
    tokens = children(child(choice, "logprobs"), "content")
    if not tokens:
        return None
    return {
        "chosenCandidates": [_chance(token) for token in tokens],
        "topCandidates": [
            {"candidates": [_chance(other) for other in children(token, "top_logprobs")]}
            for token in tokens
        ],
    }


def _chance(token: Json) -> Json:
    chance = token.get("logprob")
    good = isinstance(chance, int | float) and not isinstance(chance, bool)
    return {"token": said(token, "token"), "logProbability": chance if good else 0.0}


def index_of(value: Json) -> int:
    """Return the index of a choice or a candidate; the first where none is said."""
    return count(value.get("index")) or 0
