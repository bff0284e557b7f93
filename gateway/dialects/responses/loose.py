"""Reading JSON of unknown shape: what is not of the wanted type counts as absent, or is refused."""

from typing import Any, NoReturn

import orjson

from gateway.relay.errors import RelayError

Json = dict[str, Any]


def refuse(field: str, says: str) -> NoReturn:
    """Raise the 400 that names a field."""
    raise RelayError("invalid_value", f"`{field}` {says}.", param=field)


def mapping(value: Any) -> Json:
    """Return an object, or an empty one."""
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> list[Json]:
    """Return the objects in a list; none of what is no list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def text(value: Any) -> str:
    """Return a string, or an empty one."""
    return value if isinstance(value, str) else ""


def first_text(source: Json, *names: str) -> str:
    """Return the first of the named fields that is a non-empty string."""
    return next((found for found in (text(source.get(name)) for name in names) if found), "")


def needed_text(source: Json, name: str, at: str) -> str:
    """Return a string that must be there. Raises RelayError 400 naming the field."""
    value = source.get(name)
    if not isinstance(value, str) or not value:
        refuse(f"{at}.{name}" if at else name, "must be a non-empty string")
    return value


def arguments(value: Any) -> str:
    """Return a call's arguments as JSON text; some vendors send them parsed."""
    if isinstance(value, str):
        return value
    return (_json(value) or b"").decode() if isinstance(value, dict) else ""


def _json(value: Any) -> bytes | None:
    """Write JSON; None for what is nested deeper than can be written."""
    try:
        return bytes(orjson.dumps(value))
    except orjson.JSONEncodeError:
        return None


def writable(made: Json, body: Json) -> Json:
    """Return what was made of a body, if it can be sent and repeated in an answer.

    Raises RelayError 400 naming the field that is nested too deeply.
    """
    if _json([[[[made]]]]) is None:
        deep = (name for name, value in body.items() if _json([[[[[[value]]]]]]) is None)
        refuse(next(deep, "body"), "is nested too deeply")
    return made


def json_text(body: Json, name: str) -> str:
    """Return a field as JSON text. Raises RelayError 400 if it is nested too deeply."""
    written = _json(body[name])
    if written is None:
        refuse(name, "is nested too deeply")
    return written.decode()


def whole(value: Any) -> int | None:
    """Return a whole number, or None; true and false are none."""
    return value if type(value) is int else None


def short(source: Json, *names: str) -> Json:
    """Return the named fields that are there and not null."""
    return {name: source[name] for name in names if source.get(name) is not None}
