"""Reading fields of Gemini's JSON without trusting their types, and refusing what is wrong.

Google's servers take every field in camelCase and in snake_case; so does everything here.
"""

import math
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, NoReturn

import orjson

from gateway.relay.errors import RelayError

Json = dict[str, Any]

MAX_COUNT = 10**12
# A value that is passed on stands at most so deep in a body.
_LEVELS_AROUND = 24


@cache
def _snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda found: "_" + found.group().lower(), name)


def get(source: Json, name: str) -> Any:
    """Return a field by its camelCase name, however the client spells it; None without one."""
    value = source.get(name)
    return _elsewhere(source, name) if value is None else value


def _elsewhere(source: Json, name: str) -> Any:
    """Return a field by its other spelling; most have none."""
    other = _snake(name)
    return None if other == name else source.get(other)


def refuse(param: str, wanted: str) -> NoReturn:
    """Raise the 400 that names a wrong field."""
    raise RelayError("invalid_value", f"`{param}` must be {wanted}.", param=param)


def unsupported(param: str) -> NoReturn:
    """Raise the 400 for a field that means something which the other protocol cannot say."""
    message = f"`{param}` is not available for this model: its provider has no counterpart."
    raise RelayError("invalid_value", message, param=param)


def an_object(value: Any, param: str) -> Json:
    """Return an object, {} for none. Raises RelayError 400 for anything else."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        refuse(param, "an object")
    return value


def a_list(value: Any, param: str) -> list[Any]:
    """Return a list, [] for none. Raises RelayError 400 for anything else."""
    if value is None:
        return []
    if not isinstance(value, list):
        refuse(param, "a list")
    return value


def a_text(value: Any, param: str) -> str:
    """Return a string, "" for none. Raises RelayError 400 for anything else."""
    if value is None:
        return ""
    if not isinstance(value, str):
        refuse(param, "a string")
    return value


def a_name(value: Any, param: str) -> str:
    """Return a string that is not empty. Raises RelayError 400 for anything else."""
    if not isinstance(value, str) or not value:
        refuse(param, "a non-empty string")
    return value


def a_boolean(value: Any, param: str) -> bool:
    """Return true or false. Raises RelayError 400 for anything else."""
    if not isinstance(value, bool):
        refuse(param, "true or false")
    return value


def a_number(value: Any, param: str) -> int | float:
    """Return a finite number. Raises RelayError 400 for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        refuse(param, "a number")
    if isinstance(value, float) and not math.isfinite(value):
        refuse(param, "a number")
    return value


def a_whole(value: Any, param: str) -> int:
    """Return a whole number; Google's clients write some as 40.0. Raises RelayError 400."""
    number = a_number(value, param)
    if number != int(number) or abs(number) > MAX_COUNT:
        refuse(param, "a whole number")
    return int(number)


def texts(value: Any, param: str) -> list[str]:
    """Return a list of strings. Raises RelayError 400 for anything else."""
    found = a_list(value, param)
    if not all(isinstance(item, str) for item in found):
        refuse(param, "a list of strings")
    return found


def to_json(value: Any, param: str) -> str:
    """Write JSON text. Raises RelayError 400 when it is nested too deeply to be written."""
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        refuse(param, "JSON of moderate depth and with numbers of at most 64 bits")


def writable(value: Any, param: str) -> Any:
    """Return a value that is passed on as it is, sure that it can be written inside a body.

    Raises RelayError 400 when it is nested too deeply.
    """
    inside = value
    for _ in range(_LEVELS_AROUND):
        inside = [inside]
    to_json(inside, param)
    return value


def from_json(text: str) -> Any:
    """Read JSON text; None for what is none."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


# Answers come from upstreams, and what is odd in them is passed over, never refused.


def child(value: Any, name: str) -> Json:
    """Return a field that should be an object; {} when it or its owner is none."""
    if not isinstance(value, dict):
        return {}
    found = get(value, name)
    return found if isinstance(found, dict) else {}


def children(value: Any, name: str) -> list[Json]:
    """Return the objects in a field that should be a list of them."""
    found = get(value, name) if isinstance(value, dict) else None
    if not found or not isinstance(found, list):
        return []
    return [item for item in found if isinstance(item, dict)]


def said(value: Json, *names: str) -> str:
    """Return the first of these fields that is a string with something in it; else ""."""
    for name in names:  # no generator: this is asked several times for each event of a stream
        text = get(value, name)
        if text and isinstance(text, str):
            return text
    return ""


def is_text(part: Json) -> bool:
    """Whether a part is a text and nothing else, as most parts of a stream are."""
    return len(part) == 1 and "text" in part


def count(value: Any) -> int | None:
    """Read a count, MAX_COUNT at most; None for anything that is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        return None
    return int(min(value, MAX_COUNT))


def events(value: Any) -> Iterator[Json]:
    """Yield the answers in an answer: itself, or those of a stream in its JSON array form."""
    for item in value if isinstance(value, list) else (value,):
        if isinstance(item, dict):
            yield item
