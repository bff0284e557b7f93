"""A stream of OpenAI's chat.completion.chunks as Anthropic's events (Messages API, streaming).

One block is open at a time. Tool calls whose pieces come mixed are put in order: a call waits until
the one before it is whole JSON, and all that waits is bounded.
"""

from typing import Any

import orjson

from gateway.dialects.anthropic import usage
from gateway.dialects.anthropic.answer import message_id, stop_of, thought_of, unused_id
from gateway.dialects.anthropic.errors import STATUS_OF_TYPE, event, stream_error, type_of
from gateway.dialects.anthropic.fields import (
    Json,
    NewId,
    encode,
    fresh_id,
    obj,
    objects,
    spoken,
    text,
)
from gateway.dialects.anthropic.models import thinks
from gateway.dialects.anthropic.turns_out import SIGNATURE
from gateway.formats import usage as chat_usage
from gateway.relay.errors import RelayError, of_call

# Beyond so many characters kept, no call waits for the one before it.
MAX_KEPT = 4 << 20

_EMPTY = {"text": {"type": "text", "text": ""}}
_EMPTY["thinking"] = {"type": "thinking", "thinking": "", "signature": ""}


class _Call:
    """A tool call: what it is called, its arguments so far, and how many pieces went out."""

    __slots__ = (
        "closed",
        "given_id",
        "name",
        "pieces",
        "sent",
        "size",
        "started",
        "tried",
        "whole",
    )

    def __init__(self, given_id: str) -> None:
        self.given_id = given_id
        self.name = ""
        self.pieces: list[str] = []
        self.size = 0
        self.sent = 0
        self.started = False
        self.closed = False
        self.tried = 0
        self.whole = False

    def is_whole(self) -> bool:
        """Whether the arguments are complete, or too long to wait for that."""
        if self.size != self.tried:
            self.tried = self.size
            try:
                self.whole = isinstance(orjson.loads("".join(self.pieces)), dict)
            except orjson.JSONDecodeError:
                self.whole = False
        return self.whole or self.size > MAX_KEPT


