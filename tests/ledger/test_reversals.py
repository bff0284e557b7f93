"""Reversals: given back once, to everybody concerned, and approved as shown."""

from collections.abc import AsyncIterator

import pytest

from ledger import reversal_runs, reversals
from ledger.accounts import read
from ledger.books import Books
from ledger.clock import Clock
from ledger.cohort import InvalidFilter, heads, tally
from ledger.events import Document, Schemas
from ledger.reversal_errors import (
    AlreadyDecided,
    AlreadyReversed,
    CohortChanged,
    NothingToReverse,
    ReversalError,
    SecondPersonNeeded,
)
from ledger.reversals import Request, approve, propose, reject
from ledger.store import Store
from tests.ledger.drafts import charge
from tests.ledger.reversing import MUCH, USD, balance, charged, check, cohort, done, single


@pytest.fixture
async def books(store: Store) -> AsyncIterator[Books]:
    books = await Books.open(store, Clock(), flush_interval_s=0.01)
    yield books
    await books.close()


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


async def test_a_digest_names_exactly_these_charges(books: Books) -> None:
    await charged(books)
    upto = await heads(books.store)
    one = await tally(books.store, {"model": "test-model"}, upto)
    assert one.digest == (await tally(books.store, {"channel": 3}, upto)).digest
    assert one.digest != (await tally(books.store, {"user": 1}, upto)).digest
