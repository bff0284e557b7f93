"""Views: what is kept up to date from the events.

Owns the shape of a view (which documents an event touches, how they change) and the view
`accounts`. Promises nothing by itself: ledger/projector.py applies a view to its documents, each
event exactly once. Refuses to write.

A view document says in `applied.<writer>` which event of that writer was the last one put into it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from ledger.accounts import Sums, effects
from ledger.events import Document


class Delta(Protocol):
    """What a run of one writer's events does to one document."""

    first: int
    last: int


class Known(Protocol):
    """What is remembered of a document between two updates."""

    @property
    def seq(self) -> int:
        """The number of the writer's last event that is in the document, or 0."""


D = TypeVar("D", bound=Delta)

K = TypeVar("K", bound=Known)


class Folding(Protocol[D]):
    """Sums in the making, over a run of one writer's events."""

    def add(self, events: Iterable[Document]) -> None:
        """Fold more events, which follow those before."""

    def deltas(self) -> dict[str, D]:
        """Return what the run does to each document, by id."""


@dataclass(frozen=True, slots=True)
class View(Generic[D, K]):
    """One projection, as data.

    `fold` begins sums over a run of a writer's events. `fields` names what must be read of a
    document (None: all of it) so that `known` can tell what to remember of it (None: it is not
    there yet). `change` gives the conditions beside the writer's mark, the update, and what to
    remember once it was made. Catching up writes after `chunk` events; `gather` waiting events are
    enough not to wait any longer; no more than `remember` documents are remembered. A flush is
    followed by a pause of at least `share` times what it took.
    """

    name: str
    collection: str
    fold: Callable[[int], Folding[D]]
    fields: Callable[[int], Document | None]
    known: Callable[[Document | None, int], K]
    change: Callable[[K, D, int], tuple[Document, Document, K]]
    chunk: int
    gather: int
    remember: int
    share: float = 0

    def position_id(self, slot: int) -> str:
        """Name the document that holds a writer's watermark: all up to its `seq` is projected."""
        return f"{self.name}:{slot}"


AnyView = View[Any, Any]


@dataclass(slots=True)
class AccountDelta:
    """Sums of one account over a run of events."""

    first: int
    last: int
    sums: Sums


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a writer's events are in an account."""

    seq: int


class AccountFolding:
    """Folds events into sums per account."""

    def __init__(self, slot: int) -> None:
        self._writer = str(slot)
        self._deltas: dict[str, AccountDelta] = {}

    def add(self, events: Iterable[Document]) -> None:
        """Fold the effects of events."""
        writer, deltas = self._writer, self._deltas
        for event in events:
            seq = int(event["seq"])
            for effect in effects(event):
                delta = deltas.get(effect.account)
                if delta is None:
                    delta = deltas[effect.account] = AccountDelta(seq, seq, Sums())
                delta.sums.add(effect, writer, seq)
                delta.last = seq

    def deltas(self) -> dict[str, AccountDelta]:
        """Return the sums by account."""
        return self._deltas


def _fields(slot: int) -> Document:
    return {f"applied.{slot}": 1}


def _mark(document: Document | None, slot: int) -> Mark:
    return Mark(applied(document, slot))


def _change(known: Mark, delta: AccountDelta, slot: int) -> tuple[Document, Document, Mark]:
    writer = str(slot)
    increments = dict(delta.sums.columns)
    consumed = delta.sums.consumed_by.get(writer, 0)
    if consumed:
        increments["consumed"] = consumed
        increments[f"consumed_by.{writer}"] = consumed
    return {}, {"$inc": increments} if increments else {}, Mark(delta.last)


def applied(document: Document | None, slot: int) -> int:
    """Return the last event of a writer that is in a document."""
    return int(document.get("applied", {}).get(str(slot), 0)) if document else 0


ACCOUNTS: View[AccountDelta, Mark] = View(
    name="accounts",
    collection="accounts",
    fold=AccountFolding,
    fields=_fields,
    known=_mark,
    change=_change,
    chunk=10_000,
    gather=1_000_000_000,
    remember=200_000,
    share=10,
)
