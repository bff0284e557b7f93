"""Checking one writer's events beside each other: numbers, links, order, and what seals say.

Owns where a chain stands while it is read. Promises that an event that was changed, removed,
inserted or moved is named where it happened. Refuses to mend anything.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Self

from ledger.archived import Archives
from ledger.events import GENESIS, Document, chain_hash
from ledger.merkle import Tree
from ledger.public import public_digest
from ledger.report import Report


@dataclass(slots=True)
class Mark:
    """Where a writer's chain stands: the last event that was read, and the leaves since a seal."""

    seq: int = 0
    hash: str = GENESIS
    ts: int = 0
    epoch: int = 0
    tree: Tree = field(default_factory=Tree)
    whole: bool = True  # no leaf since the last seal is in an archive

    def to_json(self) -> Document:
        """Return the mark as a JSON object."""
        return {
            "seq": self.seq,
            "hash": self.hash,
            "ts": self.ts,
            "epoch": self.epoch,
            "tree": self.tree.to_json(),
            "whole": self.whole,
        }

    @classmethod
    def from_json(cls, data: Document) -> Self:
        """Read what `to_json` wrote."""
        tree = Tree.from_json(data["tree"])
        numbers = int(data["ts"]), int(data["epoch"])
        return cls(int(data["seq"]), data["hash"], *numbers, tree, bool(data["whole"]))


@dataclass(frozen=True, slots=True)
class Bound:
    """Up to where a seal binds a writer's events."""

    number: int
    seq: int
    hash: str
    root: str | None


class ChainCheck:
    """Walks one writer's chain and compares each event with the one before.

    `bounds` holds what seals say, in their order, and is filled while the chain is read;
    `sealed_to` is the last number that any seal binds.
    """

    def __init__(
        self,
        writer: int,
        report: Report,
        mark: Mark | None = None,
        *,
        archives: Archives | None = None,
        sealed_to: int = 0,
    ) -> None:
        self.writer = writer
        self.mark = mark or Mark()
        self.bounds: deque[Bound] = deque()
        self.sealed_to = sealed_to
        self._report = report
        self._archives = archives or Archives()

    @property
    def needs_bounds(self) -> bool:
        """True while what comes next may be bound by a seal that is not in `bounds`."""
        return not self.bounds and self.mark.seq < self.sealed_to

    def check(self, event: Document) -> None:
        """Note every way in which `event` is not what must come next."""
        mark, add = self.mark, self._report.add
        subject, seq = event["_id"], event["seq"]
        where = f"number {seq} of writer {self.writer}"
        if seq > mark.seq + 1:
            self._check_gap(mark.seq + 1, seq - 1)
        elif seq <= mark.seq:
            add("event inserted", subject, f"{where} is there twice")
        if event["prev"] != mark.hash and seq == mark.seq + 1:
            add("chain broken", subject, f"{where} does not follow the event before it")
        if chain_hash(event["prev"], event) != event["hash"]:
            add("event changed", subject, f"{where} does not match its own hash")
        if event["ts"] <= mark.ts or event["epoch"] < mark.epoch:
            add("order changed", subject, f"{where} is recorded as earlier than the one before it")
        mark.seq, mark.hash = int(seq), event["hash"]
        mark.ts, mark.epoch = int(event["ts"]), int(event["epoch"])
        self._report.unsealed += seq > self.sealed_to
        self._check_bound(event)

    def _check_gap(self, first: int, last: int) -> None:
        if self._archives.explain(self.writer, first, last):
            self.mark.whole = False
            return
        gap = f"{first}" + (f" to {last}" if last > first else "")
        self._report.add("event missing", f"writer {self.writer}", f"no event has number {gap}")

    def _check_bound(self, event: Document) -> None:
        mark = self.mark
        while self.bounds and self.bounds[0].seq < mark.seq:
            self._pass(self.bounds.popleft(), None)
        mark.tree.add(public_digest(event))
        if self.bounds and self.bounds[0].seq == mark.seq:
            self._pass(self.bounds.popleft(), event["hash"])

    def _pass(self, bound: Bound, event_hash: str | None) -> None:
        """Compare what was read with what a seal says; `event_hash` None: its end is not there."""
        subject = f"seal {bound.number}"
        said = f"the events of writer {self.writer} up to number {bound.seq}"
        if event_hash is None:
            if not self._archives.at(self.writer, bound.seq):
                self._report.add("seal broken", subject, f"{said}: the last is not there")
        elif event_hash != bound.hash:
            self._report.add("seal broken", subject, f"{said} are not those that were sealed")
        elif self.mark.whole and self.mark.tree.root() != bound.root:
            self._report.add("seal broken", subject, f"{said} do not have the sealed root")
        self.mark.tree, self.mark.whole = Tree(), True

    def end(self) -> None:
        """Note what seals bind and was not there to be read."""
        if self.mark.seq < self.sealed_to and not self._archives.explain(
            self.writer, self.mark.seq + 1, self.sealed_to
        ):
            self._report.add(
                "event missing",
                f"writer {self.writer}",
                f"its last event is {self.mark.seq}, but seals bind {self.sealed_to}",
            )
