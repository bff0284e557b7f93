"""Chat messages as a Gemini conversation: contents and systemInstruction."""

from typing import Any

from gateway.dialects.gemini import media
from gateway.dialects.gemini.calls import NO_SIGNATURE, arguments_of, response_of
from gateway.dialects.gemini.fields import (
    Json,
    a_list,
    a_name,
    a_text,
    an_object,
    child,
    refuse,
    said,
    unsupported,
)
from gateway.dialects.gemini.thinking import FIRST_WITH_LEVELS, generation

_SYSTEM = ("system", "developer")
_RESULTS = ("tool", "function")


def to_contents(body: Json) -> Json:
    """Return contents and systemInstruction. Raises RelayError 400, naming the message.

    All system messages become the instruction, in order: Gemini knows one, at the beginning. Turns
    of one side in a row are joined, but results of tools stay by themselves, as Gemini wants them.
    """
    writer = _Writer(signed=generation(body.get("model")) >= FIRST_WITH_LEVELS)
    for at, message in enumerate(a_list(body.get("messages"), "messages")):
        writer.message(an_object(message, f"messages[{at}]"), f"messages[{at}]")
    if not writer.contents:
        # Gemini asks for at least one turn.
        if not writer.system:
            refuse("messages", "a list with something said in it")
        return {"contents": [{"role": "user", "parts": writer.system}]}
    made: Json = {"contents": writer.contents}
    if writer.system:
        made["systemInstruction"] = {"parts": writer.system}
    return made


class _Writer:
    """Writes one conversation."""

    def __init__(self, signed: bool) -> None:
        self.contents: list[Json] = []
        self.system: list[Json] = []
        self._signed = signed
        self._names: dict[str, str] = {}
        self._after_results = False

    def message(self, message: Json, param: str) -> None:
        role = message.get("role")
        if role in _SYSTEM:
            self.system.extend(_text_only(message.get("content"), f"{param}.content"))
        elif role == "user":
            self._add("user", _content(message.get("content"), f"{param}.content"))
        elif role == "assistant":
            self._add("model", self._assistant(message, param))
        elif role in _RESULTS:
            self._add("user", [self._result(message, param)], results=True)
        else:
            refuse(f"{param}.role", "system, developer, user, assistant or tool")

    def _add(self, role: str, parts: list[Json], results: bool = False) -> None:
        if not parts:
            return
        last = self.contents[-1] if self.contents else {}
        if last.get("role") == role and results == self._after_results:
            last["parts"].extend(parts)
        else:
            self.contents.append({"role": role, "parts": parts})
        self._after_results = results

    def _assistant(self, message: Json, param: str) -> list[Json]:
        parts: list[Json] = []
        if thoughts := said(message, "reasoning_content", "reasoning"):
            parts.append({"text": thoughts, "thought": True})
        spoken = _content(message.get("content"), f"{param}.content")
        if not spoken and isinstance(message.get("refusal"), str) and message["refusal"]:
            spoken = [{"text": message["refusal"]}]
        calls = [
            self._call(an_object(call, f"{param}.tool_calls[{at}]"), f"{param}.tool_calls[{at}]")
            for at, call in enumerate(a_list(message.get("tool_calls"), f"{param}.tool_calls"))
        ]
        if message.get("function_call") is not None:
            calls.append(self._call({"function": message["function_call"]}, param))
        if self._signed and calls and not any("thoughtSignature" in call for call in calls):
            calls[0]["thoughtSignature"] = NO_SIGNATURE
        return [*parts, *spoken, *calls] if spoken or calls else []

    def _call(self, call: Json, param: str) -> Json:
        function = an_object(call.get("function"), f"{param}.function")
        name = a_name(function.get("name"), f"{param}.function.name")
        arguments = function.get("arguments")
        made: Json = {"name": name, "args": arguments_of(arguments, f"{param}.function.arguments")}
        if given := a_text(call.get("id"), f"{param}.id"):
            self._names[given] = name
            made["id"] = given
        signature = said(child(child(call, "extra_content"), "google"), "thoughtSignature")
        signed = {"thoughtSignature": signature} if signature else {}
        return {"functionCall": made, **signed}

    def _result(self, message: Json, param: str) -> Json:
        given = a_text(message.get("tool_call_id"), f"{param}.tool_call_id")
        name = self._names.get(given) or a_text(message.get("name"), f"{param}.name")
        if not name:
            refuse(f"{param}.tool_call_id", "the id of a tool call before it")
        parts = _text_only(message.get("content"), f"{param}.content")
        response = response_of("".join(part["text"] for part in parts))
        made: Json = {"name": name, "response": response}
        return {"functionResponse": {"id": given, **made} if given else made}


def _text_only(content: Any, param: str) -> list[Json]:
    parts = _content(content, param)
    if not all("text" in part for part in parts):
        unsupported(param)
    return parts


def _content(content: Any, param: str) -> list[Json]:
    """Return the parts for a message's content, without empty texts, which Gemini refuses."""
    if content is None or isinstance(content, str):
        return [{"text": content}] if content else []
    made = []
    for at, part in enumerate(a_list(content, param)):
        made.append(_part(part, f"{param}[{at}]"))
    return [part for part in made if part.get("text") != ""]


def _part(value: Any, param: str) -> Json:
    if isinstance(value, str):
        return {"text": value}
    part = an_object(value, param)
    kind = part.get("type")
    if kind is None and "text" in part:
        kind = "text"
    if not isinstance(kind, str):
        refuse(f"{param}.type", "a string")
    if kind in ("text", "refusal"):
        return {"text": a_text(part.get(kind), f"{param}.{kind}")}
    if kind not in media.TO_GEMINI:
        unsupported(f"{param}.type")
    return media.TO_GEMINI[kind](part, param)
