"""What the fakes of vendors say: answers, whole and as events, in the form of each vendor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

Json = dict[str, Any]
WORDS = ("Hello", " from", " the", " fake", ".")

CALL: tuple[str, Json] = ("weather", {"city": "Oslo"})

ANTHROPIC_USAGE = {
    "input_tokens": 10,
    "cache_read_input_tokens": 4,
    "cache_creation_input_tokens": 3,
    "cache_creation": {"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 2},
    "output_tokens": 20,
}
GEMINI_USAGE = {
    "promptTokenCount": 14,
    "cachedContentTokenCount": 4,
    "candidatesTokenCount": 15,
    "thoughtsTokenCount": 5,
    "totalTokenCount": 34,
}
RESPONSES_USAGE = {
    "input_tokens": 14,
    "input_tokens_details": {"cached_tokens": 4},
    "output_tokens": 20,
    "output_tokens_details": {"reasoning_tokens": 5},
    "total_tokens": 34,
}


@dataclass(frozen=True)
class Manner:
    """How to answer. `piece` is how many bytes are written at a time; `cut_after` closes the
    connection after so many events, `hang_after` waits there until the fake is released;
    `no_usage` reports none, `counted` is what the vendor counts for a request; `late_error` is
    said after so many events instead of the rest; with `calls` the answer ends by calling CALL;
    `searches` is how often the vendor searched the web for it."""

    words: tuple[str, ...] = WORDS
    status: int = 200
    error: Any = None
    piece: int | None = None
    cut_after: int | None = None
    hang_after: int | None = None
    late_error: int | None = None
    no_usage: bool = False
    counted: int = 77
    calls: bool = False
    searches: int = 0
    extra: Json = field(default_factory=dict)


@dataclass(frozen=True)
class Vendor:
    """One vendor: how its paths look, where its key is, and what it says."""

    mark: str
    key_header: str
    whole: Callable[[Manner, Json], Json]
    events: Callable[[Manner, Json], list[Json]]
    counted: Callable[[Manner], Json]
    error: Callable[[str], Json]
    late_error: Json
    named: bool

    def frame(self, event: Json) -> bytes:
        """Write an event as this vendor does."""
        name = f"event: {event['type']}\n".encode() if self.named else b""
        return name + b"data: " + orjson.dumps(event) + b"\n\n"


def _message(manner: Manner, body: Json) -> Json:
    return {
        "id": "msg_fake",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": [{"type": "text", "text": "".join(manner.words)}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {} if manner.no_usage else ANTHROPIC_USAGE | _searched(manner),
    }


def _searched(manner: Manner) -> Json:
    return {"server_tool_use": {"web_search_requests": manner.searches}} if manner.searches else {}


def _tool_use_events() -> list[Json]:
    name, given = CALL
    block = {"type": "tool_use", "id": "toolu_1", "name": name, "input": {}}
    written = orjson.dumps(given).decode()
    pieces = [
        {"type": "input_json_delta", "partial_json": piece} for piece in (written[:5], written[5:])
    ]
    return [
        {"type": "content_block_start", "index": 1, "content_block": block},
        *({"type": "content_block_delta", "index": 1, "delta": piece} for piece in pieces),
        {"type": "content_block_stop", "index": 1},
    ]


def _message_events(manner: Manner, body: Json) -> list[Json]:
    begun = {**_message(manner, body), "content": [], "stop_reason": None}
    if not manner.no_usage:
        begun["usage"] = {**ANTHROPIC_USAGE, "output_tokens": 1}
    delta = {"stop_reason": "tool_use" if manner.calls else "end_turn", "stop_sequence": None}
    counted = {"usage": {} if manner.no_usage else {"output_tokens": 20} | _searched(manner)}
    block = {"type": "text", "text": ""}
    said = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}}
        for word in manner.words
    ]
    return [
        {"type": "message_start", "message": {**begun, **manner.extra}},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "ping"},
        *said,
        {"type": "content_block_stop", "index": 0},
        *(_tool_use_events() if manner.calls else ()),
        {"type": "message_delta", "delta": delta, **counted},
        {"type": "message_stop"},
    ]


def _content(text: str, reason: str | None) -> Json:
    candidate: Json = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}
    return {**candidate, "finishReason": reason} if reason else candidate


def _grounding(manner: Manner) -> Json:
    queries = [f"question {number}" for number in range(manner.searches)]
    return {"groundingMetadata": {"webSearchQueries": queries}} if queries else {}


def _version(manner: Manner) -> str:
    return "gemini-3-fake" if manner.searches else "gem-001"


def _generated(manner: Manner, body: Json) -> Json:
    candidate = _content("".join(manner.words), "STOP") | _grounding(manner)
    answer: Json = {"candidates": [candidate]}
    answer |= {"modelVersion": _version(manner), "responseId": "fake"}
    return answer if manner.no_usage else {**answer, "usageMetadata": GEMINI_USAGE}


def _generated_events(manner: Manner, body: Json) -> list[Json]:
    last = len(manner.words) - 1
    head = {"modelVersion": _version(manner), "responseId": "fake", **manner.extra}
    events = []
    for count, word in enumerate(manner.words):
        usage = {**GEMINI_USAGE, "candidatesTokenCount": count + 1, "totalTokenCount": count + 20}
        usage = GEMINI_USAGE if count == last else usage
        counted = {} if manner.no_usage else {"usageMetadata": usage}
        said = _content(word, "STOP" if count == last else None)
        if manner.calls and count == last:
            call = {"functionCall": {"name": CALL[0], "args": CALL[1]}}
            said["content"]["parts"].append(call)
        if count == last:
            said |= _grounding(manner)
        events.append({"candidates": [said], **counted, **head})
    return events


def _search_items(manner: Manner) -> list[Json]:
    done = {"type": "web_search_call", "status": "completed"}
    return [
        {**done, "id": f"ws_{number}", "action": {"type": "search", "query": "question"}}
        for number in range(manner.searches)
    ]


def _response(manner: Manner, body: Json) -> Json:
    text = {"type": "output_text", "text": "".join(manner.words), "annotations": []}
    item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed"}
    return {
        "id": "resp_fake",
        "object": "response",
        "created_at": 1,
        "status": "completed",
        "error": None,
        "model": body["model"],
        "output": [{**item, "content": [text]}, *_search_items(manner)],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": None if manner.no_usage else RESPONSES_USAGE,
    }


def _response_events(manner: Manner, body: Json) -> list[Json]:
    whole = {**_response(manner, body), **manner.extra}
    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    item = {**whole["output"][0], "status": "in_progress", "content": []}
    part = {"type": "output_text", "text": "", "annotations": []}
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    said = [
        {"type": "response.output_text.delta", **place, "delta": word, "logprobs": []}
        for word in manner.words
    ]
    text = "".join(manner.words)
    events = [
        {"type": "response.created", "response": begun},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.content_part.added", **place, "part": part},
        *(
            {"type": "response.output_item.done", "output_index": number, "item": call}
            for number, call in enumerate(_search_items(manner), 1)
        ),
        *said,
        {"type": "response.output_text.done", **place, "text": text, "logprobs": []},
        {"type": "response.completed", "response": whole},
    ]
    return [{**event, "sequence_number": number} for number, event in enumerate(events)]


def _anthropic_error(message: str) -> Json:
    return {"type": "error", "error": {"type": "invalid_request_error", "message": message}}


def _google_error(message: str) -> Json:
    return {"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}}


_OVERLOADED = {"type": "overloaded_error", "message": "Overloaded"}
VENDORS = (
    Vendor(
        mark="/v1/messages",
        key_header="x-api-key",
        whole=_message,
        events=_message_events,
        counted=lambda manner: {"input_tokens": manner.counted},
        error=_anthropic_error,
        late_error={"type": "error", "error": _OVERLOADED},
        named=True,
    ),
    Vendor(
        mark="/models/",
        key_header="x-goog-api-key",
        whole=_generated,
        events=_generated_events,
        counted=lambda manner: {"totalTokens": manner.counted},
        error=_google_error,
        late_error={"error": {"code": 503, "message": "Overloaded", "status": "UNAVAILABLE"}},
        named=False,
    ),
    Vendor(
        mark="/responses",
        key_header="authorization",
        whole=_response,
        events=_response_events,
        counted=lambda manner: {},
        error=lambda message: {"error": {"message": message, "type": "invalid_request_error"}},
        late_error={"type": "error", "code": "server_error", "message": "Overloaded"},
        named=True,
    ),
)
