"""Credit: nobody overspends, nothing is stranded."""

import asyncio
import random

import pytest

from ledger import accounts
from ledger.accounts import available_nano, balance_nano
from ledger.books import Books
from ledger.clock import Clock
from ledger.credit import Credit
from ledger.errors import InsufficientCredit, OutcomeUnknown, StoreError, Unavailable
from ledger.events import Draft
from ledger.recovery import recover_abandoned
from ledger.verify import verify
from tests.ledger.drafts import charge, recharge
from tests.ledger.faults import FaultyStore

pytestmark = pytest.mark.database


@pytest.fixture
async def books(store):
    books = await Books.open(store, Clock())
    yield books
    await books.close()


async def spend(books, number, estimate, tokens, accounts=("user:1",), **kw):
    """One request: hold, charge, settle. Returns True when served."""
    try:
        hold = await books.credit.hold(accounts, estimate, **kw)
    except InsufficientCredit:
        return False
    await asyncio.sleep(0)
    amount = min(tokens * 1_000, hold.amount_nano)
    draft = charge(str(number), amount // 1_000, held=tuple(accounts))
    await books.append(draft, books.place())
    hold.settle(amount // 1_000 * 1_000)
    return True


async def test_two_hundred_requests_on_credit_for_ten_are_served_ten_times(store, books):
    await books.record(recharge("a", amount_nano=10 * 5_000))
    served = await asyncio.gather(
        *(spend(books, n, 20_000, 5, floor_nano=5_000) for n in range(200))
    )
    assert sum(served) == 10
    await books.projector.until(books.writer.next_seq - 1)
    assert balance_nano(await accounts.read(store, "user:1")) == 0
    assert (await verify(store)).ok


async def test_a_limited_key_is_never_overspent_either(store, books):
    await books.record(recharge("a", amount_nano=10**9))
    limit = Draft(
        "adjust:1", "balance.adjusted", "key:7", 50_000, "user:1", {"reason": "the key's limit"}
    )
    await books.record(limit)
    both = ("user:1", "key:7")
    served = await asyncio.gather(
        *(spend(books, n, 20_000, 5, accounts=both, floor_nano=5_000) for n in range(100))
    )
    assert sum(served) == 10
    await books.projector.until(books.writer.next_seq - 1)
    assert balance_nano(await accounts.read(store, "key:7")) == 0
    assert balance_nano(await accounts.read(store, "user:1")) == 10**9 - 50_000


@pytest.mark.parametrize("seed", range(5))
async def test_two_processes_together_never_spend_more_than_there_is(store, seed):
    rng = random.Random(seed)
    one, two = await Books.open(store, Clock()), await Books.open(store, Clock())
    await one.record(recharge("a", amount_nano=300_000))
    jobs = []
    for n in range(120):
        estimate = rng.randint(1, 30) * 1_000
        tokens = rng.randint(0, estimate // 1_000)
        jobs.append(spend(rng.choice((one, two)), n, estimate, tokens, wait_s=1))
    await asyncio.gather(*jobs)
    for books in (one, two):
        await books.projector.until(books.writer.next_seq - 1)
    account = await accounts.read(store, "user:1")
    assert balance_nano(account) >= 0 and available_nano(account) >= 0
    report = await verify(store)
    assert report.ok, report.lines
    await one.close()
    await two.close()
    account = await accounts.read(store, "user:1")
    assert available_nano(account) == balance_nano(account)


async def test_a_refusal_holds_nothing(store, books):
    await books.record(recharge("a", amount_nano=1_000))
    with pytest.raises(InsufficientCredit) as refusal:
        await books.credit.hold(["user:1"], 1_001, wait_s=0)
    assert (refusal.value.needed_nano, refusal.value.available_nano) == (1_001, 1_000)
    hold = await books.credit.hold(["user:1"], 1_000, wait_s=0)
    hold.release()


async def test_credit_that_arrives_while_it_is_looked_for_is_found(store, books, monkeypatch):
    look, looked = store.find_one_and_update, 0

    async def and_then_it_arrives(collection, *args, **kw):
        nonlocal looked
        found = await look(collection, *args, **kw)
        if collection == "accounts" and not looked:
            looked += 1
            assert found is None
            await books.record(recharge("a", amount_nano=10_000))
        return found

    monkeypatch.setattr(store, "find_one_and_update", and_then_it_arrives)
    (await books.credit.hold(["user:1"], 10_000, wait_s=0)).release()
    assert looked == 1


async def test_an_account_without_events_has_nothing_to_hold(books):
    with pytest.raises(InsufficientCredit):
        await books.credit.hold(["user:404"], 1, wait_s=0)


async def test_a_hold_is_resolved_once_and_never_beyond_itself(books):
    await books.record(recharge("a", amount_nano=10_000))
    hold = await books.credit.hold(["user:1"], 4_000)
    with pytest.raises(ValueError):
        hold.settle(4_001)
    hold.settle(1_000)
    with pytest.raises(ValueError):
        hold.settle(1_000)
    hold.release()


async def test_a_hold_grows_while_there_is_credit(books):
    await books.record(recharge("a", amount_nano=10_000))
    hold = await books.credit.hold(["user:1"], 4_000)
    assert await books.credit.extend(hold, 9_000)
    assert not await books.credit.extend(hold, 10_001)
    assert hold.amount_nano == 9_000
    hold.release()
    (await books.credit.hold(["user:1"], 10_000, wait_s=0)).release()


async def test_waiting_for_credit_that_is_held_ends_when_it_is_freed(books):
    await books.record(recharge("a", amount_nano=10_000))
    first = await books.credit.hold(["user:1"], 9_000)
    second = asyncio.create_task(books.credit.hold(["user:1"], 5_000, wait_s=30))
    await asyncio.sleep(0)
    first.settle(2_000)
    hold = await asyncio.wait_for(second, 5)
    assert hold.amount_nano == 5_000
    hold.release()


async def test_large_balances_are_not_taken_whole(store, books):
    await books.record(recharge("a", amount_nano=10**12))
    hold = await books.credit.hold(["user:1"], 1_000)
    assert available_nano(await accounts.read(store, "user:1")) > 10**11
    hold.release()


async def test_idle_slices_are_given_back(store, books):
    await books.record(recharge("a", amount_nano=10**6))
    (await books.credit.hold(["user:1"], 1_000)).release()
    assert available_nano(await accounts.read(store, "user:1")) < 10**6
    await books.credit.return_idle(idle_s=0)
    assert available_nano(await accounts.read(store, "user:1")) == 10**6


async def test_a_dead_process_gives_its_credit_back_only_after_the_fence(store, books):
    dead = await Books.open(store, Clock())
    await dead.record(recharge("a", amount_nano=10_000))
    await dead.credit.hold(["user:1"], 10_000)
    await dead.append(charge("r", 4, held=("user:1",)), dead.place())
    assert await recover_abandoned(store, Clock()) == 0
    with pytest.raises(InsufficientCredit):
        await books.credit.hold(["user:1"], 1_000, wait_s=0)
    await store.update_one("writers", {"_id": dead.writer.slot}, {"$set": {"expires_us": 0}})
    assert await recover_abandoned(store, Clock()) == 1
    hold = await books.credit.hold(["user:1"], 6_000, wait_s=0)
    with pytest.raises(InsufficientCredit):
        await books.credit.hold(["user:1"], 1, wait_s=0)
    hold.release()
    await dead.close()
    assert (await verify(store)).ok


@pytest.mark.parametrize("plan", ["lost", "unanswered"])
async def test_a_grant_with_an_unknown_outcome_is_neither_lost_nor_doubled(store, books, plan):
    await books.record(recharge("a", amount_nano=10_000))
    faulty = FaultyStore(store)
    credit = Credit(faulty, Clock(), 77)
    faulty.plan("find_one_and_update", "ok", plan)
    with pytest.raises((OutcomeUnknown, Unavailable)):
        await credit.hold(["user:1"], 10_000, wait_s=0)
    hold = await credit.hold(["user:1"], 10_000, wait_s=0)
    assert available_nano(await accounts.read(store, "user:1")) == 0
    hold.release()
    faulty.plan("find_one_and_update", plan)
    with pytest.raises((OutcomeUnknown, Unavailable)):
        await credit.recall("user:1")
    (await credit.hold(["user:1"], 10_000, wait_s=0)).release()
    await credit.recall("user:1")
    assert available_nano(await accounts.read(store, "user:1")) == 10_000


async def test_a_debit_never_takes_what_is_not_there(store, books):
    await books.record(recharge("a", amount_nano=5_000))
    body = {"reason": "a correction"}
    await books.debit(Draft("adjust:1", "balance.adjusted", "user:1", -4_000, "user:9", body))
    with pytest.raises(InsufficientCredit):
        await books.debit(
            Draft("adjust:2", "balance.adjusted", "user:1", -2_000, "user:9", body), wait_s=0
        )
    account = await accounts.read(store, "user:1")
    assert balance_nano(account) == 1_000
    assert (await verify(store)).ok


async def test_credit_that_lies_idle_with_another_process_comes_back_when_asked_for(store, books):
    other = await Books.open(store, Clock())
    await books.record(recharge("a", amount_nano=100_000))
    (await other.credit.hold(["user:1"], 30_000)).release()
    assert available_nano(await accounts.read(store, "user:1")) == 70_000
    async with asyncio.timeout(3):
        hold = await books.credit.hold(["user:1"], 100_000)
    with pytest.raises(InsufficientCredit):
        await other.credit.hold(["user:1"], 1, wait_s=0.3)
    hold.release()
    async with asyncio.timeout(3):
        (await other.credit.hold(["user:1"], 100_000)).release()
    await other.close()


@pytest.mark.parametrize("seed", range(3))
async def test_processes_that_share_a_balance_spend_all_of_it(store, seed):
    rng = random.Random(seed)
    many = [await Books.open(store, Clock()) for _ in range(3)]
    await many[0].record(recharge("a", amount_nano=60 * 5_000))
    jobs = [spend(rng.choice(many), n, 20_000, 5, floor_nano=5_000, wait_s=20) for n in range(100)]
    assert sum(await asyncio.gather(*jobs)) == 60
    for books in many:
        await books.close()
    account = await accounts.read(store, "user:1")
    assert balance_nano(account) == available_nano(account) == 0
    assert (await verify(store)).ok


async def test_a_short_balance_is_held_in_part_on_all_accounts(store, books):
    await books.record(recharge("a", amount_nano=9_000))
    body = {"reason": "the key's limit"}
    await books.record(Draft("adjust:1", "balance.adjusted", "key:7", 50_000, "user:1", body))
    hold = await books.credit.hold(["user:1", "key:7"], 20_000, floor_nano=5_000, wait_s=0)
    assert hold.amount_nano == 9_000
    hold.release()


async def test_a_slice_is_topped_up_before_it_runs_out(store, books):
    await books.record(recharge("a", amount_nano=10**9))
    for _ in range(300):
        hold = books.credit.try_hold(["user:1"], 1_000)
        if hold is None:
            hold = await books.credit.hold(["user:1"], 1_000)
        hold.settle(1_000)
        await asyncio.sleep(0.001)
    calls = books.credit.slices.of("user:1").looks
    assert 2 <= calls <= 10


@pytest.mark.parametrize("plan", ["lost", "unanswered"])
async def test_what_was_given_back_without_an_answer_is_not_left_lying(store, books, plan):
    await books.record(recharge("a", amount_nano=10_000))
    (await books.credit.hold(["user:1"], 10_000)).release()
    slices = books.credit.slices
    faulty = slices._store = FaultyStore(store)
    faulty.plan("find_one_and_update", plan)
    with pytest.raises(StoreError):
        await books.credit.recall("user:1")
    slices.forget_idle(0)
    await books.credit.recall("user:1")
    assert available_nano(await accounts.read(store, "user:1")) == 10_000
    slices.forget_idle(0)
    assert slices.known("user:1") is None


async def test_a_cancelled_hold_leaves_nothing_behind(store, books):
    await books.record(recharge("a", amount_nano=10_000))
    for delay_s in (0, 0.0005, 0.001, 0.002, 0.005):
        task = asyncio.create_task(books.credit.hold(["user:1"], 10_000))
        await asyncio.sleep(delay_s)
        task.cancel()
        outcome = (await asyncio.gather(task, return_exceptions=True))[0]
        if not isinstance(outcome, BaseException):
            outcome.release()
    (await books.credit.hold(["user:1"], 10_000, wait_s=1)).release()
    await books.credit.recall("user:1")
    assert available_nano(await accounts.read(store, "user:1")) == 10_000


async def test_a_part_of_a_hold_is_one_of_its_own(books):
    await books.record(recharge("a", amount_nano=10**6))
    hold = await books.credit.hold(["user:1"], 600_000)
    part = hold.split(200_000)
    assert (hold.amount_nano, part.amount_nano) == (400_000, 200_000)
    with pytest.raises(ValueError, match="can be split"):
        hold.split(400_001)
    await books.append(charge("1", 150, held=("user:1",)), books.place())
    part.settle(150_000)
    assert not await spend(books, 2, 450_001, 1, wait_s=0)
    hold.release()
    assert await spend(books, 3, 450_001, 1, wait_s=0)
    with pytest.raises(ValueError, match="can be split"):
        hold.split(0)
