"""The good answers of upstreams of each protocol, as bytes on the wire, to be spoiled."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import orjson

from tests.fakes.vendors import VENDORS, Manner

Json = dict[str, Any]
WORDS = ("Hello", " from", " the", " fake", ".")
TEXT = "".join(WORDS)
CHAT_USAGE = {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}
_VENDORS = dict(zip(("anthropic", "gemini", "responses"), VENDORS, strict=True))
# How many frames come before the first word.
_BEFORE = {"chat": 0, "anthropic": 3, "gemini": 0, "responses": 3}
# The names of the counts of input, of output and of all.
COUNTS = {
    "chat": ("prompt_tokens", "completion_tokens", "total_tokens"),
    "anthropic": ("input_tokens", "output_tokens", ""),
    "gemini": ("promptTokenCount", "candidatesTokenCount", "totalTokenCount"),
    "responses": ("input_tokens", "output_tokens", "total_tokens"),
}


def _chat_whole() -> Json:
    message = {"role": "assistant", "content": TEXT}
    return {
        "id": "chatcmpl-fake",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": CHAT_USAGE,
    }


def _chat_events() -> list[Json]:
    head = {"id": "chatcmpl-fake", "object": "chat.completion.chunk", "created": 1, "model": "m"}

    def chunk(delta: Json, why: str | None) -> Json:
        return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": why}]}

    said = [chunk({"content": word}, None) for word in WORDS]
    return [*said, chunk({}, "stop"), {**head, "choices": [], "usage": CHAT_USAGE}]


@dataclass(frozen=True)
class Good:
    """A good answer of one upstream: `events` of a stream, or `whole`.

    `usage` replaces the report in it: a report, None for none at all.
    """

    upstream: str
    stream: bool
    whole: Json
    events: tuple[Json, ...]

    @classmethod
    def of(cls, upstream: str, stream: bool) -> Good:
        """Return the answer of an upstream of this protocol."""
        if upstream == "chat":
            return cls(upstream, stream, _chat_whole(), tuple(_chat_events()))
        vendor, asked = _VENDORS[upstream], {"model": "m"}
        events = tuple(vendor.events(Manner(), asked))
        return cls(upstream, stream, vendor.whole(Manner(), asked), events)

    @property
    def before(self) -> int:
        """How many frames come before the first word."""
        return _BEFORE[self.upstream]

    def frame(self, event: Json) -> bytes:
        """Write an event as this vendor does."""
        if self.upstream == "chat":
            return b"data: " + orjson.dumps(event) + b"\n\n"
        return _VENDORS[self.upstream].frame(event)

    def frames(self) -> list[bytes]:
        """Return the frames of the stream, [DONE] included."""
        return [*map(self.frame, self.events), *([b"data: [DONE]\n\n"] * self._says_done)]

    @property
    def _says_done(self) -> bool:
        return self.upstream == "chat"

    def body(self) -> bytes:
        """Return the whole body, whichever it is."""
        return b"".join(self.frames()) if self.stream else orjson.dumps(self.whole)

    def begun(self, words: int) -> list[bytes]:
        """Return the frames until so many words were said."""
        return self.frames()[: self.before + words]

    def with_usage(self, *reports: Json | None) -> Good:
        """Report this usage instead; several ones are reported one after the other."""
        events = [_reporting(event, None) for event in self.events]
        last = max(at for at, event in enumerate(self.events) if _reports(event))
        first = min(at for at, event in enumerate(self.events) if _reports(event))
        if self.upstream == "anthropic":
            events[first] = _reporting(self.events[first], reports[0])
        said = [_reporting(self.events[last], report) for report in reports]
        if self.upstream in ("anthropic", "responses"):
            said = said[-1:]  # those can say it only once, at the end
        events[last : last + 1] = said
        return replace(self, whole=_reporting(self.whole, reports[-1]), events=tuple(events))

    def counts(self, tokens_in: Any, tokens_out: Any) -> Json:
        """Write counts as this vendor does."""
        names = COUNTS[self.upstream]
        return {names[0]: tokens_in, names[1]: tokens_out}


def _reports(event: Json) -> bool:
    return any("usage" in str(name).lower() for name in _holder(event) if name)


def _holder(event: Json) -> Json:
    for name in ("message", "response"):
        inner = event.get(name)
        if isinstance(inner, dict) and isinstance(inner.get("usage"), dict):
            return inner
    return event


def _reporting(event: Json, report: Json | None) -> Json:
    """Return an event or a whole answer with another report in the place of its own."""
    holder = _holder(event)
    name = next((n for n in ("usage", "usageMetadata") if n in holder), None)
    if name is None:
        return event
    rest = {field: value for field, value in holder.items() if field != name}
    changed = rest if report is None else {**rest, name: report}
    if holder is event:
        return changed
    outer = "message" if event.get("message") is holder else "response"
    return {**event, outer: changed}


def head(
    status: str = "200 OK", kind: str = "application/json", length: Any = None, **more: str
) -> bytes:
    """Write the head of an answer; without a length the body ends with the connection."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}"] if kind else [f"HTTP/1.1 {status}"]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in more.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


SSE = "text/event-stream; charset=utf-8"


def stream_head(**more: str) -> bytes:
    """Write the head of a stream in chunks."""
    return head(kind=SSE, Transfer_Encoding="chunked", **more)


def chunked(*frames: bytes, last: bool = True) -> list[bytes]:
    """Write frames as chunks of HTTP."""
    pieces = [b"%x\r\n%s\r\n" % (len(frame), frame) for frame in frames if frame]
    return [*pieces, b"0\r\n\r\n"] if last else pieces


def answer(good: Good, body: bytes | None = None, **more: str) -> list[bytes]:
    """Write a whole answer, or a stream, properly; `body` is what it says instead."""
    said = good.body() if body is None else body
    if good.stream:
        return [stream_head(**more), *chunked(said)]
    return [head(length=len(said), **more) + said]
