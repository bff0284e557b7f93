"""Budgets: never exceeded, by however many processes; renewed on time; changed in mid-period."""

import asyncio
import random
from dataclasses import dataclass, replace

import pytest

from ledger import accounts
from ledger.accounts import available_nano
from ledger.books import Books
from ledger.clock import Clock
from ledger.errors import BudgetExceeded, InsufficientCredit
from ledger.periods import Budget
from ledger.rebuild import rebuild
from ledger.verify import verify
from tests.ledger.drafts import charge, recharge

pytestmark = pytest.mark.database

DAY_US = 86_400 * 1_000_000
NOON_US = 20_000 * DAY_US + DAY_US // 2
DAY = "budget:key:7:day:2024-10-04"


@dataclass(frozen=True)
class Owner:
    account: str = "key:7"
    budgets: tuple[Budget, ...] = (Budget("day", 50_000),)
    budget_timezone: str = ""
    changed_us: int = 1


class Noon(Clock):
    """A clock whose date is set by hand; it runs on as usual otherwise."""

    us = NOON_US

    def now_us(self) -> int:
        return self.us


@pytest.fixture
async def books(store):
    books = await Books.open(store, Noon())
    await books.record(recharge("a", amount_nano=10**9))
    yield books
    await books.close()


async def hold(books, owner, amount, **kw):
    running = books.budgets.in_force(owner)
    return await books.budgets.hold(["user:1"], running, amount, wait_s=0, **kw)


