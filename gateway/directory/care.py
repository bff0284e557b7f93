"""What is known of how channels do: last test, balance, upstream's models; and rounds over them.

Of each channel there is one record, of each kind of round one document with its progress. A round
is claimed by a compare-and-set, so that only one of its kind runs in the whole cluster; one whose
process died is taken over when it has shown no progress for STALE_S.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.directory.errors import NotNow
from ledger.errors import Duplicate
from ledger.store import Store

RECORDS, ROUNDS = "channel_care", "channel_rounds"
#: Longer than anything that a round does between two signs of life.
STALE_S = 300

#: The parts of a record, each written whole with the time `at_s` of the look that found it.
TESTED, BALANCE, MODELS = "test", "balance", "models"

Document = dict[str, Any]


@dataclass(slots=True)
class Claim:
    """A round that this process runs. `number` tells it apart from all others of its kind."""

    kind: str
    number: int


class RoundRuns(NotNow):
    """A round of this kind runs already."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"a round of {kind} is running; look at its progress, or wait for its end")


class CareRecords:
    """Reads and writes of these documents. Raises StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def note(self, channel_id: int, part: str, found: Mapping[str, Any]) -> bool:
        """Keep one part of a channel's record, unless a later look did so first.

        `found` has the time of the look, `at_s`, in unix seconds.
        """
        at = f"{part}.at_s"
        guard = {"_id": channel_id, "$or": [{at: {"$lte": found["at_s"]}}, {at: None}]}
        change = {"$set": {part: dict(found)}}
        try:
            return bool(await self._store.update_one(RECORDS, guard, change, upsert=True))
        except Duplicate:  # there is one, and it is newer
            return False

    async def get(self, channel_id: int) -> Document:
        """Return a channel's record, empty when nothing was looked at yet."""
        return await self._store.find_one(RECORDS, {"_id": channel_id}) or {"_id": channel_id}

    async def get_many(self, channel_ids: list[int]) -> dict[int, Document]:
        """Return the records that there are."""
        found = await self._store.find_ids(RECORDS, channel_ids)
        return {int(doc["_id"]): doc for doc in found}

    # -- rounds ---------------------------------------------------------------------------------

    async def claim(self, kind: str, by: str, scope: str, total: int) -> Claim:
        """Begin a round. Raises RoundRuns while one of its kind runs anywhere."""
        now_us = await self._store.server_now_us()
        found = await self._store.find_one(ROUNDS, {"_id": kind})
        number = int(found["number"]) + 1 if found else 1
        fresh = {
            "number": number,
            "by": by,
            "scope": scope,
            "total": total,
            "done": 0,
            "began_s": now_us // 1_000_000,
            "ended_s": 0,
            "beat_us": now_us,
            "found": {},
        }
        if found is None:
            try:
                await self._store.insert_one(ROUNDS, {"_id": kind, **fresh})
            except Duplicate:
                raise RoundRuns(kind) from None
            return Claim(kind, number)
        runs = not found["ended_s"] and found["beat_us"] > now_us - STALE_S * 1_000_000
        expected = {"_id": kind, "number": found["number"], "beat_us": found["beat_us"]}
        if runs or not await self._store.update_one(ROUNDS, expected, {"$set": fresh}):
            raise RoundRuns(kind)
        return Claim(kind, number)

    async def progress(
        self, claim: Claim, done: int, found: Mapping[str, Any], *, ended: bool = False
    ) -> bool:
        """Write down how far a round is; False when it was taken over and must stop."""
        now_us = await self._store.server_now_us()
        change = {"done": done, "found": dict(found), "beat_us": now_us}
        if ended:
            change["ended_s"] = now_us // 1_000_000
        mine = {"_id": claim.kind, "number": claim.number, "ended_s": 0}
        return bool(await self._store.update_one(ROUNDS, mine, {"$set": change}))

    async def rounds(self) -> dict[str, Document]:
        """Return the newest round of each kind, running or ended, by kind."""
        return {doc["_id"]: doc for doc in await self._store.find_list(ROUNDS, {})}
