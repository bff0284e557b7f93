"""Checks of the options of payments: rates of currencies, secrets, amounts, ways to pay."""

import json
import re
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any

from gateway.directory import checks
from ledger.money import parse_usd

MOST_RATES = 200
SHORTEST_SECRET = 16
CURRENCY = re.compile(r"[A-Z][A-Z0-9]{2,9}", re.ASCII)
RATE = re.compile(r"\d{1,9}(?:\.\d{1,18})?", re.ASCII)
_METHOD = re.compile(r"[A-Za-z0-9_]{1,30}", re.ASCII)
_WORD = checks.text(500, spaces=False)


def rates(value: Any) -> str:
    """A JSON object of decimals in text, such as {"CNY": "0.14"}: USD for one of the currency.

    Stored as JSON text. Numbers are refused: JSON's are binary fractions to most programs.
    """
    stored: str = checks.json_object(16_384)(value)
    table = json.loads(stored)
    if len(table) > MOST_RATES:
        raise ValueError(f"must have at most {MOST_RATES} currencies")
    for currency, rate in table.items():
        if CURRENCY.fullmatch(currency) is None:
            raise ValueError(f"{currency[:20]!r} is not a currency such as CNY")
        if not isinstance(rate, str) or RATE.fullmatch(rate) is None or not Fraction(rate):
            raise ValueError(f'{currency}: must be a positive decimal in text, such as "0.14"')
    return stored


@lru_cache(maxsize=8)
def read_rates(stored: str) -> Mapping[str, str]:
    """Read what `rates` stored."""
    table: dict[str, str] = json.loads(stored or "{}")
    return table


def secret(value: Any) -> str:
    """A secret that signs: nothing, or long enough that nobody tries them all."""
    word: str = _WORD(value)
    if word and len(word) < SHORTEST_SECRET:
        raise ValueError(f"must have at least {SHORTEST_SECRET} characters")
    return word


def amount_usd(value: Any) -> str:
    """An amount in USD that is not negative, as exact decimal text."""
    word: str = _WORD(value)
    if parse_usd(word) < 0:
        raise ValueError("must not be negative")
    return word


def currency(value: Any) -> str:
    """A currency by its letters, such as USD."""
    word: str = _WORD(value)
    if CURRENCY.fullmatch(word) is None:
        raise ValueError("must be a currency such as USD")
    return word


def methods(value: Any) -> str:
    """Names of ways to pay as EPay has them, such as alipay,wxpay; stored with commas between."""
    kept = checks.names(30, most=20)(value)
    for name in kept:
        if _METHOD.fullmatch(name) is None:
            raise ValueError(f"{name!r} is not a way to pay such as alipay")
    return ",".join(kept)
