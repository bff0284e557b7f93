"""Looking over a price book: what it should price and does not, and what it prices oddly.

Models that are offered and have no price cannot be sold. Prices that are a multiple of those that
genai-prices lists are mistakes, or deliberate; conf/price_notes.yaml has the reasons for what is so
deliberately in the shipped prices, and what it names is counted but not complained about.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from marshmallow import Schema, ValidationError, fields, validate

from ledger.errors import InvalidPrices
from ledger.price_rows import Row
from ledger.quote import USAGE_CLASSES

FACTOR = Decimal(3)


class Offer(NamedTuple):
    """A model as a vendor offers it; `type` is the vendor's channel type."""

    type: int
    vendor: str
    model: str


class Odd(NamedTuple):
    """A price that is many times another, per unit of ours in USD, and where that is from."""

    model: str
    name: str
    ours: Decimal
    theirs: Decimal
    source: str


@dataclass(frozen=True, slots=True)
class Notes:
    """By model, why it has no price, and why its price differs."""

    unpriced: Mapping[str, str]
    odd: Mapping[str, str]


def unpriced(offers: Iterable[Offer], rows: Mapping[str, Row]) -> list[Offer]:
    """Return the offers that no row prices, neither for all channel types nor for theirs."""
    return [o for o in offers if o.model not in rows and f"{o.model}({o.type})" not in rows]


def odd(rows: Mapping[str, Row], packaged: Mapping[str, Row], factor: Decimal) -> list[Odd]:
    """Return prices that are more than `factor` times those of the package, or less than that
    part; a price of 0 is so beside any other. Tiers and variants are not compared."""
    found = []
    for model in sorted(rows.keys() & packaged.keys()):
        source = str(packaged[model].get("source", ""))
        for name in USAGE_CLASSES:
            ours, theirs = (row[model].get(name) for row in (rows, packaged))
            if isinstance(ours, str) and isinstance(theirs, str):
                one = Odd(model, name, Decimal(ours), Decimal(theirs), source)
                if max(one.ours, one.theirs) > factor * min(one.ours, one.theirs):
                    found.append(one)
    return found


def read_notes(path: Path) -> Notes:
    """Read the reasons. Raises InvalidPrices naming the file."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        data = _NotesSchema().load(raw)
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise InvalidPrices(f"{path.name}: {error}") from None
    return Notes(_by_model(data["unpriced"], path), _by_model(data["odd"], path))


def _by_model(entries: Iterable[Mapping[str, Any]], path: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in entries:
        for model in entry["models"]:
            if model in found:
                raise InvalidPrices(f"{path.name}: {model} is there twice")
            found[model] = entry["why"]
    return found


class _EntrySchema(Schema):
    why = fields.String(required=True, validate=validate.Length(10, 300))
    models = fields.List(fields.String(), required=True, validate=validate.Length(min=1))


class _NotesSchema(Schema):
    unpriced = fields.List(fields.Nested(_EntrySchema), required=True)
    odd = fields.List(fields.Nested(_EntrySchema), required=True)
