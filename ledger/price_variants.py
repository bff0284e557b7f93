"""Prices by what is made: an image of one size and quality costs more than another.

Owns the choice among a row's variants. Promises that the entry that says more wins: size and
quality before size alone, size alone before quality alone, any of them before the row's own price.
Where size or quality is not known yet, the dearest price that may apply stands for all of them, so
that credit held for it suffices.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

FIELDS = ("size", "quality")


class Variant(NamedTuple):
    """What was asked for, or made; None for what is not known yet."""

    size: str | None
    quality: str | None

    @property
    def label(self) -> str:
        """Return its name in the factors of a charge, such as "hd 1024x1792"."""
        return f"{self.quality or 'auto'} {self.size or 'auto'}"

    @classmethod
    def named(cls, label: str) -> "Variant":
        """Read a label again."""
        quality, _, size = label.partition(" ")
        return cls(*(None if name in ("", "auto") else name for name in (size, quality)))


def prices_for(row: Mapping[str, Any], wanted: Variant) -> Mapping[str, Any]:
    """Return the entry of a row's variants that prices what is wanted, or {} for the row's own."""
    asked = dict(zip(FIELDS, wanted, strict=True))
    entries = [entry for entry in row["variants"] if _may_apply(entry, asked)]
    if None not in wanted:
        return max(entries, key=_says, default={})
    return max([{}, *entries], key=lambda entry: Decimal({**row, **entry}.get("images", "0")))


def _may_apply(entry: Mapping[str, Any], asked: Mapping[str, str | None]) -> bool:
    return all(entry.get(name) in (None, value) or value is None for name, value in asked.items())


def _says(entry: Mapping[str, Any]) -> int:
    """Rank an entry by what it names: the size counts for more than the quality."""
    return 2 * ("size" in entry) + ("quality" in entry)
