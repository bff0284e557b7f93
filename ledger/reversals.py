"""Reversals: taking charges and recharges back.

Owns the life of a reversal, a document in `reversals`: proposed, approved (at once below a limit,
else by somebody else than the proposer), run, done; or rejected. Promises that an event is reversed
at most once, whoever asks how often: the id of its reversal is derived from its own. Promises that
what is approved is what was shown: a cohort is fixed by the writers' last numbers at its proposal,
and approval recomputes its digest. Refuses to approve what has changed, telling the new numbers.
Every step is an audit.recorded event as well; ledger/reversal_runs.py carries a reversal out.

    {_id, state, target, reason, force, proposer, proposed_us, heads, numbers, needs_approval,
     approver, decided_us, note, after, done, lease_us, runner, ended_us}

`target` is {"event": id}, of a payment perhaps with {"part": …} (ledger/parts.py), or
{"filter": {…}}; `numbers` is the tally as in ledger/cohort.py; `done`
counts what was carried out so far.
"""

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson

from ledger.books import Books
from ledger.cohort import Tally, checked_filter, heads, reversal_id, reversals_of, tally
from ledger.errors import Duplicate, KeyReused
from ledger.events import Document, Draft
from ledger.money import usd
from ledger.parts import RECHARGE, next_step, takings
from ledger.reversal_errors import (
    AlreadyDecided,
    AlreadyReversed,
    CohortChanged,
    InvalidRequest,
    NothingToReverse,
    ReversalError,
    SecondPersonNeeded,
)
from ledger.store import Store

