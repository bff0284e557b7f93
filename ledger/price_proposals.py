"""What the packaged prices of the installed version propose for the price book.

Owns the comparison of the table in force with the seed (price_seed.py), and the publication of what
somebody chose of it. Promises that nothing is published by itself, that a row that an operator set
is never touched, and that a model whose price an operator withdrew is not proposed again. Refuses
to adopt what has changed since it was looked at.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ledger.errors import InvalidPrices
from ledger.price_diff import Pair, field_changes
from ledger.price_rows import Row, same_prices
from ledger.prices import PriceBook, Recorder
from ledger.writers import SYSTEM_ACTOR

#: How the note of a version begins that adopted proposals: its rows are the package's, not an
#: operator's.
ADOPTED = "Adopted: "


@dataclass(frozen=True, slots=True)
class Change:
    """A row of the package whose prices are others now; `fields` are those that differ."""

    before: Row
    after: Row
    fields: dict[str, Pair]


@dataclass(frozen=True, slots=True)
class Proposals:
    """What the packaged prices have that the table of `version` has not, and the other way round.

    `kept` are models with an operator's row that differs from the package's, `withdrawn` those
    whose price an operator took away, `gone` those that the package no longer has: of these three
    nothing is proposed. `dismissed` are those that somebody put away (price_waiting.py).
    """

    version: int
    source: str
    added: list[Row]
    changed: list[Change]
    kept: list[str]
    withdrawn: list[str]
    gone: list[str]
    dismissed: list[str] = field(default_factory=list)

    @property
    def rows(self) -> dict[str, Row]:
        """The proposed rows, by model."""
        rows = [*self.added, *(change.after for change in self.changed)]
        return {row["model"]: row for row in rows}

    @property
    def before(self) -> dict[str, Row | None]:
        """The rows in whose place they would come, None where there is none."""
        found: dict[str, Row | None] = {row["model"]: None for row in self.added}
        return found | {change.before["model"]: change.before for change in self.changed}

    def to_json(self) -> dict[str, Any]:
        """Return them in their outside form. Lists: names may hold dots and dollars."""
        return {
            "version": self.version,
            "source": self.source,
            "added": self.added,
            "changed": [
                {
                    "model": change.after["model"],
                    "before": change.before,
                    "after": change.after,
                    "fields": [
                        {"field": name, "before": before, "after": after}
                        for name, (before, after) in change.fields.items()
                    ],
                }
                for change in self.changed
            ],
            "kept": self.kept,
            "withdrawn": self.withdrawn,
            "gone": self.gone,
            "dismissed": self.dismissed,
        }


def propose(book: PriceBook, seed: Sequence[Row], source: str) -> Proposals:
    """Compare the table in force with the packaged rows; `source` says where these are from."""
    table, packaged = book.table(), _packaged(book)
    withdrawn = _withdrawn(book)
    found = Proposals(table.version, source, [], [], [], [], [])
    for row in seed:
        model, now = row["model"], table.rows.get(row["model"])
        if now is None:
            if model in withdrawn:
                found.withdrawn.append(model)
            else:
                found.added.append(row)
        elif same_prices(row, now):
            continue
        elif _key(now) in packaged:
            found.changed.append(Change(now, row, field_changes(now, row)))
        else:
            found.kept.append(model)
    names = {row["model"] for row in seed}
    found.gone.extend(
        model
        for model, row in sorted(table.rows.items())
        if model not in names and _key(row) in packaged
    )
    return found


async def adopt(
    book: PriceBook,
    books: Recorder,
    proposals: Proposals,
    models: Collection[str] | None,
    *,
    author: str,
    note: str,
) -> int:
    """Publish the proposed rows of some models, None for all; return the version's number.

    Raises InvalidPrices for a model of which nothing is proposed, for none at all, and when a row
    was changed since; otherwise as `PriceBook.publish`.
    """
    rows, before = proposals.rows, proposals.before
    chosen = sorted(rows if models is None else set(models))
    unknown = [model for model in chosen if model not in rows]
    if unknown:
        raise InvalidPrices(f"{unknown[0]}: nothing is proposed for this model")
    if not chosen:
        raise InvalidPrices("nothing is proposed")
    return await book.publish(
        books,
        author=author,
        note=f"{ADOPTED}{note or proposals.source}",
        set_rows=[rows[model] for model in chosen],
        expected={model: before[model] for model in chosen},
    )


def _packaged(book: PriceBook) -> set[str]:
    """Return all rows that were ever published as the package has them."""
    return {
        _key(row)
        for body in book.versions()
        if body["author"] == SYSTEM_ACTOR or body["note"].startswith(ADOPTED)
        for row in body.get("set") or ()
    }


def _key(row: Mapping[str, Any]) -> str:
    return repr(sorted(row.items()))


def _withdrawn(book: PriceBook) -> set[str]:
    """Return the models that some version took the price from."""
    return {model for body in book.versions() for model in body.get("unset") or ()}
