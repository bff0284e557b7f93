"""The input items of a Responses request as chat messages.

Items are finer than messages: what the assistant thought, said and called are items of their own,
and one message in chat. Consecutive ones are put together, since chat wants the results of tools
right behind the one message that holds all the calls.
"""

from collections.abc import Callable
from typing import Any

from gateway.dialects.responses.loose import (
    Json,
    mapping,
    needed_text,
    objects,
    refuse,
    short,
    text,
)

# The roles of messages, as chat upstreams of every vendor know them.
_ROLES = {"user": "user", "assistant": "assistant", "system": "system", "developer": "system"}
_FOLLOWS = "The tool's images and files follow in the next message."


class Messages:
    """Chat messages under construction."""

    def __init__(self) -> None:
        self.all: list[Json] = []
        self._assistant: Json | None = None
        self._thoughts: list[str] = []
        self._attached: list[Json] = []

    def add(self, role: str, content: Any) -> None:
        """Add a message that is not the assistant's."""
        self.settle()
        self.all.append({"role": role, "content": content})

    def add_result(self, call_id: str, said: str, attached: list[Json]) -> None:
        """Add a tool's result. Chat allows only text in it; the rest follows as the user's."""
        self._assistant, self._thoughts = None, []
        self.all.append({"role": "tool", "tool_call_id": call_id, "content": said})
        self._attached += attached

    def think(self, thought: str) -> None:
        """Keep what the assistant thought, for the message that it led to."""
        if thought:
            self._thoughts.append(thought)

    def say(self, content: str | None, refusal: str | None) -> None:
        """Add what the assistant said."""
        open_ = self._assistant
        if open_ is not None and "tool_calls" not in open_:
            self._assistant = None  # two messages in a row stay two
        message = self._turn()
        if content is not None:
            before = message["content"]
            message["content"] = f"{before}\n\n{content}" if before else content
        if refusal:
            message["refusal"] = refusal

    def call(self, call: Json) -> None:
        """Add a tool call."""
        self._turn().setdefault("tool_calls", []).append(call)

    def settle(self) -> None:
        """End the assistant's turn, and the results of its calls."""
        self._assistant, self._thoughts = None, []
        if self._attached:
            self.all.append({"role": "user", "content": self._attached})
            self._attached = []

    def _turn(self) -> Json:
        if self._assistant is None:
            thoughts = self._thoughts
            self.settle()
            self._thoughts = thoughts
            self._assistant = {"role": "assistant", "content": None}
            self.all.append(self._assistant)
        if self._thoughts:
            known = self._assistant.get("reasoning_content")
            self._assistant["reasoning_content"] = "\n\n".join(
                [*([known] if known else []), *self._thoughts]
            )
            self._thoughts = []
        return self._assistant


def to_messages(value: Any, messages: Messages) -> None:
    """Add a request's `input` to the messages. Raises RelayError 400 naming what chat cannot do."""
    if isinstance(value, str):
        messages.add("user", value)
        return
    if not isinstance(value, list):
        refuse("input", "must be a string or a list of items")
    for number, item in enumerate(value):
        at = f"input[{number}]"
        if not isinstance(item, dict):
            refuse(at, "must be an object")
        kind = item.get("type") or ("message" if "role" in item else "item_reference")
        convert = _ITEMS.get(kind) if isinstance(kind, str) else None
        if convert is None:
            refuse(f"{at}.type", _WHY.get(str(kind), "is of a kind that this model is not offered"))
        convert(messages, item, at)
    messages.settle()


_WHY = {
    "item_reference": "refers to a stored item, and none are stored here; please send the item "
    "itself",
}


def _message(messages: Messages, item: Json, at: str) -> None:
    role = item.get("role")
    if not isinstance(role, str) or role not in _ROLES:
        refuse(f"{at}.role", "must be `user`, `assistant`, `system` or `developer`")
    content = item.get("content")
    if not isinstance(content, str | list):
        refuse(f"{at}.content", "must be a string or a list of parts")
    if role == "assistant":
        _assistant(messages, content, at)
    elif isinstance(content, str):
        messages.add(_ROLES[role], content)
    else:
        found = [part_to_chat(part, f"{at}.content[{n}]") for n, part in enumerate(content)]
        alone = len(found) == 1 and found[0]["type"] == "text"
        messages.add(_ROLES[role], found[0]["text"] if alone else found)


