"""A chat body as the writers of vendors' own protocols need it: turns whose types are checked.

Clients may send anything, so everything here raises RelayError 400 naming the field that is wrong,
or that the vendor has no counterpart for.
"""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from gateway.dialects.dialect import Json
from gateway.dialects.gemini.fields import (
    a_boolean,
    a_list,
    a_name,
    a_number,
    a_text,
    a_whole,
    an_object,
    from_json,
    refuse,
    said,
    texts,
    unsupported,
    writable,
)

SYSTEM, USER, ASSISTANT, TOOL = "system", "user", "assistant", "tool"
_ROLES = {
    "system": SYSTEM,
    "developer": SYSTEM,
    "user": USER,
    "assistant": ASSISTANT,
    "tool": TOOL,
    "function": TOOL,
}
_TEXTS = {"text": "text", "input_text": "text", "refusal": "refusal"}


@dataclass(frozen=True, slots=True)
class Image:
    """A picture by its address, which may be a data: URL; `param` is where it stands."""

    url: str
    detail: str
    param: str

    def base64(self) -> str:
        """Return its bytes in base64. Raises RelayError 400 where only an address was given."""
        head, comma, data = self.url.partition(",")
        if not comma or not head.lower().startswith("data:") or ";base64" not in head.lower():
            refuse(self.param, "an image in a data: URL with base64")
        try:
            base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError):
            refuse(self.param, "an image in a data: URL with base64")
        return data


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that the model made; `arguments` are JSON text as it wrote them."""

    id: str
    name: str
    arguments: str
    param: str

    def parsed(self) -> Json:
        """Return the arguments as an object. Raises RelayError 400 where they are none."""
        found = from_json(self.arguments) if self.arguments.strip() else {}
        if not isinstance(found, dict):
            refuse(f"{self.param}.arguments", "a JSON object as text")
        return writable(found, f"{self.param}.arguments")  # type: ignore[no-any-return]


@dataclass(slots=True)
class Turn:
    """One message. `parts` are texts and images in their order; `name` and `call_id` say which
    call a result is of; `thoughts` are what an assistant thought."""

    role: str
    param: str
    parts: list[str | Image] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    call_id: str = ""
    name: str = ""
    thoughts: str = ""

    @property
    def text(self) -> str:
        """The texts, a line each."""
        return "\n".join(part for part in self.parts if isinstance(part, str))

    @property
    def images(self) -> list[Image]:
        """The images."""
        return [part for part in self.parts if isinstance(part, Image)]


def turns(chat: Json, *, images: bool = True) -> list[Turn]:
    """Return the messages of a chat body, with every tool result named after its call."""
    found, names = list[Turn](), dict[str, str]()
    for at, message in enumerate(a_list(chat.get("messages"), "messages")):
        param = f"messages[{at}]"
        turn = _turn(an_object(message, param), param, images)
        names |= {call.id: call.name for call in turn.calls}
        if turn.role == TOOL:
            turn.name = names.get(turn.call_id) or turn.name
            if not turn.name:
                refuse(f"{param}.tool_call_id", "the id of a tool call before it")
        found.append(turn)
    if not found:
        refuse("messages", "a list with something said in it")
    return found


def _turn(message: Json, param: str, images: bool) -> Turn:
    role = message.get("role")
    known = _ROLES.get(role) if isinstance(role, str) else None
    if known is None:
        refuse(f"{param}.role", "system, developer, user, assistant or tool")
    turn = Turn(known, param)
    with_images = images and known == USER
    turn.parts = list(_parts(message.get("content"), f"{param}.content", with_images))
    if known == TOOL:
        turn.call_id = a_text(message.get("tool_call_id"), f"{param}.tool_call_id")
        turn.name = a_text(message.get("name"), f"{param}.name")
    if known == ASSISTANT:
        turn.thoughts = said(message, "reasoning_content", "reasoning")
        turn.calls = list(_calls(message, param))
        if not turn.parts and (refusal := said(message, "refusal")):
            turn.parts = [refusal]
    return turn


def _parts(content: Any, param: str, images: bool) -> Iterator[str | Image]:
    if content is None or isinstance(content, str):
        if content:
            yield content
        return
    for at, value in enumerate(a_list(content, param)):
        here = f"{param}[{at}]"
        if isinstance(value, str):
            yield value
            continue
        part = an_object(value, here)
        kind = part.get("type", "text")
        if isinstance(kind, str) and kind in _TEXTS:
            name = _TEXTS[kind]
            if found := a_text(part.get(name), f"{here}.{name}"):
                yield found
        elif kind == "image_url" and images:
            yield _image(part.get("image_url"), f"{here}.image_url")
        else:
            unsupported(f"{here}.type")


def _image(given: Any, param: str) -> Image:
    nested = given if isinstance(given, dict) else {"url": given}
    detail = nested.get("detail")
    return Image(a_name(nested.get("url"), param), a_text(detail, f"{param}.detail"), param)


def _calls(message: Json, param: str) -> Iterator[ToolCall]:
    for at, value in enumerate(a_list(message.get("tool_calls"), f"{param}.tool_calls")):
        here = f"{param}.tool_calls[{at}]"
        call = an_object(value, here)
        yield _call(call.get("function"), a_text(call.get("id"), f"{here}.id"), f"{here}.function")
    if message.get("function_call") is not None:
        yield _call(message["function_call"], "", f"{param}.function_call")


def _call(value: Any, call_id: str, param: str) -> ToolCall:
    function = an_object(value, param)
    name = a_name(function.get("name"), f"{param}.name")
    arguments = a_text(function.get("arguments"), f"{param}.arguments")
    return ToolCall(call_id, name, arguments, param)


# What stands beside the messages.


def functions(chat: Json) -> list[Json]:
    """Return the functions that a body offers, each with a name, in OpenAI's form."""
    found = list[Json]()
    for at, value in enumerate(a_list(chat.get("tools"), "tools")):
        param = f"tools[{at}]"
        tool = an_object(value, param)
        if tool.get("type", "function") != "function":
            unsupported(f"{param}.type")
        function = an_object(tool.get("function"), f"{param}.function")
        a_name(function.get("name"), f"{param}.function.name")
        a_text(function.get("description"), f"{param}.function.description")
        an_object(function.get("parameters"), f"{param}.function.parameters")
        found.append(writable(function, f"{param}.function"))
    return found


