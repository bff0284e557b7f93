"""Reading JSON of any shape: every function here is total, and refusals name the field."""

import re
import secrets
from collections.abc import Callable
from typing import Any, NoReturn

import orjson

from gateway.relay.errors import RelayError

Json = dict[str, Any]
# Makes the unique part of an id; passed in, so that tests can foresee it.
NewId = Callable[[], str]

_DATA_URL = re.compile(r"data:([^;,]*)(?:;[^,]*?)?;base64,", re.I)
MAX_TOKENS = 2**30


def fresh_id() -> str:
    """Return 24 random characters that are safe in any id."""
    return secrets.token_hex(12)


def obj(value: Any) -> Json:
    """Return an object, empty where there is none."""
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> list[Json]:
    """Return the objects of a list, leaving out what is none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: Any) -> str:
    """Return a string, empty where there is none."""
    return value if isinstance(value, str) else ""


def spoken(value: Any) -> str:
    """Return the text of a chat content: a string, or the texts of its parts."""
    if isinstance(value, list):
        return "".join(text(part.get("text")) for part in objects(value))
    return text(value)


def refuse(param: str, wanted: str) -> NoReturn:
    """Raise the RelayError 400 which says what a field must be."""
    raise RelayError("invalid_value", f"`{param}` must be {wanted}.", param=param)


def cannot(param: str, what: str) -> NoReturn:
    """Raise the RelayError 400 for what the model's own API does not offer."""
    raise RelayError("invalid_value", f"`{param}`: this model is not offered {what}.", param=param)


def a_list(value: Any, param: str) -> list[Any]:
    """Return a list, empty for null. Raises RelayError 400 for anything else."""
    if value is None:
        return []
    if not isinstance(value, list):
        refuse(param, "a list")
    return value


def an_object(value: Any, param: str) -> Json:
    """Return an object. Raises RelayError 400 for anything else."""
    if not isinstance(value, dict):
        refuse(param, "an object")
    return value


def a_string(value: Any, param: str) -> str:
    """Return a non-empty string. Raises RelayError 400 for anything else."""
    if not isinstance(value, str) or not value:
        refuse(param, "a non-empty string")
    return value


def a_number(value: Any, param: str) -> float | int | None:
    """Return a number or None. Raises RelayError 400 for anything else."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        refuse(param, "a number")
    return value


def a_limit(value: Any, param: str) -> int | None:
    """Return a count of tokens or None. Raises RelayError 400 for anything else."""
    if value is None:
        return None
    if type(value) is not int or not 0 <= value <= MAX_TOKENS:
        refuse(param, f"a whole number from 0 to {MAX_TOKENS}")
    return value


def a_boolean(value: Any, param: str) -> bool:
    """Return true or false; null is false. Raises RelayError 400 for anything else."""
    if value is not None and not isinstance(value, bool):
        refuse(param, "true or false")
    return bool(value)


def data_url(url: str) -> tuple[str, str] | None:
    """Split a base64 data URL into its media type and its data; None when it is none."""
    found = _DATA_URL.match(url)
    return (found.group(1).lower(), url[found.end() :]) if found else None


def encode(value: Any, refusal: RelayError) -> str:
    """Return a value as JSON text. Raises `refusal` where it is nested too deeply for that."""
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        raise refusal from None


def decode_object(arguments: Any) -> Json:
    """Return a tool call's arguments as the object that Anthropic wants.

    Models do write arguments that are no JSON object; those are kept as they are, as text.
    """
    if isinstance(arguments, dict):
        return arguments
    written = text(arguments)
    if not written.strip():
        return {}
    try:
        parsed = orjson.loads(written)
        orjson.dumps(parsed)  # what is nested too deeply for that stays text, too
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        parsed = None
    return parsed if isinstance(parsed, dict) else {"raw_arguments": written}
