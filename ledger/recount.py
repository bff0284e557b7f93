"""Counting charges again.

Owns an arithmetic for checkers that shares nothing with the one that charges (ledger/quote.py) but
the tables of classes and of fallbacks, which are part of the meaning of recorded factors: decimal
texts become whole numbers of digits over one power of ten, and the sum is rounded up once. Promises
exact results, and speed by remembering the factors that repeat. Refuses what is no charge.
"""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from ledger.errors import InvalidEvent
from ledger.quote import FALLBACK, UNIT_CLASSES, USAGE_CLASSES

MOST_REMEMBERED = 10_000
_PLAIN = re.compile(r"([0-9]{1,40})(?:\.([0-9]{1,40}))?", re.ASCII)

#: Nano-dollars times a power of ten for one of each class, and that power of ten.
Prices = tuple[dict[str, int], int]


class Recount:
    """Counts charges again from what their events say."""

    def __init__(self) -> None:
        self._known: dict[bytes, Prices] = {}

    def charge_nano(self, factors: Mapping[str, Any], usage: Mapping[str, int]) -> int:
        """Return what these factors and this usage give, in nano-dollars, rounded up once.

        Raises InvalidEvent when they are not such as an event holds.
        """
        try:
            key = orjson.dumps((factors["group_ratio"], factors["rates"]))
            prices, power = self._known.get(key) or self._learn(key, factors)
            total = 0
            for name, count in usage.items():
                if not isinstance(count, int) or isinstance(count, bool):
                    raise InvalidEvent(f"usage has {count!r} of the class {name!r}")
                if count > 0:
                    total += count * prices[name]
                elif name not in prices:
                    raise KeyError(name)
        except KeyError as error:
            raise InvalidEvent(f"there is no field or class {error}") from None
        except (TypeError, AttributeError, orjson.JSONEncodeError) as error:
            raise InvalidEvent(f"the price factors can't be read: {error!r}") from None
        return -(-total // power)

    def _learn(self, key: bytes, factors: Mapping[str, Any]) -> Prices:
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
        found = self._known[key] = _prices(factors)
        return found


def _prices(factors: Mapping[str, Any]) -> Prices:
    ratio, ratio_places = _digits(factors["group_ratio"])
    rates = factors["rates"]
    digits = {name: _digits(_rate_text(rates, name)) for name in USAGE_CLASSES}
    most = max(places for _, places in digits.values())
    prices = {}
    for name, (number, places) in digits.items():
        # A rate is USD for a million of most classes, and for one of the others.
        per_one = 10**6 if name in UNIT_CLASSES else 1
        prices[name] = number * 10 ** (most - places) * ratio * 10**9 * per_one
    return prices, 10 ** (most + ratio_places + 6)


def _rate_text(rates: Mapping[str, Any], name: str) -> Any:
    return rates.get(name) or (_rate_text(rates, FALLBACK[name]) if name in FALLBACK else "0")


def _digits(text: object) -> tuple[int, int]:
    """Read plain decimal text as a whole number and how many of its digits are decimals."""
    found = _PLAIN.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise InvalidEvent(f"{text!r:.60} is not a plain decimal")
    whole, decimals = found.group(1), found.group(2) or ""
    return int(whole + decimals), len(decimals)
