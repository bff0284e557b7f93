"""Honest fakes of vendors with protocols of their own, on a real socket: Anthropic's Messages,
Google's generateContent and OpenAI's Responses, each at its own path and with its own key header.

They answer with `words` and `usage` as their vendor writes both, and keep what they were sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
from tornado.httpserver import HTTPServer
from tornado.iostream import StreamClosedError
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from tests.fakes.upstream import Received

Json = dict[str, Any]
WORDS = ("Hello", " from", " the", " fake", ".")

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
    said after so many events instead of the rest."""

    words: tuple[str, ...] = WORDS
    status: int = 200
    error: Any = None
    piece: int | None = None
    cut_after: int | None = None
    hang_after: int | None = None
    late_error: int | None = None
    no_usage: bool = False
    counted: int = 77
    extra: Json = field(default_factory=dict)


class FakeVendor:
    """The server. Use as `async with FakeVendor() as vendor`; `sent` is its last answer's bytes."""

    def __init__(self) -> None:
        self.manner = Manner()
        self.received: list[Received] = []
        self.sent = b""
        self.released = asyncio.Event()
        self.gone = asyncio.Event()
        self._sockets = bind_sockets(0, "127.0.0.1")
        self.port: int = self._sockets[0].getsockname()[1]
        self._server = HTTPServer(Application([(r".*", _Handler, {"fake": self})]))

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}"

    def reset(self) -> None:
        """Answer as usual again."""
        self.manner = Manner()
        self.received.clear()
        self.released.clear()
        self.gone.clear()

    async def __aenter__(self) -> FakeVendor:
        self._server.add_sockets(self._sockets)
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.released.set()
        self._server.stop()
        await self._server.close_all_connections()


class _Handler(RequestHandler):
    def initialize(self, fake: FakeVendor) -> None:
        self.fake = fake

    def on_connection_close(self) -> None:
        self.fake.gone.set()

    async def post(self) -> None:
        fake, request, manner = self.fake, self.request, self.fake.manner
        headers = {name.lower(): value for name, value in request.headers.get_all()}
        fake.received.append(Received(request.uri or "", headers, request.body))
        fake.sent = b""
        vendor = next((v for v in _VENDORS if v.mark in request.path), None)
        self.set_header("Content-Type", "application/json")
        self.set_header("request-id", "req_fake")
        if vendor is None or not headers.get(vendor.key_header):
            self.set_status(404 if vendor is None else 401)
            self.finish({"error": {"message": "no such route or key"}})
        elif manner.status != 200 or manner.error is not None:
            self.set_status(manner.status)
            self.finish(orjson.dumps(manner.error or vendor.error(f"failed {manner.status}")))
        elif "ount" in request.path.rpartition("/")[2]:
            self.finish(vendor.counted(manner))
        else:
            body = orjson.loads(request.body)
            if body.get("stream") or "alt=sse" in (request.uri or ""):
                await self._stream(manner, vendor.events(manner, body), vendor)
            else:
                fake.sent = orjson.dumps({**vendor.whole(manner, body), **manner.extra})
                self.finish(fake.sent)

    async def _stream(self, manner: Manner, events: list[Json], vendor: _Vendor) -> None:
        self.set_header("Content-Type", "text/event-stream; charset=utf-8")
        fake = self.fake
        try:
            for count, event in enumerate(events):
                if count == manner.cut_after:
                    self.request.connection.stream.close()  # type: ignore[union-attr]
                    return
                if count == manner.hang_after:
                    await fake.released.wait()
                late = count == manner.late_error
                await self._write(vendor.frame(vendor.late_error if late else event))
                if late:
                    break
            self.finish()
        except StreamClosedError:
            fake.gone.set()

    async def _write(self, frame: bytes) -> None:
        size = self.fake.manner.piece or len(frame)
        for start in range(0, len(frame), size):
            self.write(frame[start : start + size])
            await self.flush()
        self.fake.sent += frame


@dataclass(frozen=True)
class _Vendor:
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
        "usage": {} if manner.no_usage else ANTHROPIC_USAGE,
    }


def _message_events(manner: Manner, body: Json) -> list[Json]:
    begun = {**_message(manner, body), "content": [], "stop_reason": None}
    if not manner.no_usage:
        begun["usage"] = {**ANTHROPIC_USAGE, "output_tokens": 1}
    delta = {"stop_reason": "end_turn", "stop_sequence": None}
    counted = {"usage": {} if manner.no_usage else {"output_tokens": 20}}
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
        {"type": "message_delta", "delta": delta, **counted},
        {"type": "message_stop"},
    ]


def _content(text: str, reason: str | None) -> Json:
    candidate: Json = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}
    return {**candidate, "finishReason": reason} if reason else candidate


def _generated(manner: Manner, body: Json) -> Json:
    answer: Json = {"candidates": [_content("".join(manner.words), "STOP")]}
    answer |= {"modelVersion": "gem-001", "responseId": "fake"}
    return answer if manner.no_usage else {**answer, "usageMetadata": GEMINI_USAGE}


def _generated_events(manner: Manner, body: Json) -> list[Json]:
    last = len(manner.words) - 1
    head = {"modelVersion": "gem-001", "responseId": "fake", **manner.extra}
    events = []
    for count, word in enumerate(manner.words):
        usage = {**GEMINI_USAGE, "candidatesTokenCount": count + 1, "totalTokenCount": count + 20}
        usage = GEMINI_USAGE if count == last else usage
        counted = {} if manner.no_usage else {"usageMetadata": usage}
        said = _content(word, "STOP" if count == last else None)
        events.append({"candidates": [said], **counted, **head})
    return events


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
        "output": [{**item, "content": [text]}],
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
_VENDORS = (
    _Vendor(
        mark="/v1/messages",
        key_header="x-api-key",
        whole=_message,
        events=_message_events,
        counted=lambda manner: {"input_tokens": manner.counted},
        error=_anthropic_error,
        late_error={"type": "error", "error": _OVERLOADED},
        named=True,
    ),
    _Vendor(
        mark="/models/",
        key_header="x-goog-api-key",
        whole=_generated,
        events=_generated_events,
        counted=lambda manner: {"totalTokens": manner.counted},
        error=_google_error,
        late_error={"error": {"code": 503, "message": "Overloaded", "status": "UNAVAILABLE"}},
        named=False,
    ),
    _Vendor(
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
