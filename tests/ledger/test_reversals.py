"""Reversals: given back once, to everybody concerned, approved as shown, resumed after crashes."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ledger import reversal_runs, reversals
from ledger.accounts import balance_nano, read
from ledger.books import Books
from ledger.clock import Clock
from ledger.cohort import InvalidFilter, heads, tally
from ledger.errors import BooksUnavailable
from ledger.events import Document, Draft, Receipt, Schemas
from ledger.lot_names import body_of
from ledger.reversal_errors import (
    AlreadyDecided,
    AlreadyReversed,
    CohortChanged,
    NotEnoughLeft,
    NothingToReverse,
    ReversalError,
    SecondPersonNeeded,
)
from ledger.reversals import Request, approve, propose, reject
from ledger.store import Store
from ledger.verify import verify
from tests.ledger.drafts import charge, recharge

USD = 10**9
MUCH = 10**15


@pytest.fixture
async def books(store: Store) -> AsyncIterator[Books]:
    books = await Books.open(store, Clock(), flush_interval_s=0.01)
    yield books
    await books.close()


@pytest.fixture
async def other(store: Store, books: Books) -> AsyncIterator[Books]:
    """The books of a second process."""
    other = await Books.open(store, Clock(), flush_interval_s=0.01)
    yield other
    await other.close()


async def charged(books: Books, count: int = 6, *, tokens: int = 1_000) -> None:
    """Give users 1 and 2 a dollar each, and charge them in turn."""
    await books.append(recharge("a", "user:1", USD))
    await books.append(recharge("b", "user:2", USD))
    await asyncio.gather(
        *(
            books.append(charge(f"r{n}", tokens + n, user=1 + n % 2, key=7 + n % 2, held=()))
            for n in range(count)
        )
    )
    await books.settled()


def cohort(actor: str = "user:100", **chosen: Any) -> Request:
    return Request(actor, "bad prices", filter=chosen or {"model": "test-model"})


def single(event: str, actor: str = "user:100", **more: Any) -> Request:
    return Request(actor, "it failed", event=event, **more)


async def done(books: Books, request: Request, limit_nano: int = MUCH) -> Document:
    document, _ = await propose(books, request, limit_nano)
    return await reversal_runs.run(books, document["_id"])


async def balance(books: Books, account: str) -> int:
    await books.settled()
    return balance_nano(await read(books.store, account))


async def check(store: Store) -> None:
    report = await verify(store)
    assert report.ok, report.lines


async def test_a_charge_is_given_back_to_user_key_and_channel(books: Books) -> None:
    await charged(books)
    result = await done(books, single("usage:r1"))
    assert (result["state"], result["done"]["total_nano"]) == ("done", 1_001_000)
    event = await books.store.find_one("events", {"_id": "reverse:usage:r1"})
    assert event is not None and (event["amount"], event["account"]) == (1_001_000, "user:2")
    assert event["body"]["charge"] == "usage:r1" and event["actor"] == "user:100"
    for account in ("user:2", "key:8", "channel:3"):
        assert (await read(books.store, account))["refunded"] == 1_001_000
    assert await balance(books, "user:2") == USD - 1_003_000 - 1_005_000
    await check(books.store)


async def test_the_same_request_again_answers_the_same_and_another_is_told(books: Books) -> None:
    await charged(books)
    first = await done(books, single("usage:r1"))
    again, replayed = await propose(books, single("usage:r1"), MUCH)
    assert replayed and again == first
    with pytest.raises(AlreadyReversed, match="user:100: it failed"):
        await propose(books, single("usage:r1", "user:101"), MUCH)
    assert await balance(books, "channel:3") == -sum(
        1_000_000 + n * 1_000 for n in range(6) if n != 1
    )


async def test_a_cohort_is_chosen_by_a_filter_and_shown_first(books: Books) -> None:
    await charged(books)
    await done(books, single("usage:r0"))
    shown = await reversals.dry_run(books.store, cohort(user=1))
    assert (shown["count"], shown["already_reversed"]) == (2, 1)
    assert shown["total_nano"] == 1_002_000 + 1_004_000 and shown["total"] == "0.002006"
    assert shown["users"] == [
        {"account": "user:1", "count": 2, "amount": "0.002006", "amount_nano": 2_006_000}
    ]
    assert [m["model"] for m in shown["models"]] == ["test-model"]
    assert await books.store.count("events", {"type": "usage.reversed"}) == 1
    result = await done(books, cohort(user=1))
    assert result["done"] == {"count": 2, "total_nano": 2_006_000, "skipped": 1}
    assert await balance(books, "user:1") == USD
    await check(books.store)


@pytest.mark.parametrize(
    ("chosen", "count"),
    [
        ({"price_version": 1}, 6),
        ({"price_version": 2}, 0),
        ({"channel": 3, "key": 8}, 3),
        ({"channel": 4}, 0),
        ({"group": "default", "outcome": "complete", "usage_source": "upstream"}, 6),
        ({"outcome": "client_closed"}, 0),
        ({"served_model": "test-model", "endpoint": "chat.completions"}, 6),
        ({"from_us": 0, "to_us": 1}, 0),
        ({"from_us": 1}, 6),
    ],
)
async def test_what_a_filter_chooses(books: Books, chosen: Document, count: int) -> None:
    await charged(books)
    assert (await reversals.dry_run(books.store, cohort(**chosen)))["count"] == count


@pytest.mark.parametrize("chosen", [{}, {"model": None}, {"body.model": "x"}, {"$where": "1"}])
async def test_a_filter_that_chooses_all_or_the_unknown_is_refused(
    books: Books, chosen: Document
) -> None:
    with pytest.raises(InvalidFilter):
        await reversals.dry_run(books.store, Request("user:1", "why", filter=chosen))


async def test_what_cannot_be_reversed(books: Books) -> None:
    await charged(books)
    await books.append(charge("free", 0, held=()))
    await done(books, single("usage:r1"))
    for event in ("usage:nothing", "usage:free"):
        with pytest.raises(NothingToReverse):
            await propose(books, single(event), MUCH)
    with pytest.raises(ReversalError, match="only charges and recharges"):
        await propose(books, single("reverse:usage:r1"), MUCH)
    with pytest.raises(NothingToReverse):
        await propose(books, cohort(model="nobody's"), MUCH)
    for reason in ("", "  ", "x" * 501):
        with pytest.raises(ReversalError, match="reason"):
            await propose(books, Request("user:1", reason, event="usage:r2"), MUCH)
    with pytest.raises(ReversalError, match="either"):
        await propose(books, Request("user:1", "why"), MUCH)


async def test_above_the_limit_somebody_else_must_approve(books: Books) -> None:
    await charged(books)
    proposed, _ = await propose(books, cohort(), 1_000_000)
    assert (proposed["state"], proposed["needs_approval"]) == ("proposed", True)
    still = await reversal_runs.run(books, proposed["_id"])
    assert still["state"] == "proposed"
    assert await books.store.count("events", {"type": "usage.reversed"}) == 0
    with pytest.raises(SecondPersonNeeded):
        await approve(books, proposed["_id"], "user:100", None)
    approved = await approve(books, proposed["_id"], "user:101", proposed["numbers"]["digest"])
    assert approved["state"] == "approved"
    assert (await approve(books, proposed["_id"], "user:101", None))["state"] == "approved"
    with pytest.raises(AlreadyDecided, match="user:101"):
        await approve(books, proposed["_id"], "user:102", None)
    result = await reversal_runs.run(books, proposed["_id"])
    assert (result["state"], result["done"]["count"]) == ("done", 6)
    event = await books.store.find_one("events", {"_id": "reverse:usage:r3"})
    assert event is not None and event["actor"] == "user:100"
    assert event["body"]["approver"] == "user:101"
    steps = await books.store.find_list("events", {"type": "audit.recorded"}, sort=[("seq", 1)])
    assert [(s["body"]["action"], s["actor"]) for s in steps] == [
        ("reversal.proposed", "user:100"),
        ("reversal.approved", "user:101"),
        ("reversal.done", "user:100"),
    ]


async def test_a_limit_of_zero_leaves_nobody_alone(books: Books) -> None:
    await charged(books)
    document, _ = await propose(books, single("usage:r1"), 0)
    assert document["state"] == "proposed"


async def test_the_limit_counts_what_one_person_reversed_alone_lately(books: Books) -> None:
    await charged(books)
    limit = 2_500_000
    assert (await done(books, single("usage:r1"), limit))["state"] == "done"
    assert (await done(books, single("usage:r2"), limit))["state"] == "done"
    third, _ = await propose(books, single("usage:r3"), limit)
    assert third["state"] == "proposed"
    elsewhere, _ = await propose(books, single("usage:r4", "user:101"), limit)
    assert elsewhere["state"] == "approved"


async def test_a_rejected_reversal_stays_so_and_may_be_proposed_anew(books: Books) -> None:
    await charged(books)
    document, _ = await propose(books, cohort(), 0)
    rejected = await reject(books, document["_id"], "user:101", "not our fault")
    assert (rejected["state"], rejected["note"]) == ("rejected", "not our fault")
    with pytest.raises(AlreadyDecided):
        await approve(books, document["_id"], "user:102", None)
    assert (await reversal_runs.run(books, document["_id"]))["state"] == "rejected"
    anew, replayed = await propose(books, cohort(), 0)
    assert not replayed and anew["_id"] != document["_id"]


async def test_charges_made_after_the_proposal_are_not_in_it(books: Books) -> None:
    await charged(books)
    document, _ = await propose(books, cohort(), 0)
    await books.append(charge("late", 5, held=()))
    await approve(books, document["_id"], "user:101", document["numbers"]["digest"])
    result = await reversal_runs.run(books, document["_id"])
    assert result["done"]["count"] == 6
    assert not await books.store.count("events", {"_id": "reverse:usage:late"})


async def test_what_changed_since_is_refused_with_the_new_numbers(books: Books) -> None:
    await charged(books)
    document, _ = await propose(books, cohort(), 0)
    await done(books, single("usage:r5", "user:102"))
    with pytest.raises(CohortChanged, match="now 5") as caught:
        await approve(books, document["_id"], "user:101", None)
    assert caught.value.numbers["count"] == 5
    with pytest.raises(CohortChanged):
        await approve(books, document["_id"], "user:101", document["numbers"]["digest"])
    await approve(books, document["_id"], "user:101", caught.value.numbers["digest"])
    result = await reversal_runs.run(books, document["_id"])
    assert result["done"] == {
        "count": 5,
        "total_nano": result["numbers"]["total_nano"],
        "skipped": 1,
    }


async def test_the_digest_of_a_dry_run_binds_the_request(books: Books) -> None:
    await charged(books)
    shown = await reversals.dry_run(books.store, cohort())
    await books.append(charge("late", 5, held=()))
    stale = Request("user:1", "bad", filter={"model": "test-model"}, digest=shown["digest"])
    with pytest.raises(CohortChanged, match="now 7"):
        await propose(books, stale, MUCH)


async def test_two_admins_reverse_the_same_cohort_at_once(books: Books, other: Books) -> None:
    await charged(books, 60)
    results = await asyncio.gather(done(books, cohort("user:100")), done(other, cohort("user:101")))
    assert {result["state"] for result in results} == {"done"}
    counts = [result["done"] for result in results]
    assert sum(c["count"] for c in counts) == 60
    assert sum(c["total_nano"] for c in counts) == sum(1_000_000 + n * 1_000 for n in range(60))
    assert await books.store.count("events", {"type": "usage.reversed"}) == 60
    await other.settled()
    assert await balance(books, "user:1") == await balance(books, "user:2") == USD
    await check(books.store)


async def test_one_request_sent_twice_at_once_is_one_reversal(books: Books, other: Books) -> None:
    await charged(books)
    made = await asyncio.gather(
        *(propose(each, cohort(), 0) for each in (books, other, books, other))
    )
    assert len({document["_id"] for document, _ in made}) == 1
    assert sum(not replayed for _, replayed in made) == 1
    assert await books.store.count("reversals", {}) == 1


async def test_two_who_approve_at_once_are_one_approval(books: Books, other: Books) -> None:
    await charged(books)
    document, _ = await propose(books, cohort(), 0)
    results = await asyncio.gather(
        approve(books, document["_id"], "user:101", None),
        approve(other, document["_id"], "user:102", None),
        return_exceptions=True,
    )
    assert {type(result) for result in results} == {dict, AlreadyDecided}


class Crash(Exception):
    """The process is gone."""


class Dying:
    """Books of a process that dies after so many appends."""

    def __init__(self, books: Books, appends: int) -> None:
        self._books = books
        self._left = appends

    def __getattr__(self, name: str) -> Any:
        return getattr(self._books, name)

    async def append(self, draft: Draft) -> Receipt:
        if self._left == 0:
            raise Crash
        self._left -= 1
        return await self._books.append(draft)


@pytest.mark.parametrize("appends", [0, 1, 3, 4, 9])
async def test_a_crash_in_mid_execution_is_resumed_to_the_same_end(
    books: Books, other: Books, monkeypatch: pytest.MonkeyPatch, appends: int
) -> None:
    monkeypatch.setattr("ledger.cohort.PAGE", 4)
    await charged(books, 10)
    document, _ = await propose(books, cohort(), MUCH)
    dying: Any = Dying(books, appends)
    with pytest.raises(Crash):
        await reversal_runs.run(dying, document["_id"])
    between = await reversals.get(books.store, document["_id"])
    assert between["state"] == "approved" and between["done"]["count"] == appends // 4 * 4
    assert await reversal_runs.resume(other) == 1
    result = await reversals.get(books.store, document["_id"])
    assert result["state"] == "done"
    assert result["done"] == {
        "count": 10,
        "total_nano": document["numbers"]["total_nano"],
        "skipped": 0,
    }
    assert await books.store.count("events", {"type": "usage.reversed"}) == 10
    assert await reversal_runs.resume(other) == 0
    await check(books.store)


async def test_a_reversal_in_other_hands_is_left_to_them_until_their_lease_ends(
    books: Books,
) -> None:
    await charged(books)
    document, _ = await propose(books, cohort(), MUCH)
    lease = {"lease_us": await books.store.server_now_us() + 10**12, "runner": "another"}
    await books.store.update_one("reversals", {"_id": document["_id"]}, {"$set": lease})
    assert (await reversal_runs.run(books, document["_id"]))["state"] == "approved"
    assert await reversal_runs.resume(books) == 0
    await books.store.update_one("reversals", {}, {"$set": {"lease_us": 1}})
    assert await reversal_runs.resume(books) == 1
    assert (await reversals.get(books.store, document["_id"]))["state"] == "done"


async def test_a_runner_goes_on_behind_the_answer_and_stops_when_told(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reversal_runs, "AT_ONCE", 2)
    monkeypatch.setattr("ledger.cohort.PAGE", 2)
    await charged(books, 8)
    runner = reversal_runs.Runner(books)
    document, _ = await propose(books, cohort(), MUCH)
    assert (await runner.advance(document))["state"] == "approved"
    await runner.close()
    between = await reversals.get(books.store, document["_id"])
    assert 0 < between["done"]["count"] < 8
    await reversal_runs.resume(books)
    assert (await reversals.get(books.store, document["_id"]))["done"]["count"] == 8


async def test_budgets_and_lots_that_a_charge_names_are_given_back(books: Books) -> None:
    event = {
        "_id": "usage:x",
        "account": "user:1",
        "amount": -500,
        "at": 5,
        "body": charge("x", 1).body | {"lots": [["lot:1:gift", 300]]},
    }
    budget = "budget:user:1:day:2026-01-31"
    event["body"]["hold"] = {"nano": 500, "accounts": ["user:1", budget]}
    document = {"_id": "p-1", "reason": "r", "proposer": "user:2", "approver": None}
    draft = reversal_runs.draft_of(event, document)
    Schemas().check(draft)
    assert draft.body["hold_accounts"] == ["user:1", budget]
    assert draft.body["lots"] == [["lot:1:gift", 300]]
    await books.record(draft)
    assert (await read(books.store, budget))["refunded"] == 500
    assert (await read(books.store, "lot:1:gift"))["refunded"] == 300


async def test_a_spent_recharge_is_refused_unless_forced(books: Books) -> None:
    await books.record(recharge("whole", "user:5", USD))
    whole = await done(books, single("recharge:test:whole"), 2 * USD)
    assert whole["state"] == "done" and await balance(books, "user:5") == 0
    await charged(books)
    document, _ = await propose(books, single("recharge:test:a"), 2 * USD)
    with pytest.raises(NotEnoughLeft, match="0.996994 USD free"):
        await reversal_runs.run(books, document["_id"])
    assert (await reversals.get(books.store, document["_id"]))["state"] == "rejected"
    assert await balance(books, "user:1") == USD - 3_006_000
    forced = await done(books, single("recharge:test:a", force=True), 2 * USD)
    assert forced["done"]["total_nano"] == USD - 3_006_000
    event = await books.store.find_one("events", {"_id": "reverse:recharge:test:a"})
    assert event is not None and event["body"]["short_nano"] == 3_006_000
    assert await balance(books, "user:1") == 0
    with pytest.raises(AlreadyReversed):
        await propose(books, single("recharge:test:a", "user:7"), 2 * USD)
    await check(books.store)


async def test_old_reversals_stay_valid() -> None:
    """A stored event of version 1, as it was written then."""
    body = {
        "charge": "usage:r1",
        "reason": "r",
        "key": 7,
        "channel": 3,
        "hold_accounts": ["user:1", "key:7"],
    }
    stored = {
        "_id": "reverse:usage:r1",
        "v": 1,
        "type": "usage.reversed",
        "account": "user:1",
        "amount": 5,
        "actor": "user:100",
        "body": body,
    }
    Schemas().check_stored(stored)


async def test_books_that_are_away_leave_a_reversal_to_be_resumed(books: Books) -> None:
    class Away(Dying):
        async def append(self, draft: Draft) -> Receipt:
            raise BooksUnavailable("away")

    await charged(books)
    document, _ = await propose(books, cohort(), MUCH)
    away: Any = Away(books, 0)
    with pytest.raises(BooksUnavailable):
        await reversal_runs.run(away, document["_id"])
    assert await reversal_runs.resume(books) == 1


async def test_a_digest_names_exactly_these_charges(books: Books) -> None:
    await charged(books)
    upto = await heads(books.store)
    one = await tally(books.store, {"model": "test-model"}, upto)
    assert one.digest == (await tally(books.store, {"channel": 3}, upto)).digest
    assert one.digest != (await tally(books.store, {"user": 1}, upto)).digest


async def test_a_recharge_that_opened_a_lot_is_taken_out_of_the_lot(books: Books) -> None:
    draft = recharge("gift", "user:6", USD)
    lot = body_of(draft.id, "paid", None)
    gift = Draft(draft.id, draft.type, draft.account, USD, draft.actor, {**draft.body, "lot": lot})
    await books.record(gift)
    account = f"lot:6:{lot['id']}"
    assert await balance(books, account) == USD
    result = await done(books, single(draft.id), 2 * USD)
    assert result["state"] == "done"
    assert await balance(books, account) == await balance(books, "user:6") == 0
    event = await books.store.find_one("events", {"_id": f"reverse:{draft.id}"})
    assert event is not None and event["body"]["lot"] == [account, USD]
    await check(books.store)
