"""Tool calls and their results, and the ids that Gemini may leave out."""

import hashlib
from typing import Any

from gateway.dialects.gemini.fields import Json, from_json, refuse, to_json, writable
from gateway.relay.errors import RelayError

# Gemini 3 wants its signature back with a call. Where a conversation has none, because another
# model made the call or the client dropped it, this value is what Google's documents say to send.
NO_SIGNATURE = "skip_thought_signature_validator"
# What Gemini's documents call the field of a result that is no object; Google's clients say result.
_PLAIN_RESULT = ("output", "result")


class Ledger:
    """The calls of one conversation: gives those without an id one, and finds what is answered."""

    def __init__(self) -> None:
        self._used: set[str] = set()
        self._open: list[tuple[str, str, str]] = []

    def call(self, name: str, given: Any) -> str:
        """Return the id of a call: the given one where it is new, else one by order."""
        own = given if isinstance(given, str) else ""
        made, number = own, len(self._used)
        while not made or made in self._used:
            made, number = f"call_{number}", number + 1
        self._used.add(made)
        self._open.append((own, name, made))
        return made

    def answer(self, name: Any, given: Any) -> str | None:
        """Return the id of the call that a result answers: by id, else the first of that name."""
        by_id = (entry for entry in self._open if entry[0] and entry[0] == given)
        by_name = (entry for entry in self._open if entry[1] == name)
        found = next(by_id, None) or next(by_name, None)
        if found is None:
            return None
        self._open.remove(found)
        return found[2]


def made_id(answer_id: str, name: str, arguments: str, ordinal: int) -> str:
    """Return an id for a call that came without one: the same each time, unlike all others."""
    whole = "\0".join((answer_id, name, arguments, str(ordinal)))
    return "call_" + hashlib.sha256(whole.encode("utf-8", "replace")).hexdigest()[:24]


def arguments_of(text: Any, param: str) -> Json:
    """Return a call's arguments as Gemini's object. What a model wrote wrongly is kept as text."""
    if text is None or text == "":
        return {}
    if isinstance(text, dict):
        writable(text, param)
        return text
    if not isinstance(text, str):
        refuse(param, "JSON text")
    found = _object_in(text)
    return {"arguments": text} if found is None else found


def response_of(text: str) -> Json:
    """Return a tool's result as Gemini's object."""
    found = _object_in(text)
    return {"output": text} if found is None else found


def _object_in(text: str) -> Json | None:
    """Return the object that a text is; None for other texts, and for one nested too deeply."""
    found = from_json(text)
    if not isinstance(found, dict):
        return None
    try:
        writable(found, "")
    except RelayError:
        return None
    return found


def result_of(response: Json, param: str) -> str:
    """Return a functionResponse's object as the text of a tool message."""
    if len(response) == 1:
        ((name, value),) = response.items()
        if name in _PLAIN_RESULT and isinstance(value, str):
            return value
    return to_json(response, param)
