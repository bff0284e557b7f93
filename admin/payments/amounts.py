"""Amounts of any currency, exact: as decimal text, as a provider's smallest units, as credit.

Nothing here is a float. The smallest units are as Stripe counts them, by its page "Supported
currencies": a hundredth unless the tables below say otherwise.
"""

import re
from fractions import Fraction

from ledger.money import NANO_PER_USD

AMOUNT = re.compile(r"\d{1,12}(?:\.\d{1,9})?", re.ASCII)
_WHOLE = frozenset("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF".split())
_THOUSANDTHS = frozenset(("BHD", "JOD", "KWD", "OMR", "TND"))
#: Counted in hundredths, of which only whole hundreds can be paid.
_WHOLE_IN_HUNDREDTHS = frozenset(("ISK", "UGX"))


def canonical(text: str) -> str:
    """Return one spelling of a positive amount: 10.50 is 10.5. Raises ValueError."""
    if AMOUNT.fullmatch(text) is None:
        raise ValueError('must be a decimal in text, such as "12.34"')
    whole, _, fraction = text.partition(".")
    kept = fraction.rstrip("0")
    made = f"{int(whole)}.{kept}" if kept else str(int(whole))
    if made == "0":
        raise ValueError("must be more than nothing")
    return made


def amount_for(nano: int, rate: str, currency: str) -> str:
    """Return the least amount that can be paid in a currency and is worth so much credit."""
    exact = Fraction(nano, NANO_PER_USD) / Fraction(rate)
    units = exact * _units_of_one(currency)
    step = _step(currency)
    return _text(-(-units // step) * step, currency)


def to_units(amount: str, currency: str) -> int:
    """Return an amount in the currency's smallest units. Raises ValueError if it is finer."""
    units = Fraction(amount) * _units_of_one(currency)
    if units.denominator != 1 or units.numerator % _step(currency):
        raise ValueError(f"is finer than what can be paid in {currency}")
    return units.numerator


def from_units(units: int, currency: str) -> str:
    """Return an amount that is given in the currency's smallest units."""
    return _text(units, currency)


def with_cents(amount: str) -> str:
    """Return an amount with two decimals always, as EPay writes it."""
    whole, _, cents = amount.partition(".")
    return f"{whole}.{cents:0<2}"


def _text(units: int, currency: str) -> str:
    of_one = _units_of_one(currency)
    places = len(str(of_one)) - 1
    whole, rest = divmod(units, of_one)
    kept = f"{rest:0{places}d}".rstrip("0") if rest else ""
    return f"{whole}.{kept}" if kept else str(whole)


def _units_of_one(currency: str) -> int:
    if currency in _WHOLE:
        return 1
    return 1_000 if currency in _THOUSANDTHS else 100


def _step(currency: str) -> int:
    """How many units the least payable amount has, of which all others are multiples."""
    if currency in _WHOLE_IN_HUNDREDTHS:
        return 100
    return 10 if currency in _THOUSANDTHS else 1