async def spend(books, number, owner, estimate, tokens, wait_s=0.0):
    """One request; True when it was served."""
    running = books.budgets.in_force(owner)
    try:
        held = await books.budgets.hold(
            ["user:1"], running, estimate, floor_nano=5_000, wait_s=wait_s
        )
    except InsufficientCredit:
        return False
    await asyncio.sleep(0)
    amount = min(tokens * 1_000, held.amount_nano) // 1_000 * 1_000
    draft = charge(str(number), amount // 1_000, held=tuple(held.accounts))
    await books.append(draft, books.place())
    held.settle(amount)
    return True


async def test_a_day_holds_its_limit_and_no_more(store, books):
    owner = Owner()
    served = await asyncio.gather(*(spend(books, n, owner, 20_000, 5, 2.0) for n in range(100)))
    assert sum(served) == 10
    await books.settled()
    account = await accounts.read(store, DAY)
    assert (account["spent"], account["limit_nano"], account["requests"]) == (50_000, 50_000, 10)
    assert available_nano(account) == 0
    with pytest.raises(BudgetExceeded) as refused:
        await hold(books, owner, 5_000)
    error = refused.value
    assert (error.account, error.period, error.limit_nano) == (DAY, "day", 50_000)
    assert (error.needed_nano, error.available_nano) == (5_000, 0)
    assert error.retry_after_s == 12 * 3_600
    assert error.renews == "2024-10-05T00:00:00+00:00"
    assert (await verify(store)).ok


async def test_the_next_day_begins_anew_and_a_hold_stays_in_its_own(store, books):
    owner = Owner()
    yesterday = await hold(books, owner, 30_000)
    books.clock.us = NOON_US + DAY_US // 2
    today = await hold(books, owner, 50_000)
    assert [h.accounts[1] for h in (yesterday, today)] == [DAY, "budget:key:7:day:2024-10-05"]
    await books.append(charge("late", 30, held=tuple(yesterday.accounts)), books.place())
    yesterday.settle(30_000)
    today.release()
    await books.settled()
    assert (await accounts.read(store, DAY))["spent"] == 30_000
    assert not (await accounts.read(store, "budget:key:7:day:2024-10-05")).get("spent")


async def test_several_budgets_bind_together(books):
    owner = Owner(budgets=(Budget("day", 10_000), Budget("month", 15_000)))
    user = Owner(account="user:1", budgets=(Budget("week", 12_000),))
    running = books.budgets.in_force(user, owner)
    held = await books.budgets.hold(["user:1"], running, 9_000, wait_s=0)
    assert held.accounts == [
        "user:1",
        "budget:user:1:week:2024-09-30",
        "budget:key:7:day:2024-10-04",
        "budget:key:7:month:2024-10-01",
    ]
    with pytest.raises(BudgetExceeded) as refused:
        await books.budgets.hold(["user:1"], running, 2_000, wait_s=0)
    assert refused.value.account == DAY
    books.clock.us += DAY_US
    running = books.budgets.in_force(user, owner)
    with pytest.raises(BudgetExceeded) as refused:
        await books.budgets.hold(["user:1"], running, 4_000, wait_s=0)
    assert refused.value.account == "budget:user:1:week:2024-09-30"
    held.release()


async def test_the_balance_is_still_the_balance(books):
    with pytest.raises(InsufficientCredit) as refused:
        await hold(books, Owner(budgets=(Budget("day", 10**12),)), 10**10)
    assert refused.value.account == "user:1" and not isinstance(refused.value, BudgetExceeded)


async def test_a_lower_limit_counts_at_once_also_for_credit_in_hand(store, books):
    owner = Owner(budgets=(Budget("day", 10**6),))
    (await hold(books, owner, 1_000)).release()
    assert books.credit.try_hold(["user:1", DAY], 30_000) is not None
    lower = replace(owner, budgets=(Budget("day", 40_000),), changed_us=2)
    with pytest.raises(BudgetExceeded):
        await hold(books, lower, 11_000)
    (await hold(books, lower, 10_000)).release()
    assert (await accounts.read(store, DAY))["limit_nano"] == 40_000


async def test_below_what_is_spent_nothing_more_is_held_and_nothing_is_wrong(store, books):
    owner = Owner()
    assert await spend(books, 1, owner, 40_000, 40)
    lower = replace(owner, budgets=(Budget("day", 10_000),), changed_us=2)
    assert not await spend(books, 2, lower, 5_000, 5)
    await books.settled()
    assert available_nano(await accounts.read(store, DAY)) <= -30_000
    assert (await verify(store)).ok
    higher = replace(owner, budgets=(Budget("day", 60_000),), changed_us=3)
    assert await spend(books, 3, higher, 20_000, 20)


async def test_a_process_that_lags_behind_does_not_bring_an_old_limit_back(store, books):
    other = await Books.open(store, Noon())
    old, new = Owner(changed_us=1), Owner(budgets=(Budget("day", 20_000),), changed_us=2)
    (await hold(books, new, 1_000)).release()
    with pytest.raises(BudgetExceeded):
        await hold(other, old, 21_000)
    assert (await accounts.read(store, DAY))["limit_nano"] == 20_000
    await other.close()


async def test_another_change_of_the_owner_asks_nobody(books):
    owner = Owner()
    (await hold(books, owner, 1_000)).release()
    (running,) = books.budgets.in_force(replace(owner, changed_us=9))
    assert running.ready


async def test_limits_come_back_after_the_accounts_were_rebuilt_from_nothing(store, books):
    owner = Owner()
    assert await spend(books, 1, owner, 10_000, 10)
    await books.close()
    await store.delete_many("accounts", {})
    await rebuild(store)
    again = await Books.open(store, Noon())
    (await hold(again, owner, 40_000)).release()
    with pytest.raises(BudgetExceeded):
        await hold(again, owner, 40_001)
    await again.close()


async def test_idle_budgets_are_given_back(store, books):
    (await hold(books, Owner(), 10_000)).release()
    assert available_nano(await accounts.read(store, DAY)) < 50_000
    await books.credit.return_idle(0)
    assert available_nano(await accounts.read(store, DAY)) == 50_000


@pytest.mark.parametrize("seed", range(4))
async def test_two_processes_never_exceed_a_budget_together(store, books, seed):
    rng = random.Random(seed)
    other = await Books.open(store, Noon())
    owners = [
        Owner(account="user:1", budgets=(Budget("day", 200_000), Budget("week", 250_000))),
        Owner(budgets=(Budget("day", 90_000),)),
    ]

    async def one(number: int) -> bool:
        process = rng.choice((books, other))
        if rng.random() < 0.1:
            process.clock.us = NOON_US + rng.randrange(2) * DAY_US
        running = process.budgets.in_force(*owners)
        try:
            held = await process.budgets.hold(
                ["user:1"], running, rng.randint(5, 30) * 1_000, floor_nano=5_000, wait_s=0.5
            )
        except InsufficientCredit:
            return False
        await asyncio.sleep(0)
        tokens = rng.randint(0, held.amount_nano // 1_000)
        draft = charge(f"{seed}-{number}", tokens, held=tuple(held.accounts))
        await process.append(draft, process.place())
        held.settle(tokens * 1_000)
        return True

    served = await asyncio.gather(*(one(n) for n in range(100)))
    assert any(served)
    await books.settled()
    await other.settled()
    async for account in store.find("accounts", {"limit_nano": {"$exists": True}}):
        assert account.get("spent", 0) <= account["limit_nano"], (seed, account)
        assert available_nano(account) >= 0, (seed, account)
    report = await verify(store)
    assert report.ok, (seed, report.lines)
    await other.close()
