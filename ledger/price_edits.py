"""Price tables with edits that nobody published.

Owns the form in which somebody writes edits down, in a file or in a request: rows, models without a
price, group ratios, and One API's ratios for some models. Promises the same checks as a publication
and exact decimals: a file is read as text, not as floats. Refuses unknown fields.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ledger.errors import InvalidPrices
from ledger.price_changes import checked_groups, checked_rows
from ledger.price_rows import decimal_text, price_text
from ledger.price_table import PriceTable
from ledger.prices import Changes
from ledger.ratios import READERS, WRITERS

FIELDS = ("set", "unset", "groups", "unset_groups", "model_ratio", "completion_ratio")
_RATIOS = {"model_ratio": "ModelRatio", "completion_ratio": "CompletionRatio"}
_COUNTS = ("max_output_tokens", "above_input_tokens")


class _Tried:
    """A table in the place of a book."""

    def __init__(self, table: PriceTable) -> None:
        self._table = table

    def table(self) -> PriceTable:
        """Return the table."""
        return self._table

    def groups(self) -> dict[str, str]:
        """Return its group ratios."""
        return dict(self._table.groups)


def edited(base: PriceTable, edits: Mapping[str, Any]) -> PriceTable:
    """Return a table with edits: ratios first, then rows and groups. Raises InvalidPrices.

    `edits` has any of FIELDS: `set` is a list of rows, `unset` and `unset_groups` are lists of
    names, the others map names to decimals. What they don't name stays as it is.
    """
    unknown = [name for name in edits if name not in FIELDS]
    if unknown:
        raise InvalidPrices(f"unknown field {unknown[0]!r:.40}; there are {', '.join(FIELDS)}")
    table = base
    for name, option in _RATIOS.items():
        table = _with_ratios(table, option, _mapping(edits, name))
    return _changed(
        table,
        Changes(
            set_rows=_list(edits, "set"),
            unset=_list(edits, "unset"),
            groups=list(_mapping(edits, "groups").items()),
            unset_groups=_list(edits, "unset_groups"),
        ),
    )


def read_edits(path: Path) -> dict[str, Any]:
    """Read edits from a YAML or JSON file, every number as it is written there.

    Raises InvalidPrices when it can't be read.
    """
    try:
        # The base loader leaves every scalar as text, so that no price becomes a float.
        read = yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InvalidPrices(f"{path.name}: {error}") from None
    if not isinstance(read, dict):
        raise InvalidPrices(f"{path.name}: needs fields such as set: or groups:")
    rows = read.get("set")
    if isinstance(rows, list):
        read["set"] = [_with_counts(row) for row in rows]
    return read


def _with_counts(row: Any) -> Any:
    if not isinstance(row, dict):
        return row
    counted = {
        name: int(value)
        if name in _COUNTS and isinstance(value, str) and value.isascii() and value.isdigit()
        else value
        for name, value in row.items()
    }
    if isinstance(row.get("tiers"), list):
        counted["tiers"] = [_with_counts(tier) for tier in row["tiers"]]
    return counted


def _with_ratios(table: PriceTable, option: str, ratios: Mapping[str, Any]) -> PriceTable:
    if not ratios:
        return table
    tried = _Tried(table)
    written = {name: price_text(value, f"{option} {name}") for name, value in ratios.items()}
    kept = READERS[option](tried) if option == "ModelRatio" else {}
    whole = {**{name: decimal_text(value) for name, value in kept.items()}, **written}
    return _changed(table, WRITERS[option](tried, _json(whole)))


def _json(ratios: Mapping[str, str]) -> str:
    """Write ratios as the option's text, whose numbers are exact decimals."""
    return "{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in ratios.items()) + "}"


def _changed(base: PriceTable, changes: Changes) -> PriceTable:
    unset, unset_groups = changes.get("unset", ()), changes.get("unset_groups", ())
    body = {
        "set": checked_rows(changes.get("set_rows", ()), unset),
        "unset": unset,
        "groups": checked_groups(changes.get("groups") or (), unset_groups),
        "unset_groups": unset_groups,
    }
    return base.changed(base.version, body)


def _list(edits: Mapping[str, Any], name: str) -> list[Any]:
    value = edits.get(name) or []
    if not isinstance(value, list):
        raise InvalidPrices(f"{name}: a list is needed")
    return value


def _mapping(edits: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = edits.get(name) or {}
    if not isinstance(value, Mapping):
        raise InvalidPrices(f"{name}: a name and a decimal a line is needed, as in `vip: 0.8`")
    return value
