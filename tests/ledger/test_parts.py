"""Parts of payments that went back: in any order, however often told, and checked again."""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import reversal_runs
from ledger.books import Books
from ledger.check_events import EventCheck
from ledger.check_reversals import ReversalCheck
from ledger.clock import Clock
from ledger.events import Document, Draft
from ledger.lot_names import body_of
from ledger.money import usd
from ledger.paid import credit_nano
from ledger.parts import CHARGED_BACK, REFUNDED, next_step, share_nano, takings, units
from ledger.report import Report
from ledger.reversal_errors import AlreadyReversed, ReversalError
from ledger.reversals import propose
from ledger.store import Store
from ledger.verify import verify
from tests.ledger.drafts import charge, recharge
from tests.ledger.reversing import MUCH, balance, check, single

CENT = 10**7
SEED = 20_261_123


def paid(reference: str, cents: int, rate: str, user: int = 1) -> Draft:
    """A payment of so many cents."""
    amount = usd(cents * CENT)
    told = {"amount": amount, "currency": "CNY", "rate": rate, "order": None, "trade": None}
    body = {"provider": "test", "reference": reference, "paid": told}
    credit = credit_nano(amount, rate)
    return Draft(
        f"recharge:test:{reference}", "recharge.credited", f"user:{user}", credit, "user:9", body
    )


def stored(draft: Draft, seq: int) -> Document:
    event: Document = {"_id": draft.id, "type": draft.type, "account": draft.account}
    event |= {"amount": draft.amount_nano, "actor": draft.actor, "body": draft.body, "seq": seq}
    version = {"recharge.credited": 3, "recharge.reversed": 4}[draft.type]
    return event | {"v": version, "at": 1, "ts": seq, "writer": 0, "epoch": 1, "req_hash": "0"}


def told(recharge: Document, notices: list[tuple[str, int]]) -> list[Document]:
    """Take what each of these notices asks for, of one who has spent a third by then."""
    taken: list[Document] = []
    for kind, cents in notices:
        step = next_step(recharge, taken, {kind: usd(cents * CENT)})
        if step is None:
            continue
        short = step.due_nano // 3
        body = {"recharge": recharge["_id"], "provider": "test", "reference": "a", "reason": "r"}
        body |= {"short_nano": short, "reversal": "x-1", "approver": None, "part": step.part}
        amount = short - step.due_nano
        draft = Draft(step.event_id, "recharge.reversed", "user:1", amount, "payment:test", body)
        taken.append(stored(draft, len(taken) + 2))
    return taken


def faults(recharge: Document, taken: list[Document]) -> list[str]:
    report = Report()
    events, reversals = EventCheck(report), ReversalCheck(report)
    for event in [*reversed(taken), recharge]:
        events.check(event)
        reversals.see(event)
    reversals.check(recharge)
    reversals.end(lambda target: False)
    return [fault.kind for fault in report.faults]


def gone(taken: list[Document]) -> int:
    return sum(event["body"]["short_nano"] - event["amount"] for event in taken)


notices = st.lists(
    st.tuples(st.sampled_from([REFUNDED, CHARGED_BACK]), st.integers(1, 10_000)), max_size=6
)


@given(
    st.integers(1, 10_000),
    st.sampled_from(["1", "0.14", "0.0066", "7.123456789012345678", "0.000000333"]),
    notices,
    st.randoms(use_true_random=False),
)
def test_notices_in_any_order_and_repeated_take_the_same_and_verify_recounts_it(
    cents: int, rate: str, said: list[tuple[str, int]], rng: random.Random
) -> None:
    recharge = stored(paid("a", cents, rate), 1)
    twice = [*said, *rng.choices(said, k=3)] if said else []
    rng.shuffle(twice)
    once, again = told(recharge, said), told(recharge, twice)
    back = sum(max((c for k, c in said if k == kind), default=0) for kind in set(dict(said)))
    due = share_nano(recharge["amount"], min(back, cents) * CENT, cents * CENT)
    assert gone(once) == gone(again) == due
    assert back < cents or due == recharge["amount"]
    for taken in (once, again):
        assert faults(recharge, taken) == []
        for number, event in enumerate(taken):
            wrong = {**event, "amount": event["amount"] - 1}
            assert "reversal wrong" in faults(recharge, [*taken[:number], wrong])
            part = {
                **event["body"]["part"],
                "before": usd(units(event["body"]["part"]["before"]) + 1),
            }
            wrong = {**event, "body": {**event["body"], "part": part}}
            assert "reversal wrong" in faults(recharge, [*taken[:number], wrong])