class FromChat:
    """One stream, as the answer to `body`, the client's request in the Messages API."""

    def __init__(self, body: Json, new_id: NewId = fresh_id) -> None:
        self._body = obj(body)
        self._new_id = new_id
        self._shows_thinking = thinks(self._body)
        self._started = False
        self._over = False
        self._open: str | None = None
        self._index = -1
        self._waiting: list[_Call] = []
        self._held = 0
        self._by_index: dict[int, _Call] = {}
        self._by_id: dict[str, _Call] = {}
        self._last: _Call | None = None
        self._taken: set[str] = set()
        self._choice: Json = {}
        self._report: Json | None = None

    def feed(self, chunk: Json) -> bytes:
        """Take one chunk and return the events that it amounts to; an error is the last.

        Raises RelayError 502 for arguments that no JSON could carry.
        """
        source = obj(chunk)
        if self._over or not source:
            return b""
        if source.get("error") and not source.get("choices"):
            return self._fail(source["error"])
        out = [self._start(source)]
        news = chat_usage.find(source)
        if news is not None:
            self._report = chat_usage.merge(self._report, news)
        choices = [c for c in objects(source.get("choices")) if c.get("index") in (0, None)]
        for choice in choices:
            out.append(self._delta(obj(choice.get("delta"))))
            if choice.get("finish_reason"):
                self._choice = choice
        return b"".join(out)

    def end(self) -> bytes:
        """Return the events that close the stream; nothing when it is closed already."""
        if self._over:
            return b""
        out = [self._start({}), self._release(to_the_end=True), self._close()]
        stopped, sequence = stop_of(self._choice, self._body, bool(self._taken))
        delta = {"stop_reason": stopped, "stop_sequence": sequence}
        counted = usage.from_chat(self._report)
        out.append(_event("message_delta", delta=delta, usage=counted))
        self._over = True
        return b"".join([*out, _event("message_stop")])

    def _start(self, chunk: Json) -> bytes:
        if self._started:
            return b""
        self._started = True
        message: Json = {
            "id": message_id(chunk.get("id"), self._new_id),
            "type": "message",
            "role": "assistant",
            "model": text(chunk.get("model")) or text(self._body.get("model")),
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage.from_chat(None),
        }
        return _event("message_start", message=message)

    def _delta(self, delta: Json) -> bytes:
        out = []
        thought = thought_of(delta) if self._shows_thinking else ""
        if thought:
            out.append(self._said("thinking", {"type": "thinking_delta", "thinking": thought}))
        signature = text(delta.get(SIGNATURE))
        if signature and self._open == "thinking":
            out.append(self._said("thinking", {"type": "signature_delta", "signature": signature}))
        said = spoken(delta.get("content")) or text(delta.get("refusal"))
        if said:
            out.append(self._said("text", {"type": "text_delta", "text": said}))
        calls = objects(delta.get("tool_calls"))
        for call in calls:
            self._note(call)
        if calls:
            out.append(self._release())
        return b"".join(out)

    def _said(self, kind: str, delta: Json) -> bytes:
        """Write into the open block if it is of this kind, else into a new one."""
        begun = b""
        if self._open != kind:
            begun = self._release(to_the_end=True) + self._begin(kind, _EMPTY[kind])
        return begun + _event("content_block_delta", index=self._index, delta=delta)

    def _begin(self, kind: str, block: Json) -> bytes:
        closed = self._close()
        self._index += 1
        self._open = kind
        return closed + _event("content_block_start", index=self._index, content_block=block)

    def _close(self) -> bytes:
        if self._open is None:
            return b""
        self._open = None
        return _event("content_block_stop", index=self._index)

    def _note(self, piece: Json) -> None:
        """Add a piece of a tool call to the call that it belongs to."""
        call = self._call_of(piece)
        function = obj(piece.get("function"))
        call.name = call.name or text(function.get("name"))
        given = function.get("arguments")
        is_object = isinstance(given, dict)
        arguments = encode(given, of_call("upstream_bad_answer")) if is_object else text(given)
        if arguments and not call.closed:
            call.pieces.append(arguments)
            call.size += len(arguments)
            self._held += len(arguments)

    def _call_of(self, piece: Json) -> _Call:
        """Find the call by its index and id; vendors leave out either, or repeat them."""
        given_id, index = text(piece.get("id")), piece.get("index")
        call = self._by_id.get(given_id)
        if call is None and isinstance(index, int):
            call = self._by_index.get(index)
            if call is not None and given_id and call.given_id:
                call = None  # another call under the same index
        elif call is None and not given_id:
            call = self._last
        if call is None:
            call = _Call(given_id)
            self._waiting.append(call)
        if given_id:
            call.given_id = given_id
            self._by_id[given_id] = call
        if isinstance(index, int):
            self._by_index[index] = call
        self._last = call
        return call

    def _release(self, to_the_end: bool = False) -> bytes:
        """Write what may go out of the calls, in order; all of it when `to_the_end`."""
        out = []
        while self._waiting:
            call = self._waiting[0]
            if call.name or to_the_end:
                out.append(self._write(call))
            if not to_the_end and (len(self._waiting) == 1 or not self._is_done(call)):
                break
            out.append(self._close())
            self._waiting.pop(0)
            self._held -= call.size
            call.closed = True
            call.pieces.clear()
        return b"".join(out)

    def _is_done(self, call: _Call) -> bool:
        return self._held > MAX_KEPT or call.is_whole()

    def _write(self, call: _Call) -> bytes:
        begun = b""
        if not call.started:
            call.started = True
            call_id = unused_id(call.given_id, self._taken, self._new_id)
            block = {"type": "tool_use", "id": call_id, "name": call.name, "input": {}}
            begun = self._begin("tool_use", block)
        piece = "".join(call.pieces[call.sent :])
        call.sent = len(call.pieces)
        if call.size > MAX_KEPT:
            call.pieces.clear()
            call.sent = 0
        if not piece:
            return begun
        delta = {"type": "input_json_delta", "partial_json": piece}
        return begun + _event("content_block_delta", index=self._index, delta=delta)

    def fail(self, error: RelayError, request_id: str) -> bytes:
        """Close the stream with an error; nothing follows it."""
        if self._over:
            return b""
        self._over = True
        return stream_error(error, request_id)

    def _fail(self, error: Any) -> bytes:
        self._over = True
        message = text(obj(error).get("message")) or text(error)
        kind = text(obj(error).get("type"))
        known = kind if kind in STATUS_OF_TYPE else type_of(500)
        said = {"type": known, "message": message or "The answer was broken off."}
        return event("error", {"type": "error", "error": said})


def _event(name: str, **fields: Any) -> bytes:
    return event(name, {"type": name, **fields})
