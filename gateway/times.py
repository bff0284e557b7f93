"""Times as people write them, as integer microseconds since the epoch."""

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = (_EPOCH - _EPOCH).resolution
_LIMIT_S = 253_402_300_800


def parse_time_us(text: str) -> int:
    """Read RFC 3339 (UTC when it names no offset) or unix seconds as microseconds since 1970.

    Raises ValueError, in words for a person, for anything else.
    """
    try:
        seconds = Decimal(text)
    except InvalidOperation:
        return _from_date(text)
    if not seconds.is_finite() or not 0 <= seconds < _LIMIT_S:
        raise ValueError(f"{text!r} is not a time between 1970 and 9999")
    return int(seconds * 1_000_000)


def _from_date(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is not a time; say 2026-01-31T12:00:00Z, 2026-01-31 or unix seconds"
        ) from None
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // _MICROSECOND