def _assistant(messages: Messages, content: str | list[Any], at: str) -> None:
    if isinstance(content, str):
        messages.say(content, None)
        return
    said, refused = [], []
    for number, part in enumerate(content):
        kind = mapping(part).get("type")
        where = f"{at}.content[{number}]"
        if kind == "refusal":
            refused.append(text(part.get("refusal")))
        elif kind in ("output_text", "input_text", "text"):
            said.append(_text(part, where)["text"])
        else:
            refuse(f"{where}.type", "must be `output_text` or `refusal`")
    messages.say("".join(said) if said or not refused else None, "".join(refused) or None)


def _function_call(messages: Messages, item: Json, at: str) -> None:
    arguments = item.get("arguments")
    if not isinstance(arguments, str):
        refuse(f"{at}.arguments", "must be a string")
    function = {"name": needed_text(item, "name", at), "arguments": arguments}
    messages.call(
        {"id": needed_text(item, "call_id", at), "type": "function", "function": function}
    )


def _custom_call(messages: Messages, item: Json, at: str) -> None:
    given = item.get("input")
    if not isinstance(given, str):
        refuse(f"{at}.input", "must be a string")
    custom = {"name": needed_text(item, "name", at), "input": given}
    messages.call({"id": needed_text(item, "call_id", at), "type": "custom", "custom": custom})


def _call_output(messages: Messages, item: Json, at: str) -> None:
    call_id = needed_text(item, "call_id", at)
    output = item.get("output")
    if isinstance(output, str):
        messages.add_result(call_id, output, [])
        return
    if not isinstance(output, list):
        refuse(f"{at}.output", "must be a string or a list of parts")
    parts = [part_to_chat(part, f"{at}.output[{n}]") for n, part in enumerate(output)]
    texts = [part["text"] for part in parts if part["type"] == "text"]
    attached = [part for part in parts if part["type"] != "text"]
    messages.add_result(call_id, "\n".join([*texts, *([_FOLLOWS] if attached else [])]), attached)


def _reasoning(messages: Messages, item: Json, at: str) -> None:
    """Keep what can be read of it; what is encrypted only its author could read."""
    told = objects(item.get("content")) or objects(item.get("summary"))
    messages.think("\n\n".join(filter(None, (text(part.get("text")) for part in told))))


_ITEMS: dict[str, Callable[[Messages, Json, str], None]] = {
    "message": _message,
    "function_call": _function_call,
    "function_call_output": _call_output,
    "custom_tool_call": _custom_call,
    "custom_tool_call_output": _call_output,
    "reasoning": _reasoning,
}


def part_to_chat(part: Any, at: str) -> Json:
    """Return a content part as chat has it. Raises RelayError 400 naming what chat cannot do."""
    if not isinstance(part, dict):
        refuse(at, "must be an object")
    kind = part.get("type")
    convert = _PARTS.get(kind) if isinstance(kind, str) else None
    if convert is None:
        refuse(f"{at}.type", "must be `input_text`, `input_image`, `input_file` or `input_audio`")
    return convert(part, at)


def _text(part: Json, at: str) -> Json:
    if not isinstance(part.get("text"), str):
        refuse(f"{at}.text", "must be a string")
    return {"type": "text", "text": part["text"]}


def _image(part: Json, at: str) -> Json:
    if part.get("image_url") is None and part.get("file_id") is not None:
        refuse(f"{at}.file_id", "cannot be used for images here; please send `image_url`")
    url = needed_text(part, "image_url", at)
    detail = part.get("detail")
    known = {"detail": detail} if isinstance(detail, str) else {}
    return {"type": "image_url", "image_url": {"url": url, **known}}


def _file(part: Json, at: str) -> Json:
    if part.get("file_url") is not None:
        refuse(f"{at}.file_url", "cannot be fetched here; please send `file_data`")
    file = short(part, "filename", "file_data", "file_id")
    for name, value in file.items():
        if not isinstance(value, str):
            refuse(f"{at}.{name}", "must be a string")
    if "file_data" not in file and "file_id" not in file:
        refuse(f"{at}.file_data", "must be there")
    return {"type": "file", "file": file}


def _audio(part: Json, at: str) -> Json:
    audio = mapping(part.get("input_audio"))
    given = {name: needed_text(audio, name, f"{at}.input_audio") for name in ("data", "format")}
    return {"type": "input_audio", "input_audio": given}


_PARTS: dict[str, Callable[[Json, str], Json]] = {
    "input_text": _text,
    "output_text": _text,
    "text": _text,
    "input_image": _image,
    "input_file": _file,
    "input_audio": _audio,
}
