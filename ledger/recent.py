"""Recent: the events that rollups may not know yet.

Owns reading behind the watermarks of the rollups. Promises to miss no event that was durable when
it was read. Refuses nothing; the pages say which of these events they have (ledger/totals.py).
"""

import math
from contextlib import aclosing
from typing import Self

from ledger.chains import unbroken
from ledger.events import Document
from ledger.rollups import ROLLUPS
from ledger.store import Store


class Recent:
    """The events behind the watermarks, at one moment: what pages may lack.

    Made once for a request by `read`, before its pages are read, so that its answers agree.
    """

    def __init__(self) -> None:
        self._heads: dict[int, float] = {}
        self.events: list[Document] = []

    @classmethod
    async def read(cls, store: Store) -> Self:
        """Read the watermarks, then what is behind them. A released writer has nothing there."""
        recent = cls()
        slots = await store.find_list("writers", {}, projection={"released": 1})
        wanted = {ROLLUPS.position_id(slot["_id"]): slot for slot in slots}
        found = await store.find_ids("positions", wanted)
        reached = {document["_id"]: int(document["seq"]) for document in found}
        for name, slot in wanted.items():
            if name in reached and slot.get("released"):
                recent._heads[int(slot["_id"])] = math.inf
            else:
                await recent._follow(store, int(slot["_id"]), reached.get(name, 0))
        return recent

    async def _follow(self, store: Store, slot: int, seq: int) -> None:
        async with aclosing(unbroken(store, slot, seq)) as pages:
            async for events in pages:
                self.events += events
                seq = int(events[-1]["seq"])
        self._heads[slot] = seq

    def counted(self, event: Document, mark: int) -> bool:
        """Tell whether an event was in its page (up to `mark`) or is among these."""
        return int(event["seq"]) <= max(mark, self._heads.get(int(event["writer"]), 0))
