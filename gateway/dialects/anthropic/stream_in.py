"""A stream of Anthropic's events (Messages API, streaming) as OpenAI's chat.completion.chunks."""

from typing import Any

from gateway.dialects.anthropic import errors, reasons, usage
from gateway.dialects.anthropic.answer import chat_id
from gateway.dialects.anthropic.fields import Json, NewId, encode, fresh_id, obj, text
from gateway.dialects.anthropic.turns_out import SIGNATURE
from gateway.relay.errors import of_call

# type of a block's delta: its field there, and the field of a chat delta that it becomes
_DELTAS = {
    "text_delta": ("text", "content"),
    "thinking_delta": ("thinking", "reasoning_content"),
    "signature_delta": ("signature", SIGNATURE),
}
# the same for text that a block begins with
_BEGINNINGS = {"text": ("text", "content"), "thinking": ("thinking", "reasoning_content")}


class _Call:
    """A tool call under way: its place among the calls, and what it began with."""

    __slots__ = ("begun_with", "place", "sent")

    def __init__(self, place: int, begun_with: Json) -> None:
        self.place = place
        self.begun_with = begun_with
        self.sent = False


class ToChat:
    """One stream. The usage comes last, in a chunk without choices, as OpenAI has it.

    `report` is Anthropic's usage so far; `finished` that the answer came to its own end.
    """

    def __init__(self, created: int = 0, new_id: NewId = fresh_id) -> None:
        self._new_id = new_id
        self._head: Json = {"id": "", "object": "chat.completion.chunk", "created": created}
        self._head["model"] = ""
        self._calls: dict[Any, _Call] = {}
        self._placed = 0
        self._over = False
        self._signed = False
        self.report: Json | None = None
        self.finished = False

    def feed(self, event: Json) -> list[Json]:
        """Take one event and return the chunks that it amounts to.

        Raises RelayError 502 for tool input that no JSON could carry.
        """
        source = obj(event)
        kind = source.get("type")
        reader = self._READERS.get(kind) if isinstance(kind, str) else None
        if reader is None or self._over:
            return []
        return reader(self, source)

    def end(self) -> list[Json]:
        """Return what was still held when the stream ended: nothing, if it was broken off."""
        if self._over or not self.finished:
            return []
        self._over = True
        counted = usage.to_chat(self.report)
        return [{**self._head, "choices": [], "usage": counted}] if counted else []

    def _start(self, event: Json) -> list[Json]:
        message = obj(event.get("message"))
        self._head["id"] = chat_id(message.get("id"), self._new_id)
        self._head["model"] = text(message.get("model"))
        self._count(event)
        return [self._chunk({"role": "assistant", "content": ""})]

    def _count(self, event: Json) -> None:
        news = usage.find(event)
        if news is not None:
            self.report = usage.merge(self.report, news)

    def _block_start(self, event: Json) -> list[Json]:
        block = obj(event.get("content_block"))
        if block.get("type") == "tool_use":
            return [self._begin_call(event.get("index"), block)]
        return self._said(block, _BEGINNINGS)

    def _begin_call(self, index: Any, block: Json) -> Json:
        call = _Call(self._placed, obj(block.get("input")))
        self._placed += 1
        self._calls[_key(index)] = call
        given_id = text(block.get("id")) or "toolu_" + self._new_id()
        function = {"name": text(block.get("name")), "arguments": ""}
        begun = {"index": call.place, "id": given_id, "type": "function", "function": function}
        return self._chunk({"tool_calls": [begun]})

    def _block_delta(self, event: Json) -> list[Json]:
        delta = obj(event.get("delta"))
        if delta.get("type") != "input_json_delta":
            return self._said(delta, _DELTAS)
        call = self._calls.get(_key(event.get("index")))
        piece = text(delta.get("partial_json"))
        if call is None or not piece:
            return []
        call.sent = True
        return [self._arguments(call, piece)]

    def _said(self, source: Json, table: dict[str, tuple[str, str]]) -> list[Json]:
        kind = source.get("type")
        fields = table.get(kind) if isinstance(kind, str) else None
        said = text(source.get(fields[0])) if fields else ""
        if not fields or not said:
            return []
        if fields[1] == SIGNATURE:
            if self._signed:
                return []  # clients join the pieces, and two signatures joined are none
            self._signed = True
        return [self._chunk({fields[1]: said})]

    def _block_stop(self, event: Json) -> list[Json]:
        """A call without a delta had all its input at the start, mostly none."""
        call = self._calls.pop(_key(event.get("index")), None)
        if call is None or call.sent:
            return []
        return [self._arguments(call, encode(call.begun_with, of_call("upstream_bad_answer")))]

    def _arguments(self, call: _Call, piece: str) -> Json:
        return self._chunk(
            {"tool_calls": [{"index": call.place, "function": {"arguments": piece}}]}
        )

    def _message_delta(self, event: Json) -> list[Json]:
        self._count(event)
        reason = obj(event.get("delta")).get("stop_reason")
        if not isinstance(reason, str) or self.finished:
            return []
        self.finished = True
        return [self._chunk({}, reasons.finish(reason))]

    def _message_stop(self, event: Json) -> list[Json]:
        """Say an end where a vendor gave no reason for it."""
        chunks = [] if self.finished else [self._chunk({}, "stop")]
        self.finished = True
        return chunks + self.end()

    def _error(self, event: Json) -> list[Json]:
        self._over = True
        kind, message = errors.parse(event)
        said = message or "The upstream service broke off its answer."
        code, kind = kind or "upstream_cut", kind or "api_error"
        return [{"error": {"message": said, "type": kind, "param": None, "code": code}}]

    def _chunk(self, delta: Json, finish_reason: str | None = None) -> Json:
        self._head["id"] = self._head["id"] or chat_id(None, self._new_id)
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return {**self._head, "choices": [choice]}

    _READERS = {
        "message_start": _start,
        "content_block_start": _block_start,
        "content_block_delta": _block_delta,
        "content_block_stop": _block_stop,
        "message_delta": _message_delta,
        "message_stop": _message_stop,
        "error": _error,
    }


def _key(index: Any) -> int | str | None:
    return index if isinstance(index, int | str) else None