def test_what_is_damaged_is_a_fault_and_no_failure() -> None:
    recharge = stored(paid("a", 1_000, "1"), 1)
    first, second = told(recharge, [(REFUNDED, 300), (REFUNDED, 700)])
    assert faults(recharge, [second]) == []  # the first may be in an archive
    whole: Document = {**first, "body": {**first["body"]}}
    del whole["body"]["part"]
    for taken, kind in (
        ([{**first, "_id": "refund:3:recharge:test:a"}, second], "id wrong"),
        ([first, first], "reversal wrong"),
        ([whole, second], "reversal wrong"),
        ([{**first, "v": 3}], "event invalid"),
        ([{**first, "body": {**first["body"], "part": {"number": 1}}}], "event invalid"),
        ([{**second, "account": "user:2"}], "reversal wrong"),
    ):
        assert kind in faults(recharge, taken)
    unpaid = {**recharge, "body": {"provider": "test", "reference": "a"}}
    assert "reversal wrong" in faults(unpaid, [first])


@pytest.fixture
async def books(store: Store) -> AsyncIterator[Books]:
    books = await Books.open(store, Clock(), flush_interval_s=0.01)
    yield books
    await books.close()


async def take(books: Books, event: str, **part: str) -> None:
    """Do what a notice asks for; what was taken before is no fault."""
    request = single(event, "payment:test", force=True, **({"part": part} if part else {}))
    try:
        document, _ = await propose(books, request, MUCH)
        await reversal_runs.run(books, document["_id"])
    except AlreadyReversed:
        return


async def test_notices_at_once_take_each_part_once(books: Books) -> None:
    rng = random.Random(SEED)
    print("seed", SEED)
    calls, expected = [], {}
    for user in range(1, 9):
        draft = paid(f"p{user}", rng.randint(2, 3_000), "0.1400001", user)
        await books.record(draft)
        cents = units(draft.body["paid"]["amount"]) // CENT
        said = [rng.randint(1, cents) for _ in range(3)]
        expected[user] = draft.amount_nano - draft.amount_nano * max(said) // cents
        for part in [*said, *said]:
            calls.append(take(books, draft.id, refunded=usd(part * CENT)))
    rng.shuffle(calls)
    await asyncio.gather(*calls)
    for user, left in expected.items():
        assert await balance(books, f"user:{user}") == left
    await check(books.store)


async def test_the_whole_after_a_part_takes_the_rest_and_spent_credit_is_missing(
    books: Books,
) -> None:
    draft = paid("a", 333, "1")
    await books.record(draft)
    await take(books, draft.id, refunded="1.11")
    assert await balance(books, "user:1") == 2_220_000_000
    await books.debit(charge("r1", 2_000_000))
    await take(books, draft.id)
    first, rest = await takings(books.store, draft.id)
    assert (first["_id"], rest["_id"]) == (f"reverse:{draft.id}", f"refund:2:{draft.id}")
    assert (rest["amount"], rest["body"]["short_nano"]) == (-220_000_000, 2_000_000_000)
    assert await balance(books, "user:1") == 0
    for part in ({"refunded": "3.33"}, {"charged_back": "2"}, {}):
        await take(books, draft.id, **part)
    assert len(await takings(books.store, draft.id)) == 2
    await books.record(recharge("gift", "user:3", 10**9))
    lot = paid("lot", 500, "1", 4)
    lot.body["lot"] = body_of(lot.id, "paid", None)
    await books.record(lot)
    with pytest.raises(ReversalError, match="whole only"):
        await propose(books, single(lot.id, part={"refunded": "0.5"}), MUCH)
    await take(books, lot.id, refunded="5")
    assert await balance(books, f"lot:4:{lot.body['lot']['id']}") == 0
    with pytest.raises(ReversalError, match="not paid for"):
        await propose(books, single("recharge:test:gift", part={"refunded": "0.5"}), MUCH)
    await check(books.store)


async def test_verify_finds_a_part_that_is_wrong(books: Books) -> None:
    draft = paid("a", 1_000, "1")
    await books.record(draft)
    part: Any = {"number": 1, "before": "0", "refunded": "4", "charged_back": "0"}
    body = {"recharge": draft.id, "provider": "test", "reference": "a", "reason": "r"}
    body |= {"short_nano": 0, "reversal": "x-1", "approver": None, "part": part}
    wrong = Draft(
        f"reverse:{draft.id}", "recharge.reversed", "user:1", -4_000_000_001, "payment:test", body
    )
    await books.debit(wrong)
    await books.settled()
    report = await verify(books.store)
    assert [(fault.kind, fault.subject) for fault in report.faults] == [
        ("reversal wrong", draft.id)
    ]
