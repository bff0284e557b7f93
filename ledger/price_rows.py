"""Rows of the price book: their one canonical form.

Owns what a row may say: a model, prices as decimal strings (USD per million tokens or characters,
USD per call, image or second), optional tiers by length of the input context, optional variants by
an image's size and quality, and the model's output ceiling. Promises that equal prices have equal
rows: no exponents, no trailing zeros, fields in one order. Refuses, naming the entry: negative, too
large, too fine or non-decimal prices, floats, empty names, unknown fields, rows without any price.
"""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from ledger.errors import InvalidPrices
from ledger.price_variants import FIELDS
from ledger.quote import PLENTY, USAGE_CLASSES

Row = dict[str, Any]

MAX_PRICE = 10**6
MAX_DECIMALS = 12
MAX_NAME = 200
MAX_TIERS = 16
MAX_VARIANTS = 100

_PLAIN = re.compile(r"[0-9]{1,40}(\.[0-9]{1,40})?", re.ASCII)
_LABEL = re.compile(r"[a-z0-9][a-z0-9._:*-]{0,39}", re.ASCII)
_FIELDS = frozenset(("model", "tiers", "variants", "max_output_tokens", "source", *USAGE_CLASSES))
_TIER_FIELDS = frozenset(("above_input_tokens", *USAGE_CLASSES))
_VARIANT_FIELDS = frozenset((*FIELDS, *USAGE_CLASSES))


