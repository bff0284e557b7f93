"""Carrying reversals out.

Owns the walk over an approved cohort. Promises that it can stop anywhere and go on later, in this
process or another, and end with the same events and the same counts: each page is written down with
its place, each event's id and content follow from the charge and the reversal, and what another
reversal took back meanwhile is skipped and counted. Two who run one reversal at once do no harm; a
lease keeps that rare. Refuses nothing but what was not approved.
"""

import asyncio
import logging
import uuid
from contextlib import aclosing, suppress

from ledger.books import Books
from ledger.clawback import claw_back
from ledger.cohort import charges, reversal_id, reversals_of
from ledger.errors import KeyReused, LedgerError
from ledger.events import Document, Draft, Receipt
from ledger.reversal_errors import NotEnoughLeft, ReversalError
from ledger.reversals import APPROVED, COLLECTION, DONE, REJECTED, get, note

LEASE_US = 60 * 1_000_000
# So many charges are given back before the answer; more of them behind it.
AT_ONCE = 250

log = logging.getLogger("tollgate.ledger")


async def run(books: Books, reversal: str, stopping: asyncio.Event | None = None) -> Document:
    """Carry an approved reversal out from where it stands, and return it.

    Stops after a page once `stopping` is set. Returns at once when it is done or another process is
    at it. Raises BooksUnavailable and StoreError (it can be run again later), NotEnoughLeft.
    """
    runner = uuid.uuid4().hex
    document = await _claim(books, reversal, runner)
    if document is None:
        return await get(books.store, reversal)
    try:
        if document["approver"] is not None:
            await note(books, document, APPROVED, document["approver"])
        if "event" in document["target"]:
            document = await _run_single(books, document)
        else:
            document = await _run_cohort(books, document, stopping or asyncio.Event())
        if document is not None:
            return await _end(books, document)
        await _free(books, reversal, runner)
        return await get(books.store, reversal)
    except BaseException:
        with suppress(LedgerError):
            await _free(books, reversal, runner)
        raise


async def resume(books: Books, stopping: asyncio.Event | None = None) -> int:
    """Go on with the reversals that no process is at; return how many there were."""
    now_us = await books.store.server_now_us()
    left = {"state": APPROVED, "lease_us": {"$lt": now_us}}
    found = await books.store.find_list(COLLECTION, left, projection={"_id": 1})
    for document in found:
        try:
            await run(books, document["_id"], stopping)
        except NotEnoughLeft as error:
            log.warning("reversal %s: %s", document["_id"], error)
    return len(found)


