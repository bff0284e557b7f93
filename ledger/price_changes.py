"""What a version of the price book changes.

Owns the check of a wanted change and its reduction to what differs from the table it follows on.
Promises that a version records only what it changes. Refuses malformed rows and ratios, and changes
that name one thing twice.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ledger.errors import InvalidPrices
from ledger.price_rows import Row, checked_name, checked_row, price_text, same_prices
from ledger.price_table import PriceTable


def checked_rows(set_rows: Sequence[Mapping[str, Any]], unset: Sequence[str]) -> list[Row]:
    """Return rows in canonical form. Raises InvalidPrices, also for a model named twice."""
    rows = [checked_row(row) for row in set_rows]
    _refuse_repeats([*(row["model"] for row in rows), *(checked_name(m, "model") for m in unset)])
    return rows


def checked_groups(
    groups: Sequence[tuple[str, str]], unset: Sequence[str]
) -> list[tuple[str, str]]:
    """Return ratios in canonical form. Raises InvalidPrices, also for a group named twice."""
    ratios = [(checked_name(name, "group"), price_text(r, f"group {name}")) for name, r in groups]
    _refuse_repeats([*(name for name, _ in ratios), *(checked_name(n, "group") for n in unset)])
    return ratios


def _refuse_repeats(names: Sequence[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InvalidPrices(f"{name}: named twice in one change")
        seen.add(name)


def restoring(base: PriceTable, wanted: PriceTable, version: int) -> dict[str, Any]:
    """Return the changes that turn one table into another, that of `version`; none if it is so."""
    changes = differences(
        base,
        list(wanted.rows.values()),
        [model for model in base.rows if model not in wanted.rows],
        list(wanted.groups.items()),
        [name for name in base.groups if name not in wanted.groups],
    )
    return {**changes, "restores": version} if any(changes.values()) else changes


def differences(
    table: PriceTable,
    rows: Sequence[Row],
    unset: Sequence[str],
    ratios: Sequence[tuple[str, str]],
    unset_groups: Sequence[str],
) -> dict[str, Any]:
    """Return what of a checked change differs from a table, as a version's event holds it."""
    changed_ratios = [[name, r] for name, r in ratios if table.groups.get(name) != r]
    return {
        "set": [
            row
            for row in rows
            if row["model"] not in table.rows or not same_prices(row, table.rows[row["model"]])
        ],
        "unset": [model for model in unset if model in table.rows],
        "groups": changed_ratios or None,
        "unset_groups": [name for name in unset_groups if name in table.groups],
    }
