"""Walks: from the heads of one seal to those of the next.

Owns the way over the events that a seal adds. Promises that a head is reached only over events that
join, each to the one before it by number and by hash, and that none is read twice which somebody
else reads anyway: the audit shows what it reads. Refuses to go on behind a gap or a broken link.
"""

import logging
from collections.abc import Sequence

from ledger.chains import numbered
from ledger.events import GENESIS, Document
from ledger.merkle import Tree
from ledger.public import public_digest
from ledger.seal_body import TYPE, Head, Seal
from ledger.store import Store

PAGE = 250
#: The most events of one writer under one root: bounds the time to seal and to make a receipt.
MOST = 50_000

log = logging.getLogger("tollgate.ledger")


class Walk:
    """One writer's way from its last head. `fresh` tells whether there was anything but seals."""

    __slots__ = ("_first_seq", "_hash", "_seq", "_tree", "_writer", "fresh")

    def __init__(self, writer: int, before: Head | None) -> None:
        self._writer = writer
        self._seq, self._hash = (before.seq, before.hash) if before else (0, GENESIS)
        self._first_seq = self._seq + 1
        self._tree = Tree()
        self.fresh = False

    def take(self, events: Sequence[Document]) -> bool:
        """Go on over events in their order, the first of which may lie behind; False when one does
        not join, or is none: somebody may have planted it."""
        for event in events:
            if event["seq"] <= self._seq:
                continue
            if self._tree.size >= MOST:
                return True
            try:
                if event["seq"] != self._seq + 1 or event["prev"] != self._hash:
                    return False
                digest, hash, is_seal = public_digest(event), event["hash"], event["type"] == TYPE
            except (KeyError, TypeError):  # a part is missing, or is nothing that JSON can say
                return False
            self._tree.add(digest)
            self._seq, self._hash = int(event["seq"]), hash
            self.fresh |= not is_seal
        return True

    async def finish(self, store: Store) -> None:
        """Read what is left, up to what is recorded by now."""
        end = self._first_seq - 1 + MOST
        while self._seq < end:
            page = await numbered(store, self._writer, self._seq, min(self._seq + PAGE, end))
            if not page:
                return
            if not self.take(page):
                said = "writer %d is not sealed behind number %d: what follows does not join"
                log.error(said, self._writer, self._seq)
                return

    def head(self) -> Head | None:
        """Return where the walk is; None for a writer without events."""
        if not self._seq:
            return None
        return Head(self._writer, self._seq, self._hash, self._first_seq, self._tree.root())


class Walks:
    """The ways of all writers from one seal, or from the beginning of the books."""

    def __init__(self, last: Seal | None) -> None:
        self.number = last.number if last else 0
        self._sealed = last.heads if last else {}
        self._walks: dict[int, Walk] = {}

    def take(self, writer: int, events: Sequence[Document]) -> None:
        """Be shown events of a writer, in their order. Those that do not join are left alone: they
        may be from farther on, where another reader stands."""
        self._of(writer).take(events)

    async def finish(self, store: Store) -> tuple[list[Head], bool]:
        """Return where all writers stand, and whether anything but seals is new since the seal."""
        slots = {int(d["_id"]) for d in await store.find_list("writers", {}, projection={"_id": 1})}
        walks = [self._of(writer) for writer in sorted(slots | self._sealed.keys())]
        for walk in walks:
            await walk.finish(store)
        heads = [head for walk in walks if (head := walk.head()) is not None]
        return heads, any(walk.fresh for walk in walks)

    def _of(self, writer: int) -> Walk:
        walk = self._walks.get(writer)
        if walk is None:
            walk = self._walks[writer] = Walk(writer, self._sealed.get(writer))
        return walk