def decimal_text(value: Decimal) -> str:
    """Write a finite decimal without exponent and without trailing zeros."""
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def price_text(value: object, entry: str) -> str:
    """Return a price or ratio in canonical form. Raises InvalidPrices naming the entry.

    Accepts decimal text, Decimal and int; a float is refused, since it is no exact number.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise InvalidPrices(f"{entry}: {str(value)[:40]!r} is not a decimal number")
    if isinstance(value, str):
        if _PLAIN.fullmatch(value) is None:
            raise InvalidPrices(f"{entry}: {value[:40]!r} is not a plain decimal such as 2.5")
        value = Decimal(value)
    elif isinstance(value, int):
        value = Decimal(value)
    if not value.is_finite():
        raise InvalidPrices(f"{entry}: {value} is not a finite number")
    if value < 0:
        raise InvalidPrices(f"{entry}: {str(value)[:40]} is negative")
    if value > MAX_PRICE:
        raise InvalidPrices(f"{entry}: {str(value)[:40]} is larger than {MAX_PRICE:,}")
    # Checked before writing it out: 1e-999999999 would be a gigabyte of zeros.
    if value and value.adjusted() < -MAX_DECIMALS:
        raise InvalidPrices(f"{entry}: {str(value)[:40]} has more than {MAX_DECIMALS} decimals")
    text = decimal_text(value) if value else "0"
    if len(text.partition(".")[2]) > MAX_DECIMALS:
        raise InvalidPrices(f"{entry}: {text[:40]} has more than {MAX_DECIMALS} decimals")
    return text


def checked_name(name: object, what: str) -> str:
    """Return a model or group name. Raises InvalidPrices unless it is short printable text."""
    if not isinstance(name, str) or not name or name != name.strip():
        raise InvalidPrices(f"{name!r:.60} is not the name of a {what}")
    if len(name) > MAX_NAME or not name.isprintable():
        raise InvalidPrices(f"{name!r:.60}… is too long or holds control characters")
    return name


def checked_row(row: Mapping[str, Any]) -> Row:
    """Return a row in canonical form.

    Output without a price of its own is given the input price (One API's default completion ratio
    of 1), so that the row says so itself. Raises InvalidPrices naming the model and the field.
    """
    if not isinstance(row, Mapping):
        raise InvalidPrices(f"{row!r:.60} is not a price row")
    model = checked_name(row.get("model"), "model")
    _refuse_unknown(row, _FIELDS, model)
    prices = _prices(row, model)
    if not prices:
        raise InvalidPrices(f"{model}: a row needs at least one price")
    if "input" in prices and "output" not in prices:
        prices["output"] = prices["input"]
    checked: Row = {"model": model, **_in_order(prices)}
    if row.get("tiers"):
        checked["tiers"] = _tiers(row["tiers"], model)
    if row.get("variants"):
        checked["variants"] = _variants(row["variants"], model)
    if row.get("max_output_tokens") is not None:
        checked["max_output_tokens"] = _count(
            row["max_output_tokens"], f"{model}.max_output_tokens"
        )
    if row.get("source"):
        checked["source"] = str(row["source"])[:MAX_NAME]
    return checked


def same_prices(one: Row, other: Row) -> bool:
    """Tell whether two canonical rows charge the same; where they come from does not matter."""
    return {**one, "source": None} == {**other, "source": None}


def prices_of(row: Mapping[str, Any]) -> dict[str, str]:
    """Return only the prices of a row, a tier or a variant, by class."""
    return {name: row[name] for name in USAGE_CLASSES if name in row}


def _prices(row: Mapping[str, Any], entry: str) -> dict[str, str]:
    return {
        name: price_text(row[name], f"{entry}.{name}")
        for name in USAGE_CLASSES
        if row.get(name) is not None
    }


def _in_order(prices: Mapping[str, str]) -> dict[str, str]:
    return {name: prices[name] for name in USAGE_CLASSES if name in prices}


def _tiers(tiers: object, model: str) -> list[Row]:
    if not isinstance(tiers, list) or len(tiers) > MAX_TIERS:
        raise InvalidPrices(f"{model}.tiers: a list of at most {MAX_TIERS} tiers is needed")
    checked: list[Row] = []
    for position, tier in enumerate(tiers):
        entry = f"{model}.tiers[{position}]"
        if not isinstance(tier, Mapping):
            raise InvalidPrices(f"{entry}: {tier!r:.60} is not a tier")
        _refuse_unknown(tier, _TIER_FIELDS, entry)
        above = _count(tier.get("above_input_tokens"), f"{entry}.above_input_tokens")
        prices = _prices(tier, entry)
        if not prices:
            raise InvalidPrices(f"{entry}: a tier needs at least one price")
        if checked and above <= checked[-1]["above_input_tokens"]:
            raise InvalidPrices(f"{entry}: tiers go up by above_input_tokens")
        checked.append({"above_input_tokens": above, **prices})
    return checked


def _variants(variants: object, model: str) -> list[Row]:
    if not isinstance(variants, list) or len(variants) > MAX_VARIANTS:
        raise InvalidPrices(f"{model}.variants: a list of at most {MAX_VARIANTS} is needed")
    checked: dict[tuple[str, ...], Row] = {}
    for position, variant in enumerate(variants):
        entry = f"{model}.variants[{position}]"
        if not isinstance(variant, Mapping):
            raise InvalidPrices(f"{entry}: {variant!r:.60} is not a variant")
        _refuse_unknown(variant, _VARIANT_FIELDS, entry)
        names = {n: _label(variant[n], f"{entry}.{n}") for n in FIELDS if variant.get(n)}
        prices = _prices(variant, entry)
        if not names or not prices:
            raise InvalidPrices(f"{entry}: a variant needs a size or a quality, and a price")
        key = tuple(names.get(name, "") for name in FIELDS)
        if key in checked:
            raise InvalidPrices(f"{entry}: there is a second entry for {' '.join(names.values())}")
        checked[key] = {**names, **prices}
    return [checked[key] for key in sorted(checked)]


def _label(value: object, entry: str) -> str:
    label = value.strip().lower() if isinstance(value, str) else ""
    if _LABEL.fullmatch(label) is None or label == "auto":
        raise InvalidPrices(f"{entry}: {value!r:.40} is no size or quality such as 1024x1024 or hd")
    return label


def _count(value: object, entry: str) -> int:
    if type(value) is not int or not 0 < value <= PLENTY:
        raise InvalidPrices(f"{entry}: {value!r:.40} is not a number of tokens")
    return value


def _refuse_unknown(row: Mapping[str, Any], known: Iterable[str], entry: str) -> None:
    unknown = [name for name in row if name not in known]
    if unknown:
        raise InvalidPrices(f"{entry}: unknown field {unknown[0]!r:.40}")
