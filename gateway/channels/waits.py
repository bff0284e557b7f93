"""How long an upstream asks to be left alone, in seconds, wherever it says so."""

import math
import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

# Longer waits are cut to this: no answer of an upstream keeps a channel away for days.
LONGEST_S = 3_600.0

_NUMBER = re.compile(r"\d{1,15}(\.\d{1,9})?", re.ASCII)
# Azure OpenAI and OpenAI send milliseconds beside the header of RFC 9110, and mean the same.
_MILLISECONDS = ("retry-after-ms", "x-ms-retry-after-ms")


def wait_of(headers: Mapping[str, str], parsed: Any, now_s: float) -> float | None:
    """Return how long to wait, 0 to LONGEST_S, or None where nothing (sensible) is said.

    `headers` have lower-case names, `parsed` is the error's body, `now_s` unix time.
    """
    for name in _MILLISECONDS:
        found = _number(headers.get(name))
        if found is not None:
            return min(found / 1_000, LONGEST_S)
    said = headers.get("retry-after")
    found = _number(said)
    if found is None and said:
        found = _until(said, now_s)
    if found is None:
        found = _of_google(parsed)
    return None if found is None else min(found, LONGEST_S)


def _number(text: Any) -> float | None:
    return float(text) if isinstance(text, str) and _NUMBER.fullmatch(text.strip()) else None


def _until(text: str, now_s: float) -> float | None:
    """Read an HTTP date; one that has passed means now."""
    try:
        date = parsedate_to_datetime(text)
        left_s = date.replace(tzinfo=date.tzinfo or UTC).timestamp() - now_s
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return max(0.0, left_s) if math.isfinite(left_s) else None


def _of_google(parsed: Any) -> float | None:
    """Google sends no header but a detail, google.rpc.RetryInfo: {"retryDelay": "34.07s"}."""
    if isinstance(parsed, list):
        parsed = parsed[0] if parsed else None
    error = parsed.get("error") if isinstance(parsed, dict) else None
    details = error.get("details") if isinstance(error, dict) else None
    for detail in details if isinstance(details, list) else ():
        delay = detail.get("retryDelay") if isinstance(detail, dict) else None
        if isinstance(delay, str) and delay.endswith("s"):
            return _number(delay[:-1])
    return None
