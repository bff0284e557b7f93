"""A Gemini conversation as chat messages: contents and systemInstruction."""

from dataclasses import dataclass, field
from typing import Any

from gateway.dialects.gemini import media
from gateway.dialects.gemini.calls import Ledger, result_of
from gateway.dialects.gemini.fields import (
    Json,
    a_list,
    a_name,
    a_text,
    an_object,
    get,
    refuse,
    to_json,
    unsupported,
)

_ROLES = {"user": "user", "": "user", "function": "user", "tool": "user", "model": "assistant"}
# Parts that only Gemini's own tools write and read, or that say how to read what is beside them.
_UNSUPPORTED = ("executableCode", "codeExecutionResult", "toolCall", "toolResponse")
_CUTS = ("videoMetadata",)
_MEDIA = {"inlineData": media.from_inline, "fileData": media.from_file}

_NOT_TEXT = (*_MEDIA, *_UNSUPPORTED, "functionCall", "functionResponse")


@dataclass(slots=True)
class _Turn:
    """What the parts of one content say, sorted by where chat wants it."""

    content: list[Json] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    calls: list[Json] = field(default_factory=list)
    results: list[Json] = field(default_factory=list)


def to_messages(body: Json) -> list[Json]:
    """Return the messages of a Gemini request. Raises RelayError 400, naming the field."""
    system = get(body, "systemInstruction")
    messages = [] if system is None else _system(system)
    contents = body.get("contents")
    listed = [contents] if isinstance(contents, dict) else a_list(contents, "contents")
    if not listed:
        refuse("contents", "a non-empty list")
    ledger = Ledger()
    for at, content in enumerate(listed):
        messages.extend(_messages(content, f"contents[{at}]", ledger))
    if all(message["role"] == "system" for message in messages):
        refuse("contents", "a list with something said in it")
    return messages


def _system(value: Any) -> list[Json]:
    text = text_of(value, "systemInstruction")
    return [{"role": "system", "content": text}] if text else []


def text_of(value: Any, param: str) -> str:
    """Return the text of a content that may hold nothing else. Raises RelayError 400."""
    if isinstance(value, str):
        return value
    parts = _parts(an_object(value, param), param)
    for at, part in enumerate(parts):
        if any(get(part, name) is not None for name in _NOT_TEXT):
            unsupported(f"{param}.parts[{at}]")
    said = [a_text(part.get("text"), f"{param}.parts[{at}].text") for at, part in enumerate(parts)]
    return "\n\n".join(filter(None, said))


def _parts(content: Json, param: str) -> list[Json]:
    parts = content.get("parts")
    listed = [parts] if isinstance(parts, dict) else a_list(parts, f"{param}.parts")
    return [an_object(part, f"{param}.parts[{at}]") for at, part in enumerate(listed)]


def _messages(value: Any, param: str, ledger: Ledger) -> list[Json]:
    content = an_object(value, param)
    role = a_text(content.get("role"), f"{param}.role")
    if role not in _ROLES:
        refuse(f"{param}.role", "user or model")
    turn = _Turn()
    for at, part in enumerate(_parts(content, param)):
        _sort(part, turn, f"{param}.parts[{at}]", ledger)
    if _ROLES[role] == "assistant":
        return _assistant(turn, param)
    if turn.calls:
        refuse(f"{param}.role", "model, where there is a functionCall")
    # Chat wants the results right after the calls, before anything else is said.
    return [*turn.results, *_user(turn)]


def _sort(part: Json, turn: _Turn, param: str, ledger: Ledger) -> None:
    for name in (*_UNSUPPORTED, *_CUTS):
        if get(part, name) is not None:
            unsupported(f"{param}.{name}")
    text = a_text(part.get("text"), f"{param}.text")
    if part.get("thought") is True:
        turn.thoughts.append(text)
    elif text:
        turn.content.append({"type": "text", "text": text})
    for name, convert in _MEDIA.items():
        if get(part, name) is not None:
            turn.content.append(convert(get(part, name), f"{param}.{name}"))
    if get(part, "functionCall") is not None:
        turn.calls.append(_call(get(part, "functionCall"), f"{param}.functionCall", ledger))
    if get(part, "functionResponse") is not None:
        given = get(part, "functionResponse")
        turn.results.append(_result(given, f"{param}.functionResponse", ledger))


def _call(value: Any, param: str, ledger: Ledger) -> Json:
    source = an_object(value, param)
    name = a_name(source.get("name"), f"{param}.name")
    args = an_object(source.get("args"), f"{param}.args")
    function = {"name": name, "arguments": to_json(args, f"{param}.args")}
    return {"id": ledger.call(name, source.get("id")), "type": "function", "function": function}


def _result(value: Any, param: str, ledger: Ledger) -> Json:
    source = an_object(value, param)
    if source.get("parts"):
        unsupported(f"{param}.parts")
    answered = ledger.answer(source.get("name"), source.get("id"))
    if answered is None:
        refuse(param, "the answer to a functionCall before it, by id or by name")
    response = an_object(source.get("response"), f"{param}.response")
    text = result_of(response, f"{param}.response")
    return {"role": "tool", "tool_call_id": answered, "content": text}


def _user(turn: _Turn) -> list[Json]:
    if not turn.content:
        return []
    if len(turn.content) == 1 and turn.content[0]["type"] == "text":
        return [{"role": "user", "content": turn.content[0]["text"]}]
    return [{"role": "user", "content": turn.content}]


def _assistant(turn: _Turn, param: str) -> list[Json]:
    if turn.results:
        refuse(f"{param}.role", "user, where there is a functionResponse")
    if any(part["type"] != "text" for part in turn.content):
        unsupported(f"{param}.parts")
    text = "".join(part["text"] for part in turn.content)
    message: Json = {"role": "assistant", "content": text or None}
    if thoughts := "".join(turn.thoughts):
        message["reasoning_content"] = thoughts
    if turn.calls:
        message["tool_calls"] = turn.calls
    return [message] if text or turn.calls else []
