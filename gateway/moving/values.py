"""Single values of another system's rows, whose types depend on its database."""

from typing import Any

from gateway.directory.checks import INT63_MAX

#: Of the year 9999: no calendar goes further.
LAST_SECOND = 253_402_300_799


def whole(value: Any, otherwise: int = 0) -> int:
    """Return a whole number; what is none, or does not fit, is `otherwise`."""
    number = whole_or_none(value)
    return otherwise if number is None else number


def whole_or_none(value: Any) -> int | None:
    """Return a whole number, None for what is none or does not fit into 64 bits."""
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if abs(number) <= INT63_MAX else None


def text(value: Any) -> str:
    """Return text, "" for NULL."""
    if value is None:
        return ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def yes(value: Any) -> bool:
    """Return a switch: SQLite and MySQL keep numbers, PostgreSQL booleans."""
    if isinstance(value, str):
        return value.strip().lower() in ("1", "t", "true")
    return bool(whole(value)) if not isinstance(value, bytes) else value not in (b"", b"\0", b"0")


def seconds(value: Any) -> int:
    """Return unix seconds: what is stored as such, or what a driver makes of a date."""
    stamp = getattr(value, "timestamp", None)
    try:
        return int(stamp()) if callable(stamp) else whole(value)
    except (ValueError, OverflowError, OSError):
        return 0
