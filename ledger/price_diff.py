"""How two price tables differ.

Owns the comparison of tables row by row and field by field. Promises that equal prices are no
difference, wherever they come from. Refuses nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ledger.price_rows import Row
from ledger.price_table import PriceTable

Pair = tuple[Any, Any]
_NOT_PRICES = ("model", "source")


@dataclass(frozen=True, slots=True)
class TableDiff:
    """What the second of two tables has that the first has not, and the other way round.

    `changed` holds, by model and field, the values before and after; `groups` by name the ratios
    before and after, None where the group had no ratio of its own.
    """

    added: list[Row]
    removed: list[Row]
    changed: dict[str, dict[str, Pair]]
    groups: dict[str, Pair]

    @property
    def is_empty(self) -> bool:
        """Tell whether both tables charge the same."""
        return not (self.added or self.removed or self.changed or self.groups)

    def to_json(self) -> dict[str, Any]:
        """Return the difference in its outside form. Lists: names may hold dots and dollars."""
        return {
            "added": self.added,
            "removed": self.removed,
            "changed": [
                {"model": model, "fields": _written(fields)}
                for model, fields in self.changed.items()
            ],
            "groups": [
                {"group": name, "before": before, "after": after}
                for name, (before, after) in self.groups.items()
            ],
        }

    def lines(self) -> Iterator[str]:
        """Yield the difference for a person to read, a line for each value."""
        for sign, rows in (("+", self.added), ("-", self.removed)):
            for row in rows:
                prices = {name: value for name, value in row.items() if name not in _NOT_PRICES}
                told = ", ".join(f"{name} {value}" for name, value in prices.items())
                yield f"{sign} {row['model']}: {told}"
        for model, fields in self.changed.items():
            for name, (before, after) in fields.items():
                yield f"  {model}: {name} {_or_none(before)} -> {_or_none(after)}"
        for name, (before, after) in self.groups.items():
            yield f"  group {name}: {_or_none(before)} -> {_or_none(after)}"


def diff(before: PriceTable, after: PriceTable) -> TableDiff:
    """Compare two tables; models and groups come in the order of their names."""
    one, other = before.rows, after.rows
    both = sorted(set(one) & set(other))
    fields = {model: field_changes(one[model], other[model]) for model in both}
    names = sorted(set(before.groups) | set(after.groups))
    ratios = {name: (before.groups.get(name), after.groups.get(name)) for name in names}
    return TableDiff(
        added=[other[model] for model in sorted(set(other) - set(one))],
        removed=[one[model] for model in sorted(set(one) - set(other))],
        changed={model: differing for model, differing in fields.items() if differing},
        groups={name: pair for name, pair in ratios.items() if pair[0] != pair[1]},
    )


def field_changes(one: Row, other: Row) -> dict[str, Pair]:
    """Return the prices of two rows that differ, by field, None where there is none."""
    names = [name for name in {**one, **other} if name not in _NOT_PRICES]
    pairs = {name: (one.get(name), other.get(name)) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _written(fields: dict[str, Pair]) -> list[dict[str, Any]]:
    return [
        {"field": name, "before": before, "after": after}
        for name, (before, after) in fields.items()
    ]


def _or_none(value: object) -> str:
    return "none" if value is None else str(value)
