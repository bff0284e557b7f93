"""A chat stream as a Responses stream; the other way is in chunks.py.

Reasoning and text are items that end when something else begins. Calls stay open until the answer's
end, since chat may go on with any of them. `response.completed` repeats every item, and comes only
from `end`: what is owed for the answer is recorded before.
"""

from dataclasses import dataclass, field

from gateway.dialects.responses import errors, shape, usage
from gateway.dialects.responses.answer import calls_of, spoken
from gateway.dialects.responses.chunks import ToChat
from gateway.dialects.responses.loose import (
    Json,
    arguments,
    first_text,
    mapping,
    objects,
    text,
    whole,
)
from gateway.dialects.responses.stream_items import Call, Events, Item, Message, Reasoning
from gateway.formats import usage as chat_usage
from gateway.relay.errors import RelayError

__all__ = ["FromChat", "ToChat"]


@dataclass(slots=True, eq=False)
class _Pending:
    """A call as chat tells it piece by piece; it is announced once its name is known."""

    index: int
    call_id: str = ""
    name: str = ""
    custom: bool = False
    held: list[str] = field(default_factory=list)
    item: Call | None = None


class FromChat:
    """Turns chunks of a chat.completion into the events of a Response.

    `body` is the client's request. Ids come from `request_id` if given, else from the chunks;
    `created_at` (Unix seconds) is for chunks that do not say when they were made.
    """

    def __init__(self, body: Json, request_id: str = "", created_at: int = 0) -> None:
        self._body = body
        self._request_id = request_id
        self._created_at = created_at
        self._events = Events()
        self._begun: Json | None = None
        self._base = ""
        self._items: list[Item] = []
        self._open: Reasoning | Message | None = None
        self._calls: list[_Pending] = []
        self._finish = ""
        self._report: Json | None = None
        self._last: Json = {}
        self._ended = False

    def feed(self, chunk: Json) -> bytes:
        """Take one chat.completion.chunk and return the events that it causes."""
        if self._ended or not isinstance(chunk, dict):
            return b""
        if chunk.get("error"):
            code, message = errors.parse(chunk)
            refused = RelayError(code or "upstream_bad_answer", message, status=502)
            return self.fail(refused, self._request_id)
        self._begin(chunk)
        report = chat_usage.find(chunk)
        if report is not None:
            self._report = chat_usage.merge(self._report, report)
        if isinstance(chunk.get("service_tier"), str):
            self._last = chunk
        choice = next((c for c in objects(chunk.get("choices")) if not c.get("index")), {})
        self._take(choice)
        return self._events.take()

    def end(self) -> bytes:
        """Return the events that close the stream; nothing when it is closed already."""
        if self._ended:
            return b""
        begun = self._begin({})
        self._close_all()
        self._ended = True
        report = usage.from_chat(self._report)
        response = shape.ended(begun, self._output(), self._finish, self._last, report)
        self._events.write(f"response.{response['status']}", response=response)
        return self._events.take()

    def fail(self, error: RelayError, request_id: str) -> bytes:
        """Close the stream with an error: an `error` event and `response.failed`."""
        if self._ended:
            return b""
        begun = self._begin({})
        self._ended = True
        said = errors.of_response(error, request_id)
        response = shape.failed(begun, self._output(), said, usage.from_chat(self._report))
        before = self._events.take()
        event = errors.error_event(error, request_id, self._events.sequence)
        self._events.sequence += 1
        self._events.write("response.failed", response=response)
        return before + event + self._events.take()

    def _begin(self, chunk: Json) -> Json:
        if self._begun is None:
            self._base = shape.base_of(self._request_id or text(chunk.get("id")))
            made_at = whole(chunk.get("created")) or self._created_at
            self._begun = shape.response(self._body, self._base, chunk.get("model"), made_at)
            self._events.write("response.created", response=self._begun)
            self._events.write("response.in_progress", response=self._begun)
        return self._begun

    def _take(self, choice: Json) -> None:
        delta = mapping(choice.get("delta")) or mapping(choice.get("message"))
        thought = first_text(delta, "reasoning_content", "reasoning")
        if thought:
            self._reasoning().say(thought)
        said = spoken(delta)
        if said:
            self._message().say(said, shape.logprobs(choice))
        for annotation in shape.annotations(delta.get("annotations")):
            self._message().cite(annotation)
        if text(delta.get("refusal")):
            self._message().refuse(delta["refusal"])
        for call in calls_of(delta):
            self._call(call)
        finish = choice.get("finish_reason")
        if isinstance(finish, str) and finish:
            self._finish = finish

    def _reasoning(self) -> Reasoning:
        if not isinstance(self._open, Reasoning):
            self._close_open("completed")
            index = len(self._items)
            self._open = Reasoning(self._events, f"rs_{self._base}_{index}", index)
            self._items.append(self._open)
        return self._open

    def _message(self) -> Message:
        if not isinstance(self._open, Message):
            self._close_open("completed")
            index = len(self._items)
            self._open = Message(self._events, f"msg_{self._base}_{index}", index)
            self._items.append(self._open)
        return self._open

    def _call(self, call: Json) -> None:
        pending = self._pending(call)
        pending.custom = pending.custom or (
            "custom" in call and not isinstance(call.get("function"), dict)
        )
        inner = mapping(call.get("custom" if pending.custom else "function"))
        pending.call_id = pending.call_id or text(call.get("id"))
        pending.name = pending.name or text(inner.get("name"))
        given = inner.get("input") if pending.custom else inner.get("arguments")
        pending.held.append(arguments(given))
        if pending.name:
            self._announce(pending)

    def _pending(self, call: Json) -> _Pending:
        """Return the call that a piece belongs to. Some vendors give no index, or 0 to all."""
        index, call_id = whole(call.get("index")), text(call.get("id"))
        known = [one for one in self._calls if index is None or one.index == index]
        if known and (not call_id or known[-1].call_id in ("", call_id)):
            return known[-1]
        pending = _Pending(len(self._calls) if index is None else index)
        self._calls.append(pending)
        return pending

    def _announce(self, pending: _Pending) -> None:
        if pending.item is None:
            self._close_open("completed")
            index, custom = len(self._items), pending.custom
            number = self._calls.index(pending)
            pending.item = Call(
                self._events,
                f"{'ctc' if custom else 'fc'}_{self._base}_{index}",
                index,
                pending.call_id or f"call_{self._base}_{number}",
                pending.name,
                custom,
            )
            self._items.append(pending.item)
        pending.item.give("".join(pending.held))
        pending.held = []

    def _close_open(self, status: str) -> None:
        if self._open is not None:
            self._open.close(status)
            self._open = None

    def _close_all(self) -> None:
        """Close what is open. Of an answer cut short only the last item is incomplete."""
        for pending in self._calls:
            self._announce(pending)
        last = "incomplete" if self._finish in shape.INCOMPLETE else "completed"
        for item in self._items[:-1]:
            item.close("completed")
        if self._items:
            self._items[-1].close(last)
        self._open = None

    def _output(self) -> list[Json]:
        return [item.became() for item in self._items]
