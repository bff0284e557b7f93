"""A Responses stream as a chat stream."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gateway.dialects.responses import answer, shape, usage
from gateway.dialects.responses.errors import parse
from gateway.dialects.responses.loose import Json, arguments, mapping, text, whole

_CALLS = {"function_call": "arguments", "custom_tool_call": "input"}


@dataclass(slots=True)
class _Call:
    """A call in the making: its place among the calls, its kind, and how much of it was told."""

    number: int
    kind: str
    told: int = 0


class ToChat:
    """Turns the events of a Response into chat.completion.chunk objects.

    The last chunk has no choices and holds the usage. A stream that failed gives one object with
    an `error`, as OpenAI's chat streams do, and nothing after it.
    """

    def __init__(self) -> None:
        self._head: Json = {
            "id": "chatcmpl-0",
            "object": "chat.completion.chunk",
            "created": 0,
            "model": "",
        }
        self._begun = False
        self.finished = False
        self._calls: dict[int, _Call] = {}
        self._told: set[tuple[Any, ...]] = set()
        self._thinks: str = ""
        self._thought_in: tuple[Any, ...] | None = None

    def feed(self, event: Json) -> list[Json]:
        """Take one event and return the chunks that it causes."""
        kind = mapping(event).get("type")
        handle = _HANDLERS.get(kind) if isinstance(kind, str) else None
        if self.finished or handle is None:
            return []
        return handle(self, event)

    def end(self) -> list[Json]:
        """Return nothing: the event that ends a response said all. See `finished`."""
        return []

    def _chunk(self, delta: Json, finish: str | None = None, logprobs: Any = None) -> Json:
        choice = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        return {**self._head, "choices": [choice]}

    def _say(self, delta: Json, logprobs: Any = None) -> list[Json]:
        return [*self._begin(), self._chunk(delta, None, logprobs)]

    def _begin(self) -> list[Json]:
        if self._begun:
            return []
        self._begun = True
        return [self._chunk({"role": "assistant", "content": ""})]

    def _created(self, event: Json) -> list[Json]:
        if self._begun:
            return []
        self._know(mapping(event.get("response")))
        return self._begin()

    def _know(self, response: Json) -> None:
        self._head |= {
            "id": answer.chat_id(response),
            "created": answer.seconds(response.get("created_at")),
            "model": text(response.get("model")),
        }

    def _text(self, event: Json) -> list[Json]:
        return self._piece(event, "content", text(event.get("delta")))

    def _refusal(self, event: Json) -> list[Json]:
        return self._piece(event, "refusal", text(event.get("delta")))

    def _text_done(self, event: Json) -> list[Json]:
        return self._rest(event, "content", text(event.get("text")))

    def _refusal_done(self, event: Json) -> list[Json]:
        return self._rest(event, "refusal", text(event.get("refusal")))

    def _piece(self, event: Json, name: str, said: str) -> list[Json]:
        if not said:
            return []
        self._told.add(_place(event, name))
        found = shape.tokens(event.get("logprobs")) if name == "content" else []
        return self._say({name: said}, {"content": found, "refusal": None} if found else None)

    def _rest(self, event: Json, name: str, said: str) -> list[Json]:
        """Say what an upstream told only at the end, without deltas."""
        return [] if _place(event, name) in self._told else self._piece(event, name, said)

    def _summary(self, event: Json) -> list[Json]:
        return self._think(event, "summary")

    def _reasoning(self, event: Json) -> list[Json]:
        return self._think(event, "content")

    def _think(self, event: Json, source: str) -> list[Json]:
        """Pass on what the model thinks: the summary or the text, whichever comes first."""
        said = text(event.get("delta"))
        self._thinks = self._thinks or source
        if not said or source != self._thinks:
            return []
        part = _place(event, source)
        if self._thought_in is not None and part != self._thought_in:
            said = f"\n\n{said}"
        self._thought_in = part
        return self._say({"reasoning_content": said})

    def _citation(self, event: Json) -> list[Json]:
        cited = answer.nested_citation(mapping(event.get("annotation")))
        return self._say({"annotations": [cited]}) if cited else []

    def _item_added(self, event: Json) -> list[Json]:
        item, index = mapping(event.get("item")), whole(event.get("output_index"))
        kind = text(item.get("type"))
        if index is None or index in self._calls or kind not in _CALLS:
            return []
        call = self._calls[index] = _Call(len(self._calls), kind)
        whole_call = answer.chat_call(item)
        inner = whole_call[whole_call["type"]]
        call.told = len(inner.get(_CALLS[call.kind], ""))
        return self._say({"tool_calls": [{"index": call.number, **whole_call}]})

    def _arguments(self, event: Json) -> list[Json]:
        return self._give(event, text(event.get("delta")))

    def _arguments_done(self, event: Json) -> list[Json]:
        call = self._call_of(event)
        given = event.get(_CALLS[call.kind]) if call is not None else None
        if call is None or call.told or not isinstance(given, str):
            return []
        return self._give(event, given)

    def _item_done(self, event: Json) -> list[Json]:
        """Say what an upstream told only in the finished item."""
        item = mapping(event.get("item"))
        kind = text(item.get("type"))
        call = self._call_of(event)
        if kind not in _CALLS or call is None:
            return self._item_added(event)
        given = arguments(item.get(_CALLS[kind]))
        return [] if call.told else self._give(event, given)

    def _call_of(self, event: Json) -> _Call | None:
        index = whole(event.get("output_index"))
        return None if index is None else self._calls.get(index)

    def _give(self, event: Json, given: str) -> list[Json]:
        call = self._call_of(event)
        if call is None or not given:
            return []
        call.told += len(given)
        inner = {_CALLS[call.kind]: given}
        named = {"function": inner} if call.kind == "function_call" else {"custom": inner}
        return self._say({"tool_calls": [{"index": call.number, **named}]})

    def _ended(self, event: Json) -> list[Json]:
        response = mapping(event.get("response"))
        if not self._begun:
            self._know(response)
        self.finished = True
        incomplete = event.get("type") == "response.incomplete"
        status = {"status": "incomplete"} if incomplete else {}
        finish = answer.finish_reason({**response, **status}, bool(self._calls))
        if isinstance(response.get("service_tier"), str):
            self._head["service_tier"] = response["service_tier"]
        chunks = [*self._begin(), self._chunk({}, finish)]
        report = usage.to_chat(response.get("usage"))
        if report is not None:
            chunks.append({**self._head, "choices": [], "usage": report})
        return chunks

    def _failed(self, event: Json) -> list[Json]:
        self.finished = True
        code, message = parse(event)
        said = {"message": message, "type": "upstream_error", "param": None, "code": code}
        frame: Json = {"error": said}
        report = usage.to_chat(usage.find(event))
        return [frame if report is None else {**frame, "usage": report}]


def _place(event: Json, name: str) -> tuple[Any, ...]:
    """Return where in the output an event belongs."""
    numbers = (whole(event.get(n)) for n in ("output_index", "content_index", "summary_index"))
    return (name, *numbers)


_HANDLERS: dict[str, Callable[[ToChat, Json], list[Json]]] = {
    "response.created": ToChat._created,
    "response.in_progress": ToChat._created,
    "response.output_text.delta": ToChat._text,
    "response.output_text.done": ToChat._text_done,
    "response.refusal.delta": ToChat._refusal,
    "response.refusal.done": ToChat._refusal_done,
    "response.reasoning_summary_text.delta": ToChat._summary,
    "response.reasoning_text.delta": ToChat._reasoning,
    "response.output_text.annotation.added": ToChat._citation,
    "response.output_item.added": ToChat._item_added,
    "response.output_item.done": ToChat._item_done,
    "response.function_call_arguments.delta": ToChat._arguments,
    "response.function_call_arguments.done": ToChat._arguments_done,
    "response.custom_tool_call_input.delta": ToChat._arguments,
    "response.custom_tool_call_input.done": ToChat._arguments_done,
    "response.completed": ToChat._ended,
    "response.incomplete": ToChat._ended,
    "response.failed": ToChat._failed,
    "response.cancelled": ToChat._failed,
    "error": ToChat._failed,
}