COLLECTION = "reversals"
PROPOSED, APPROVED, DONE, REJECTED = "proposed", "approved", "done", "rejected"
OPEN = (PROPOSED, APPROVED)
REVERSIBLE = ("usage.charged", RECHARGE)
# What one person reverses alone in this time counts together against the limit.
ALONE_US = 24 * 3_600 * 1_000_000
MAX_REASON = 500


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody wants reversed: one event, or the charges that a filter chooses.

    `digest` is that of the dry run that they looked at, if any; `force` takes back of a recharge
    what is still there. `part` is how much of a payment went back in all, by how it went.
    """

    actor: str
    reason: str
    event: str | None = None
    filter: Document | None = None
    digest: str | None = None
    force: bool = False
    part: Document | None = None

    def target(self) -> Document:
        """Return what is meant, as a document holds it. Raises ReversalError, InvalidFilter."""
        if (self.event is None) == (self.filter is None):
            raise InvalidRequest("name either an event or a filter")
        if self.event is not None:
            return {"event": self.event} | ({"part": self.part} if self.part else {})
        return {"filter": checked_filter(self.filter or {})}

    def fingerprint(self) -> str:
        """Name the request by what it says, to tell a replay."""
        said = [self.actor, self.reason, self.target(), self.force]
        return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()[:20]


async def count(store: Store, target: Document, upto: dict[str, int]) -> Tally:
    """Add up what a target would take back. Raises NothingToReverse for an unknown event."""
    if "filter" in target:
        return await tally(store, target["filter"], upto)
    event = await _reversible(store, target["event"])
    result = Tally()
    if event["type"] == RECHARGE:
        taken = await takings(store, event["_id"])
        step = next_step(event, taken, target.get("part"))
        if step is None:
            result.reversed = 1
        else:
            result.add(event, step.due_nano)
    elif await reversals_of(store, [event]):
        result.reversed = 1
    elif event["amount"]:
        result.add(event)
    return result


async def _reversible(store: Store, event_id: str) -> Document:
    event = await store.find_one("events", {"_id": event_id})
    if event is None:
        raise NothingToReverse(f"there is no event {event_id:.200}; archived ones can be restored")
    if event["type"] not in REVERSIBLE:
        raise ReversalError(f"{event['type']} can't be reversed, only charges and recharges can")
    return event


async def dry_run(store: Store, request: Request) -> Document:
    """Return the numbers of what would be reversed now; writes nothing."""
    return (await count(store, request.target(), await heads(store))).numbers()


async def propose(books: Books, request: Request, limit_nano: int) -> tuple[Document, bool]:
    """Make a reversal and return it, and whether it was there before (a replay of the request).

    It is approved at once when all that its proposer reversed alone lately stays within
    `limit_nano`; a limit of 0 leaves nobody alone. Raises ReversalError.
    """
    if not request.reason.strip() or len(request.reason) > MAX_REASON:
        raise InvalidRequest(f"a reason is needed, of at most {MAX_REASON} characters")
    while True:
        print_ = request.fingerprint()
        former = await _former(books.store, print_)
        if former and former[-1]["state"] in OPEN:
            return former[-1], True
        upto = await heads(books.store)
        numbers = (await count(books.store, request.target(), upto)).numbers()
        if not numbers["count"]:
            return await _nothing_left(books.store, request, former), True
        if request.digest is not None and request.digest != numbers["digest"]:
            raise CohortChanged(numbers)
        document = await _document(books.store, request, numbers, upto, limit_nano)
        document["_id"] = f"{print_}-{len(former) + 1}"
        # Two who send the same request at once make one document; the other finds it above.
        with suppress(Duplicate):
            await books.store.insert_one(COLLECTION, document)
            await note(books, document, PROPOSED, request.actor)
            return document, False


async def _former(store: Store, print_: str) -> list[Document]:
    """Return what the same request made before, oldest first."""
    ids = {"$gte": f"{print_}-", "$lt": f"{print_}."}
    found = await store.find_list(COLLECTION, {"_id": ids})
    return sorted(found, key=lambda document: int(document["_id"].rpartition("-")[2]))


async def _nothing_left(store: Store, request: Request, former: list[Document]) -> Document:
    """Answer as before if this request has done it all; else say who did."""
    done = [document for document in former if document["state"] == DONE]
    if done:
        return done[-1]
    if request.event is not None:
        reversal = await store.find_one("events", {"_id": reversal_id(request.event)})
        if reversal is not None:
            raise AlreadyReversed(
                f"{request.event} was reversed by {reversal['actor']}: {reversal['body']['reason']}"
            )
        raise NothingToReverse(f"{request.event} charged nothing")
    raise NothingToReverse("no charge matches that was not given back already")


async def _document(
    store: Store, request: Request, numbers: Document, upto: dict[str, int], limit_nano: int
) -> Document:
    now_us = await store.server_now_us()
    alone_nano = await _alone_nano(store, request.actor, now_us - ALONE_US)
    needs = not limit_nano or alone_nano + numbers["total_nano"] > limit_nano
    return {
        "state": PROPOSED if needs else APPROVED,
        "target": request.target(),
        "reason": request.reason,
        "force": request.force,
        "proposer": request.actor,
        "proposed_us": now_us,
        "heads": upto,
        "numbers": numbers,
        "needs_approval": needs,
        "approver": None,
        "decided_us": None,
        "note": "",
        "after": None,
        "done": {"count": 0, "total_nano": 0, "skipped": 0},
        "lease_us": 0,
        "runner": None,
        "ended_us": None,
    }


async def _alone_nano(store: Store, actor: str, since_us: int) -> int:
    mine = {"proposer": actor, "proposed_us": {"$gte": since_us}}
    found = await store.find_list(COLLECTION, mine)
    alone = [d for d in found if not d["needs_approval"] and d["state"] != REJECTED]
    return sum(int(document["numbers"]["total_nano"]) for document in alone)


async def get(store: Store, reversal: str) -> Document:
    """Return a reversal. Raises NothingToReverse when there is none of this id."""
    document = await store.find_one(COLLECTION, {"_id": reversal})
    if document is None:
        raise NothingToReverse(f"there is no reversal {reversal:.100}")
    return document


async def listed(store: Store, state: str | None, skip: int, limit: int) -> list[Document]:
    """Return reversals, newest first."""
    wanted = {} if state is None else {"state": state}
    return await store.find_list(
        COLLECTION, wanted, sort=[("proposed_us", -1), ("_id", 1)], skip=skip, limit=limit
    )


async def approve(books: Books, reversal: str, actor: str, digest: str | None) -> Document:
    """Let a proposed reversal be carried out. Raises ReversalError.

    When what it would take back has changed, the new numbers are written down and refused: they
    are approved by asking again.
    """
    document = await get(books.store, reversal)
    if document["approver"] == actor and document["state"] in (APPROVED, DONE):
        return document
    _check_decidable(document)
    if document["proposer"] == actor:
        raise SecondPersonNeeded("somebody else than the proposer must approve this")
    await note(books, document, PROPOSED, document["proposer"])
    numbers = (await count(books.store, document["target"], document["heads"])).numbers()
    unchanged = {
        "_id": reversal,
        "state": PROPOSED,
        "numbers.digest": document["numbers"]["digest"],
    }
    if numbers["digest"] != document["numbers"]["digest"]:
        await books.store.update_one(COLLECTION, unchanged, {"$set": {"numbers": numbers}})
        raise CohortChanged(numbers)
    if digest is not None and digest != numbers["digest"]:
        raise CohortChanged(numbers)
    return await _decide(books, unchanged, APPROVED, actor, "")


async def reject(books: Books, reversal: str, actor: str, why: str) -> Document:
    """Put a proposed reversal away for good; its proposer may, too. Raises ReversalError."""
    document = await get(books.store, reversal)
    if document["state"] == REJECTED and document["approver"] == actor:
        return document
    _check_decidable(document)
    return await _decide(books, {"_id": reversal, "state": PROPOSED}, REJECTED, actor, why)


def _check_decidable(document: Document) -> None:
    if document["state"] != PROPOSED:
        who = document["approver"] or document["proposer"]
        raise AlreadyDecided(f"this reversal is {document['state']} already, by {who}")


async def _decide(books: Books, guard: Document, state: str, actor: str, why: str) -> Document:
    now_us = await books.store.server_now_us()
    decision = {"state": state, "approver": actor, "decided_us": now_us, "note": why}
    decided = await books.store.find_one_and_update(COLLECTION, guard, {"$set": decision})
    if decided is None:
        _check_decidable(await get(books.store, guard["_id"]))
        raise AlreadyDecided("somebody else has just looked at this reversal; look again")
    await note(books, decided, state, actor)
    return decided


async def note(books: Books, document: Document, step: str, actor: str) -> None:
    """Record a step of a reversal as an event, once. Raises BooksUnavailable."""
    numbers: dict[str, Any] = document["numbers"]
    after = {
        "reason": document["reason"],
        "proposer": document["proposer"],
        "target": orjson.dumps(document["target"]).decode(),
        "count": numbers["count"],
        "total": numbers["total"],
        "digest": numbers["digest"],
    }
    if step == DONE:
        done = document["done"]
        after |= {"count": done["count"], "total": usd(done["total_nano"])}
    body = {
        "action": f"reversal.{step}",
        "object": f"reversal:{document['_id']}",
        "before": None,
        "after": after,
    }
    event_id = f"audit:reversal:{document['_id']}:{step}"
    with suppress(KeyReused):  # recorded before the numbers were looked at again
        await books.record(Draft(event_id, "audit.recorded", "directory", 0, actor, body))
