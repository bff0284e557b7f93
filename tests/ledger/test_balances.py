"""Balances at any time, as in effect and as known, against a plain sum over all events."""

import pytest

from ledger.accounts import BALANCE_SIGNS, EFFECTS, balance_nano
from ledger.balances import NOW, SHOWN, AsOf, balance_at, columns_at, exact_balances
from ledger.history import History
from ledger.known import MOVES, agree
from tests.ledger.histories import ACCOUNTS, CHANNEL, USER, Teller

pytestmark = pytest.mark.database


@pytest.mark.parametrize("seed", range(2))
async def test_any_time_is_exact(store, seed):
    teller = await Teller.start(store, seed)
    await teller.record(120)
    history = await History.open(store)
    for account in ACCOUNTS:
        assert await balance_at(history, account) == teller.balance(account)
        times = teller.some_times(2)
        for at_us, known_us in zip(times, reversed(times), strict=True):
            for as_of in (AsOf(at_us), AsOf(None, known_us), AsOf(at_us, known_us)):
                expected = teller.balance(account, as_of.counts)
                assert await balance_at(history, account, as_of) == expected, (account, as_of)
    assert await exact_balances(store, ACCOUNTS) == {a: teller.balance(a) for a in ACCOUNTS}


async def answers(store, teller, views):
    history = await History.open(store)
    return {
        account: [await columns_at(history, account, view) for view in views]
        for account in (USER, "key:7", CHANNEL)
    }


@pytest.mark.parametrize("seed", range(2))
async def test_rollups_may_be_there_or_not(store, seed, monkeypatch):
    """Whole, with pages missing, dropped with or without their watermarks: one answer."""
    teller = await Teller.start(store, 100 + seed)
    await teller.record(80)
    first, second = teller.some_times(2)
    views = [AsOf(None, first), AsOf(second), AsOf(second, first)]
    without = await answers(store, teller, views)
    for account, found in without.items():
        assert [balance_nano(columns) for columns in found] == [
            teller.balance(account, view.counts) for view in views
        ]
    believed = []

    def asked(*args):
        believed.append(agree(*args))
        return believed[-1]

    monkeypatch.setattr("ledger.balances.agree", asked)
    await teller.roll_up()
    assert await answers(store, teller, views) == without
    assert believed and all(believed), "the rollups were used"
    pages = await store.find_list("rollups", {}, projection={"_id": 1})
    for page in teller.rng.sample(pages, len(pages) // 4):
        await store.delete_one("rollups", page)
    believed.clear()
    assert await answers(store, teller, views) == without
    assert not all(believed), "gaps were noticed"
    await store.delete_many("rollups", {})
    assert await answers(store, teller, views) == without
    await store.delete_many("positions", {"_id": {"$gte": "rollups:", "$lt": "rollups;"}})
    assert await answers(store, teller, views) == without


def test_rollups_move_what_events_move():
    """Every type of event is known to move the columns that it does, or to move nothing."""
    moving = {kind for kind, effect in EFFECTS.items() if effect.__name__ != "_nothing"}
    assert set(MOVES) == moving
    for column, sign in MOVES.values():
        assert BALANCE_SIGNS[column] == sign


async def test_what_was_known_is_not_changed_by_what_is_recorded_later(store):
    teller = await Teller.start(store, 11)
    await teller.record(60)
    times = [*teller.some_times(5), teller.times.now_us]
    views = [AsOf(None, known) for known in times] + [AsOf(at, times[-1]) for at in times]
    history = await History.open(store)
    before = [await columns_at(history, USER, view) for view in views]
    teller.times.now_us += 1
    await teller.record(60)
    history = await History.open(store)
    assert [await columns_at(history, USER, view) for view in views] == before
    assert await columns_at(history, USER) != before[len(times) - 1]


async def test_before_the_books_there_was_nothing(store):
    teller = await Teller.start(store, 5)
    await teller.record(30)
    history = await History.open(store)
    for as_of in (AsOf(0), AsOf(None, 0), AsOf(1, 1)):
        columns = await columns_at(history, USER, as_of)
        assert columns == dict.fromkeys(SHOWN, 0)
    assert (await columns_at(history, USER, NOW))["requests"] > 0
    assert await columns_at(history, "user:404", AsOf(10**15)) == dict.fromkeys(SHOWN, 0)


async def test_watermarks_of_other_projections_are_not_mistaken(store):
    teller = await Teller.start(store, 6)
    await teller.record(30)
    for name, document in (("seal", {"number": 9}), ("rollups:1", {"seq": 10**6})):
        await store.insert_one("positions", {"_id": name, **document})
    assert await exact_balances(store, [USER]) == {USER: teller.balance(USER)}
