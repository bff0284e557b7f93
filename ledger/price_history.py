"""Since when prices are what they are.

Owns the reading of versions by model: which version gave a model the row it has, and what each
version that touched it made of it. Refuses nothing.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from ledger.price_rows import Row


def since(bodies: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return by model the version that set its row last; `bodies` are in the order of effect."""
    found: dict[str, int] = {}
    for body in bodies:
        found |= {row["model"]: body["version"] for row in body.get("set") or ()}
        for model in body.get("unset") or ():
            found.pop(model, None)
    return found


def of_model(bodies: Iterable[Mapping[str, Any]], model: str) -> list[tuple[int, Row | None]]:
    """Return the versions that touched a model, as given: their numbers and rows, None for no row
    any more."""
    found: list[tuple[int, Row | None]] = []
    for body in bodies:
        rows = [row for row in body.get("set") or () if row["model"] == model]
        if rows or model in (body.get("unset") or ()):
            found.append((body["version"], rows[0] if rows else None))
    return found
