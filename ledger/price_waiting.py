"""Proposed prices that wait for somebody's word, and those that somebody does not want.

Of each proposed row there is one small document: since when it is known, and who dismissed it. A
row is told apart by what it charges, so that a proposal is new once, and one that was dismissed
comes again only with other prices. No price is here: what is proposed is computed anew each time
(price_proposals.py), and only `adopt` publishes.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from ledger.errors import InvalidPrices
from ledger.price_proposals import Proposals
from ledger.price_rows import Row
from ledger.store import Store

COLLECTION = "price_proposals"


@dataclass(frozen=True, slots=True)
class Noted:
    """What came of noting proposals: models of which one is new, and how many wait in all."""

    new: list[str]
    waiting: int


async def note(store: Store, proposals: Proposals, now_s: int) -> Noted:
    """Keep what is proposed, and forget what no longer is. Raises StoreError.

    `proposals` are all of them, the dismissed ones too. Harmless when two processes do it at once.
    """
    known = {doc["_id"]: doc for doc in await store.find_list(COLLECTION, {})}
    marks = {model: _mark(row) for model, row in proposals.rows.items()}
    new = [m for m, mark in marks.items() if m not in known or known[m]["mark"] != mark]
    await store.bulk_update(
        COLLECTION,
        [
            ({"_id": m}, {"$set": {"mark": marks[m], "found_s": now_s, "dismissed_by": ""}}, True)
            for m in new
        ],
    )
    await forget(store, [model for model in known if model not in marks])
    old = [m for m in marks if m in known and m not in new and not known[m]["dismissed_by"]]
    return Noted(new, len(new) + len(old))


async def count(store: Store) -> int:
    """Return how many wait, as last noted. Raises StoreError."""
    return await store.count(COLLECTION, {"dismissed_by": ""})


async def wanted(store: Store, proposals: Proposals) -> Proposals:
    """Return the proposals without those that somebody dismissed as they are, which are named.

    Raises StoreError.
    """
    documents = await store.find_list(COLLECTION, {"dismissed_by": {"$gt": ""}})
    marks, rows = {doc["_id"]: doc["mark"] for doc in documents}, proposals.rows
    away = {model for model, row in rows.items() if marks.get(model) == _mark(row)}
    return replace(
        proposals,
        added=[row for row in proposals.added if row["model"] not in away],
        changed=[each for each in proposals.changed if each.after["model"] not in away],
        dismissed=sorted(away),
    )


async def dismiss(
    store: Store, proposals: Proposals, models: Collection[str], by: str, now_s: int
) -> int:
    """Put proposals away until their prices are others; return how many.

    Raises InvalidPrices for a model of which nothing is proposed, StoreError.
    """
    rows, chosen = proposals.rows, sorted(set(models))
    unknown = [model for model in chosen if model not in rows]
    if unknown:
        raise InvalidPrices(f"{unknown[0]}: nothing is proposed for this model")
    if not chosen:
        raise InvalidPrices("nothing is proposed")
    updates: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
        (
            {"_id": model},
            {
                "$set": {"mark": _mark(rows[model]), "dismissed_by": by, "dismissed_s": now_s},
                "$setOnInsert": {"found_s": now_s},
            },
            True,
        )
        for model in chosen
    ]
    await store.bulk_update(COLLECTION, updates)
    return len(chosen)


async def forget(store: Store, models: Collection[str]) -> None:
    """Say that nothing is proposed for models any more. Raises StoreError."""
    await store.delete_many(COLLECTION, {"_id": {"$in": sorted(models)}})


def _mark(row: Row) -> str:
    """Return what a row is told apart by: all of it but where it is from."""
    told = repr(sorted((name, value) for name, value in row.items() if name != "source"))
    return hashlib.sha256(told.encode()).hexdigest()