def chosen(chat: Json) -> str:
    """Return which tool must be called: "auto", "none", "required", or "=" and its name."""
    choice = chat.get("tool_choice")
    if choice is None:
        return "auto"
    if isinstance(choice, str):
        if choice not in ("auto", "none", "required"):
            refuse("tool_choice", "auto, none, required or an object that names a function")
        return choice
    function = an_object(an_object(choice, "tool_choice").get("function"), "tool_choice.function")
    return "=" + a_name(function.get("name"), "tool_choice.function.name")


def schema(chat: Json) -> Json | None:
    """Return the JSON schema that an answer must follow, {} for any JSON, None for plain text."""
    wanted = an_object(chat.get("response_format"), "response_format")
    kind = wanted.get("type", "text")
    if kind == "text":
        return None
    if kind == "json_object":
        return {}
    if kind != "json_schema":
        refuse("response_format.type", "text, json_object or json_schema")
    inner = an_object(wanted.get("json_schema"), "response_format.json_schema")
    found = an_object(inner.get("schema"), "response_format.json_schema.schema")
    return writable(found, "response_format.json_schema.schema")  # type: ignore[no-any-return]


def numbers(chat: Json, **names: str) -> Json:
    """Return the numbers that a body has, by the vendor's names: `numbers(chat, top_p="p")`."""
    given = {name: chat[name] for name in names if chat.get(name) is not None}
    return {names[name]: a_number(value, name) for name, value in given.items()}


def sampling(chat: Json) -> Json:
    """Return what a body says of sampling, for vendors that name all of it as OpenAI does."""
    names = ("temperature", "top_p", "top_k", "seed", "frequency_penalty", "presence_penalty")
    return numbers(chat, **{name: name for name in names})


def limit(chat: Json) -> int | None:
    """Return how many tokens an answer may have, None where the body does not say."""
    for name in ("max_completion_tokens", "max_tokens"):
        if chat.get(name) is not None:
            return a_whole(chat[name], name)
    return None


def stops(chat: Json) -> list[str]:
    """Return the words at which an answer ends."""
    given = chat.get("stop")
    return [given] if isinstance(given, str) else texts(given, "stop")


def effort(chat: Json) -> str:
    """Return how much a model is to think: "", "none", "minimal", "low", "medium", "high", …"""
    return a_text(chat.get("reasoning_effort"), "reasoning_effort")


def streams(chat: Json) -> bool:
    """Return whether a stream is wanted."""
    return a_boolean(chat.get("stream", False), "stream")


def wanted(chat: Json, feature: str) -> str:
    """Return the field of a body that asks for "tools", "images", "json" or "several" answers; ""
    where none does."""
    if feature == "several":
        return "n" if chat.get("n") not in (None, 1) else ""
    if feature == "tools":
        return next((name for name in ("tools", "functions") if chat.get(name)), "")
    if feature == "json":
        return "response_format" if schema(chat) is not None else ""
    found = (image.param for turn in turns(chat) for image in turn.images)
    return next(found, "")


def inputs(body: Json) -> list[str]:
    """Return the texts of an embeddings body; token numbers are refused."""
    given = body.get("input")
    found = [given] if isinstance(given, str) else a_list(given, "input")
    if any(isinstance(each, int | list) for each in found):
        unsupported("input")
    if not found or not all(isinstance(each, str) and each for each in found):
        refuse("input", "a non-empty string or a list of them")
    return found
