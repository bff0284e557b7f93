"""Times as clients write them: RFC 3339 with an offset, or unix seconds."""

import re
from datetime import UTC, datetime, timedelta

US_PER_S = 1_000_000
#: The last microsecond of the year 9999; later times are typing errors.
MAX_US = 253_402_300_799_999_999

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS = re.compile(r"(\d{1,12})(?:\.(\d{1,6}))?", re.ASCII)


def parse_us(value: str | int) -> int:
    """Read a time as microseconds since the epoch. Raises ValueError in words for a person."""
    text = str(value).strip()
    match = _SECONDS.fullmatch(text)
    if match is not None:
        us = int(match.group(1)) * US_PER_S + int((match.group(2) or "").ljust(6, "0"))
    else:
        us = _parse_rfc3339(text)
    if not 0 <= us <= MAX_US:
        raise ValueError(f"{text[:40]!r} is out of range")
    return us


def _parse_rfc3339(text: str) -> int:
    complaint = f"{text[:40]!r} is neither unix seconds nor RFC 3339 such as 2025-01-31T00:00:00Z"
    try:
        # A plus sign in a query string arrives as a space.
        moment = datetime.fromisoformat(re.sub(r" (\d\d:\d\d)$", r"+\1", text))
    except ValueError:
        raise ValueError(complaint) from None
    if moment.tzinfo is None or "T" not in text.upper():
        raise ValueError(complaint)
    return (moment - _EPOCH) // timedelta(microseconds=1)


def seconds(us: int) -> int:
    """Turn microseconds into the whole unix seconds of One API's fields."""
    return us // US_PER_S


def utc_day(us: int) -> str:
    """Name the UTC day that a time falls into, as 2025-01-31."""
    return (_EPOCH + timedelta(microseconds=us)).strftime("%Y-%m-%d")
