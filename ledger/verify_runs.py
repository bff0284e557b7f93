"""Verifications that are started from elsewhere and looked at while they run.

Owns the collection `verifications`: the runs, newest last, with how far each is and what it found.
Promises that one runs at a time, whichever process it is in, that a run can be watched from every
process, and that one whose process died is told as broken off. Refuses to start a second one.
"""

import asyncio
import logging
from contextlib import suppress

from ledger.errors import Duplicate, LedgerError
from ledger.events import Document
from ledger.store import Store
from ledger.verify import verify

COLLECTION = "verifications"
RUNNING, DONE, FAILED, BROKEN = "running", "done", "failed", "broken"
KEPT = 30
BEAT_S = 1.0
#: A run that has not been heard of for so long has lost its process.
SILENT_US = 30 * 1_000_000

log = logging.getLogger("tollgate.ledger")


class VerificationRuns(LedgerError):
    """A verification is under way already."""

    code = "verification_runs"


async def history(store: Store) -> list[Document]:
    """Return the runs that are remembered, newest first."""
    now_us = await store.server_now_us()
    found = await store.find_list(COLLECTION, {}, sort=[("_id", -1)], limit=KEPT)
    return [_as_known(run, now_us) for run in found]


def _as_known(run: Document, now_us: int) -> Document:
    silent = run["state"] == RUNNING and run["beat_us"] < now_us - SILENT_US
    return {**run, "state": BROKEN} if silent else run


class Verifier:
    """Runs verifications in this process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(self, actor: str, *, new: bool = False) -> Document:
        """Start a run beside other work, and return it as it stands.

        `new` checks only what is new since the last check without fault. Raises VerificationRuns
        while one is under way anywhere, StoreError.
        """
        run = await self._claim(actor, new)
        task = asyncio.create_task(self._run(run), name="ledger verification")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return run

    async def close(self) -> None:
        """Break off what runs here."""
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks, timeout=BEAT_S)

    async def _claim(self, actor: str, new: bool) -> Document:
        """Write a run down under the next number; of two who do so at once one is refused."""
        runs = await history(self._store)
        if runs and runs[0]["state"] == RUNNING:
            raise VerificationRuns("a verification is running already; look at its progress")
        now_us = await self._store.server_now_us()
        number = int(runs[0]["_id"]) + 1 if runs else 1
        run: Document = {
            "_id": number,
            "actor": actor,
            "new": new,
            "state": RUNNING,
            "began_us": now_us,
            "beat_us": now_us,
            "ended_us": None,
            "done": 0,
            "total": 0,
            "report": None,
            "error": None,
        }
        try:
            await self._store.insert_one(COLLECTION, run)
        except Duplicate:
            raise VerificationRuns("a verification was just started by somebody else") from None
        await self._store.delete_many(COLLECTION, {"_id": {"$lte": number - KEPT}})
        return run

    async def _run(self, run: Document) -> None:
        place = {"done": 0, "total": 0}

        def progress(done: int, total: int) -> None:
            place.update(done=done, total=total)

        beating = asyncio.create_task(self._beat(run, place))
        ended: Document = {"state": BROKEN}
        try:
            report = await verify(self._store, progress=progress, new=run["new"])
            ended = {"state": DONE, "report": report.to_document()}
        except LedgerError as error:
            log.warning("verification %d failed: %s", run["_id"], error)
            ended = {"state": FAILED, "error": str(error)}
        finally:
            beating.cancel()
            await asyncio.wait([beating])
            with suppress(LedgerError):
                await self._write(run, {**place, **ended, "ended_us": await self._now_us()})

    async def _beat(self, run: Document, place: dict[str, int]) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            with suppress(LedgerError):  # what is missed now is written with the next beat
                await self._write(run, {**place, "beat_us": await self._now_us()})

    async def _now_us(self) -> int:
        return await self._store.server_now_us()

    async def _write(self, run: Document, change: Document) -> None:
        mine = {"_id": run["_id"], "state": RUNNING}
        await self._store.update_one(COLLECTION, mine, {"$set": change})
