"""The items of a Responses stream, one class each: they are announced, grow, and are closed.

Every item writes its own events, in the order of OpenAI's own streams, and knows what it has become
so that `response.completed` repeats it exactly.
"""

from typing import Any, Protocol

from gateway.dialects.responses import shape
from gateway.dialects.responses.loose import Json
from gateway.dialects.responses.sse import event


class Events:
    """Writes events and numbers them; `take` returns what was written since."""

    def __init__(self) -> None:
        self._written: list[bytes] = []
        self.sequence = 0

    def write(self, kind: str, **fields: Any) -> None:
        """Write one event."""
        self._written.append(event({"type": kind, "sequence_number": self.sequence, **fields}))
        self.sequence += 1

    def take(self) -> bytes:
        """Return the bytes written since the last call."""
        written, self._written = b"".join(self._written), []
        return written


class Item(Protocol):
    """An item of the output, open or closed."""

    def close(self, status: str) -> None:
        """Write the events that end the item, once."""
        ...

    def became(self) -> Json:
        """Return the item as it is now."""
        ...


class _Base:
    """What items have in common."""

    def __init__(self, events: Events, item_id: str, index: int) -> None:
        self._events = events
        self.item_id = item_id
        self._index = index
        self._status = "in_progress"

    @property
    def is_open(self) -> bool:
        """Whether more can be said in this item."""
        return self._status == "in_progress"

    def _write(self, kind: str, **fields: Any) -> None:
        self._events.write(kind, item_id=self.item_id, output_index=self._index, **fields)

    def _announce(self, item: Json) -> None:
        self._events.write("response.output_item.added", output_index=self._index, item=item)

    def _finish(self, item: Json) -> None:
        self._events.write("response.output_item.done", output_index=self._index, item=item)


class Reasoning(_Base):
    """What the model thinks, as a summary of one part."""

    def __init__(self, events: Events, item_id: str, index: int) -> None:
        super().__init__(events, item_id, index)
        self._said: list[str] = []
        self._announce(shape.reasoning_item(item_id, None))
        part = {"type": "summary_text", "text": ""}
        self._write("response.reasoning_summary_part.added", summary_index=0, part=part)

    def say(self, delta: str) -> None:
        """Add to the summary."""
        self._said.append(delta)
        self._write("response.reasoning_summary_text.delta", summary_index=0, delta=delta)

    def close(self, status: str) -> None:
        """Write the events that end the item, once."""
        if not self.is_open:
            return
        self._status = status
        said = "".join(self._said)
        part = {"type": "summary_text", "text": said}
        self._write("response.reasoning_summary_text.done", summary_index=0, text=said)
        self._write("response.reasoning_summary_part.done", summary_index=0, part=part)
        self._finish(self.became())

    def became(self) -> Json:
        """Return the item as it is now."""
        return shape.reasoning_item(self.item_id, "".join(self._said))


class Message(_Base):
    """What the assistant says: parts that are text or a refusal, the last of them open."""

    def __init__(self, events: Events, item_id: str, index: int) -> None:
        super().__init__(events, item_id, index)
        self._parts: list[Json] = []
        self._said: list[str] = []
        self._announce(shape.message_item(item_id, [], "in_progress"))

    def say(self, delta: str, logprobs: list[Json]) -> None:
        """Add text."""
        part = self._part("output_text")
        self._said.append(delta)
        part["logprobs"] += logprobs
        self._write(
            "response.output_text.delta", content_index=self._at, delta=delta, logprobs=logprobs
        )

    def refuse(self, delta: str) -> None:
        """Add to the refusal."""
        self._part("refusal")
        self._said.append(delta)
        self._write("response.refusal.delta", content_index=self._at, delta=delta)

    def cite(self, annotation: Json) -> None:
        """Add a citation."""
        cited = self._part("output_text")["annotations"]
        self._write(
            "response.output_text.annotation.added",
            content_index=self._at,
            annotation_index=len(cited),
            annotation=annotation,
        )
        cited.append(annotation)

    def close(self, status: str) -> None:
        """Write the events that end the item, once."""
        if self.is_open:
            self._close_part()
            self._status = status
            self._finish(self.became())

    def became(self) -> Json:
        """Return the item as it is now."""
        self._fill()
        status = "incomplete" if self.is_open else self._status
        return shape.message_item(self.item_id, self._parts, status)

    @property
    def _at(self) -> int:
        return len(self._parts) - 1

    def _part(self, kind: str) -> Json:
        """Return the open part if it is of that kind, else open one."""
        if not self._parts or self._parts[-1]["type"] != kind:
            self._close_part()
            text = kind == "output_text"
            self._parts.append(shape.text_part("", [], []) if text else shape.refusal_part(""))
            self._write("response.content_part.added", content_index=self._at, part=self._parts[-1])
        return self._parts[-1]

    def _close_part(self) -> None:
        if not self._parts:
            return
        self._fill()
        part = self._parts[-1]
        self._said = []
        if part["type"] == "refusal":
            done = {"refusal": part["refusal"]}
            self._write("response.refusal.done", content_index=self._at, **done)
        else:
            done = {"text": part["text"], "logprobs": part["logprobs"]}
            self._write("response.output_text.done", content_index=self._at, **done)
        self._write("response.content_part.done", content_index=self._at, part=part)

    def _fill(self) -> None:
        if self._said:
            part = self._parts[-1]
            part["refusal" if part["type"] == "refusal" else "text"] = "".join(self._said)


class Call(_Base):
    """A call of a function or a custom tool."""

    def __init__(
        self, events: Events, item_id: str, index: int, call_id: str, name: str, custom: bool
    ) -> None:
        super().__init__(events, item_id, index)
        self._call_id = call_id
        self._name = name
        self._custom = custom
        self._given: list[str] = []
        self._announce(self._item("in_progress"))

    def give(self, delta: str) -> None:
        """Add to what the call is given."""
        if delta:
            self._given.append(delta)
            self._write(f"response.{self._kind}.delta", delta=delta)

    def close(self, status: str) -> None:
        """Write the events that end the item, once."""
        if self.is_open:
            self._status = status
            name = "input" if self._custom else "arguments"
            named = {} if self._custom else {"name": self._name}
            self._write(f"response.{self._kind}.done", **named, **{name: "".join(self._given)})
            self._finish(self.became())

    def became(self) -> Json:
        """Return the item as it is now."""
        return self._item("incomplete" if self.is_open else self._status)

    @property
    def _kind(self) -> str:
        return "custom_tool_call_input" if self._custom else "function_call_arguments"

    def _item(self, status: str) -> Json:
        given = "".join(self._given)
        return shape.call_item(self._custom, self.item_id, self._call_id, self._name, given, status)