class Runner:
    """Carries reversals out in this process: small ones at once, others beside its other work."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._stopping = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def advance(self, document: Document) -> Document:
        """Carry an approved reversal out, or begin to; returns it as it is then.

        Raises as `run` for small ones.
        """
        if document["state"] != APPROVED:
            return document
        if document["numbers"]["count"] <= AT_ONCE:
            return await run(self._books, document["_id"], self._stopping)
        task = asyncio.create_task(self._run(document["_id"]), name="ledger reversal")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return document

    async def close(self) -> None:
        """Stop after the pages that are under way; what is left is gone on with later."""
        self._stopping.set()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _run(self, reversal: str) -> None:
        try:
            await run(self._books, reversal, self._stopping)
        except LedgerError as error:
            log.warning("reversal %s stopped, to go on later: %s", reversal, error)


def draft_of(charge: Document, document: Document) -> Draft:
    """Return the event that gives a charge back."""
    body = charge["body"]
    said = {
        "charge": charge["_id"],
        "reason": document["reason"],
        "key": body["key"],
        "channel": body["channel"],
        "group": body["group"],
        "model": body["model"],
        "hold_accounts": body["hold"]["accounts"],
        "lots": body.get("lots") or [],
        "price_version": body["price"]["version"],
        "charged_us": charge["at"],
        "reversal": document["_id"],
        "approver": document["approver"],
    }
    return Draft(
        reversal_id(charge["_id"]),
        "usage.reversed",
        charge["account"],
        -charge["amount"],
        document["proposer"],
        said,
    )


async def _claim(books: Books, reversal: str, runner: str) -> Document | None:
    now_us = await books.store.server_now_us()
    free = {"_id": reversal, "state": APPROVED, "lease_us": {"$lt": now_us}}
    mine = {"$set": {"runner": runner, "lease_us": now_us + LEASE_US}}
    return await books.store.find_one_and_update(COLLECTION, free, mine)


async def _free(books: Books, reversal: str, runner: str) -> None:
    """Let others go on with a reversal that this run leaves."""
    mine = {"_id": reversal, "runner": runner}
    await books.store.update_one(COLLECTION, mine, {"$set": {"lease_us": 0}})


async def _run_cohort(books: Books, document: Document, stopping: asyncio.Event) -> Document | None:
    """Reverse page by page; None when that is not the end of it for this process."""
    chosen, upto = document["target"]["filter"], document["heads"]
    after = document["after"]
    place = None if after is None else (int(after[0]), str(after[1]))
    pages = charges(books.store, chosen, upto, after=place)
    current: Document | None = document
    async with aclosing(pages):
        async for page in pages:
            count, nano = await _reverse_page(books, document, page)
            last = [page[-1]["ts"], page[-1]["_id"]]
            current = await _advance(books, document, last, count, nano, len(page) - count)
            if current is None or stopping.is_set():
                return None
    return current


async def _reverse_page(books: Books, document: Document, page: list[Document]) -> tuple[int, int]:
    """Reverse what of a page is not reversed yet; return how many are this reversal's, and sum."""
    known = await reversals_of(books.store, page)
    missing = [charge for charge in page if charge["_id"] not in known]
    results = await asyncio.gather(
        *(books.append(draft_of(charge, document)) for charge in missing), return_exceptions=True
    )
    ours = {
        charge_id
        for charge_id, event in known.items()
        if event["body"].get("reversal") == document["_id"]
    }
    for charge, result in zip(missing, results, strict=True):
        if isinstance(result, Receipt):
            ours.add(charge["_id"])
        elif not isinstance(result, KeyReused):
            raise result
    return len(ours), sum(-charge["amount"] for charge in page if charge["_id"] in ours)


async def _advance(
    books: Books,
    document: Document,
    last: list[object],
    count: int,
    nano: int,
    skipped: int,
) -> Document | None:
    """Write down that a page is done, and renew the lease; None when it was lost."""
    now_us = await books.store.server_now_us()
    mine = {"_id": document["_id"], "state": APPROVED, "runner": document["runner"]}
    change = {
        "$set": {"after": last, "lease_us": now_us + LEASE_US},
        "$inc": {"done.count": count, "done.total_nano": nano, "done.skipped": skipped},
    }
    return await books.store.find_one_and_update(COLLECTION, mine, change)


async def _run_single(books: Books, document: Document) -> Document | None:
    event = await books.store.find_one("events", {"_id": document["target"]["event"]})
    if event is None:
        raise ReversalError(f"{document['target']['event']} is gone; restore it from its archive")
    if event["type"] == "recharge.credited":
        try:
            count, nano = await claw_back(books, document, event)
        except NotEnoughLeft as error:
            await _give_up(books, document, str(error))
            raise
    else:
        count, nano = await _reverse_page(books, document, [event])
    last = [event["ts"], event["_id"]]
    # Written as totals, not added: what is run again must not count twice.
    return await _advance(
        books,
        document,
        last,
        count - document["done"]["count"],
        nano - document["done"]["total_nano"],
        1 - count - document["done"]["skipped"],
    )


async def _give_up(books: Books, document: Document, why: str) -> None:
    """Put away what can't be carried out, so that it isn't tried again and again."""
    mine = {"_id": document["_id"], "runner": document["runner"]}
    await books.store.update_one(COLLECTION, mine, {"$set": {"state": REJECTED, "note": why}})


async def _end(books: Books, document: Document) -> Document:
    await note(books, document, DONE, document["proposer"])
    await books.settled()
    now_us = await books.store.server_now_us()
    mine = {"_id": document["_id"], "runner": document["runner"]}
    ended = {"state": DONE, "ended_us": now_us, "lease_us": 0}
    done = await books.store.find_one_and_update(COLLECTION, mine, {"$set": ended})
    return done if done is not None else await get(books.store, document["_id"])
