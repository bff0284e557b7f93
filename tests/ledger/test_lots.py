"""Lots: gifts first, nothing overspent, nothing lost, an end that takes no more than there is."""

import asyncio
import itertools
import random

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from ledger import accounts
from ledger.accounts import available_nano, balance_nano
from ledger.books import Books
from ledger.clock import Clock
from ledger.cohort import reversal_id
from ledger.errors import InsufficientCredit
from ledger.events import Draft
from ledger.lot_expiry import expire, take_back, taken_by_expiry
from ledger.lot_names import Lot, body_of, expired, fault, parse
from ledger.lots import of_user
from ledger.rebuild import rebuild
from ledger.verify import verify
from tests.ledger.drafts import charge, recharge

US = 1_000_000
NOW_S = 1_800_000_000
LATER_S = NOW_S + 3_600


class Stopped(Clock):
    """A clock whose date is set by hand."""

    us = NOW_S * US

    def now_us(self) -> int:
        return self.us


def gift(number, amount, user=1, source="gift", expires_s=None):
    event_id = f"grant:{number}"
    body = {"reason": "test", "lot": body_of(event_id, source, expires_s)}
    return Draft(event_id, "grant.signup", f"user:{user}", amount, "system", body)


def lot_of(draft) -> str:
    return f"lot:{draft.account[5:]}:{draft.body['lot']['id']}"


def test_a_name_says_it_all():
    draft = gift(1, 5, user=42, expires_s=LATER_S)
    lot = parse(lot_of(draft))
    assert lot == Lot(lot_of(draft), 42, "gift", LATER_S * US)
    assert lot.is_open(LATER_S * US - 1) and not lot.is_open(LATER_S * US)
    forever = parse(lot_of(gift(2, 5)))
    assert forever is not None and forever.expires_us is None and forever.is_open(2**62)
    assert parse("user:42") is parse("lot:42:gift") is None and not expired("user:1", 2**62)
    with pytest.raises(ValueError):
        body_of("x", "stolen", None)
    with pytest.raises(ValueError):
        body_of("x", "gift", 0)


def test_the_same_event_is_the_same_lot():
    assert body_of("a", "gift", 5) == body_of("a", "gift", 5) != body_of("b", "gift", 5)


def test_gifts_come_before_paid_and_early_ends_before_late_ones():
    made = [
        ("paid", LATER_S),
        ("gift", None),
        ("gift", LATER_S + 1),
        ("gift", LATER_S),
        ("paid", 5),
    ]
    lots = [parse(lot_of(gift(n, 1, source=s, expires_s=e))) for n, (s, e) in enumerate(made)]
    ranked = sorted((lot for lot in lots if lot), key=lambda lot: lot.rank)
    assert [lots.index(lot) for lot in ranked] == [3, 2, 1, 4, 0]


def test_a_wrong_split_is_a_fault():
    mine, other = lot_of(gift(1, 1)), lot_of(gift(1, 1, user=2))
    event = {"account": "user:1", "amount": -10, "body": {}}
    assert fault(event) is None
    assert fault({**event, "body": {"lots": [[mine, 10]]}}) is None
    for split in ([[mine, 11]], [[other, 1]], [["user:1", 1]], [[mine, 1], [mine, 1]]):
        assert fault({**event, "body": {"lots": split}}), split


@pytest.fixture
async def books(store):
    books = await Books.open(store, Stopped())
    yield books
    await books.close()


async def spend(books, number, estimate, tokens, user=1, **kw):
    """One request as the relay makes it; what it was charged, or None when refused."""
    account = f"user:{user}"
    try:
        held = await books.credit.hold([account], estimate, **{"wait_s": 0, **kw})
    except InsufficientCredit:
        return None
    if books.lots.any(account):
        await books.lots.prepare(account, estimate)
    await asyncio.sleep(0)
    amount = min(tokens * 1_000, held.amount_nano) // 1_000 * 1_000
    draft = charge(str(number), amount // 1_000, user=user, held=(account,))
    taken = await books.lots.take(account, amount) if books.lots.any(account) else []
    if taken:
        draft.body["lots"] = [[hold.accounts[0], nano] for hold, nano in taken]
    await books.charge(draft, books.place(), (held, amount), *taken)
    return amount


async def split_of(store, number):
    event = await store.find_one("events", {"_id": f"usage:{number}"})
    return [tuple(part) for part in event["body"].get("lots", [])]


async def left(books, *drafts):
    await books.settled()
    found = await accounts.read_many(books.store, [lot_of(draft) for draft in drafts])
    return [balance_nano(found[lot_of(draft)]) for draft in drafts]


@pytest.mark.database
class TestSpending:
    async def test_a_gift_goes_first_and_the_rest_is_paid(self, store, books):
        present = gift(1, 30_000)
        await books.record(recharge("a", amount_nano=10**6))
        await books.record(present)
        assert await spend(books, "r", 20_000, 20) == 20_000
        assert await spend(books, "s", 20_000, 20) == 20_000
        assert await split_of(store, "r") == [(lot_of(present), 20_000)]
        assert await split_of(store, "s") == [(lot_of(present), 10_000)]
        assert await left(books, present) == [0]
        assert await spend(books, "t", 20_000, 20) == 20_000
        assert await split_of(store, "t") == []
        await books.settled()
        user = await accounts.read(store, "user:1")
        assert balance_nano(user) == 10**6 + 30_000 - 60_000 and user["lots"] == 1
        assert (await verify(store)).ok

    async def test_several_lots_in_their_order(self, store, books):
        late, early = gift(1, 5_000, expires_s=LATER_S + 9), gift(2, 5_000, expires_s=LATER_S)
        old, new = gift(3, 5_000), gift(4, 5_000)
        paid = gift(5, 5_000, source="paid", expires_s=LATER_S)
        for draft in (paid, late, early, old, new):
            await books.record(draft)
            books.clock.us += US
        await books.record(recharge("a", amount_nano=10**6))
        assert await spend(books, "r", 24_000, 24) == 24_000
        assert await split_of(store, "r") == [
            (lot_of(draft), nano)
            for draft, nano in zip(
                (early, late, old, new, paid), (5_000, 5_000, 5_000, 5_000, 4_000), strict=True
            )
        ]
        assert (await verify(store)).ok

    async def test_what_is_over_is_not_spent(self, store, books):
        present = gift(1, 5_000, expires_s=LATER_S)
        await books.record(present)
        await books.record(recharge("a", amount_nano=10**6))
        await spend(books, "r", 1_000, 1)
        books.clock.us = LATER_S * US
        await spend(books, "s", 1_000, 1)
        assert await split_of(store, "r") and not await split_of(store, "s")

    async def test_who_has_no_lots_is_asked_nothing(self, store, books, monkeypatch):
        await books.record(recharge("a", amount_nano=10**6))
        await spend(books, "r", 1_000, 1)
        monkeypatch.setattr(books.lots, "_open", None)
        assert not books.lots.any("user:1")
        await books.lots.prepare("user:1", 1_000)
        assert await books.lots.take("user:1", 1_000) == []

    async def test_a_gift_that_another_process_records_is_noticed(self, store, books):
        await books.record(recharge("a", amount_nano=10**9))
        await spend(books, "r", 1_000, 1)
        other = await Books.open(store, Stopped())
        present = gift(1, 5_000)
        await other.record(present)
        await books.lots.refresh()
        await spend(books, "s", 1_000, 1)
        assert await split_of(store, "s") == [(lot_of(present), 1_000)]
        await other.close()

    async def test_long_answers_find_their_lots_again(self, store, books):
        present = gift(1, 50_000)
        await books.record(present)
        await books.record(recharge("a", amount_nano=10**6))
        held = await books.credit.hold(["user:1"], 20_000)
        await books.lots.prepare("user:1", 20_000)
        await books.credit.return_idle(0)
        assert sum(nano for _, nano in await books.lots.take("user:1", 20_000)) == 20_000
        held.release()

    async def test_a_database_that_is_away_leaves_the_plain_balance(self, store, books):
        await books.record(gift(1, 50_000))
        await books.record(recharge("a", amount_nano=10**6))
        (await books.credit.hold(["user:1"], 20_000)).release()
        books.credit._reachable = lambda: False
        await books.lots.prepare("user:1", 1_000)
        assert await books.lots.take("user:1", 1_000) == []

    async def test_a_reversal_gives_back_to_lots_whose_time_is_not_over(self, store, books):
        short, long = gift(1, 5_000, expires_s=LATER_S), gift(2, 5_000)
        for draft in (short, long):
            await books.record(draft)
        await spend(books, "r", 10_000, 8)
        split = [list(part) for part in await split_of(store, "r")]
        body = {"charge": "usage:r", "reason": "test", "key": 7, "channel": 3, "group": "default"}
        body |= {"model": "m", "hold_accounts": ["user:1"], "lots": split, "price_version": 1}
        body |= {"charged_us": 1, "reversal": "x", "approver": None}
        books.clock.us = LATER_S * US
        await books.record(Draft("rev:r", "usage.reversed", "user:1", 8_000, "user:9", body))
        assert await left(books, short, long) == [0, 5_000]
        assert balance_nano(await accounts.read(store, "user:1")) == 10_000


@pytest.mark.database
class TestExpiry:
    async def test_what_is_left_goes_once(self, store, books):
        present = gift(1, 30_000, expires_s=LATER_S)
        await books.record(present)
        await books.record(recharge("a", amount_nano=10**6))
        await spend(books, "r", 10_000, 10)
        assert await expire(books) == 0
        books.clock.us = LATER_S * US
        assert await expire(books) == 0, "not in the first minute"
        books.clock.us += 60 * US
        assert await expire(books) == 1 and await expire(books) == 0
        event = await store.find_one("events", {"_id": f"lot-expired:{lot_of(present)}"})
        assert event["amount"] == -20_000 and event["body"]["left_nano"] == 20_000
        await books.settled()
        assert balance_nano(await accounts.read(store, "user:1")) == 10**6
        assert await left(books, present) == [0]
        assert (await verify(store)).ok

    async def test_never_more_than_the_user_has(self, store, books):
        present = gift(1, 30_000, expires_s=LATER_S)
        await books.record(present)
        body = {"reason": "a correction"}
        for number, nano in ((1, -12_000), (2, -18_000)):
            adjusted = Draft(f"adjust:{number}", "balance.adjusted", "user:1", nano, "user:9", body)
            await books.debit(adjusted)
            if number == 1:
                other = gift(2, 1_000, expires_s=LATER_S)
                await books.record(other)
        books.clock.us = (LATER_S + 60) * US
        assert await expire(books) == 2
        await books.settled()
        assert balance_nano(await accounts.read(store, "user:1")) == 0
        assert await left(books, present, other) == [0, 0]
        taken = await store.find_list("events", {"type": "lot.expired"})
        assert sorted(event["amount"] for event in taken)[0] == -1_000
        assert (await verify(store)).ok

    async def test_what_is_held_waits_for_the_next_turn(self, store, books, monkeypatch):
        monkeypatch.setattr("ledger.lot_expiry.WAIT_S", 0.0)
        present = gift(1, 30_000, expires_s=LATER_S)
        await books.record(present)
        held = await books.credit.hold(["user:1"], 5_000)
        await books.lots.prepare("user:1", 5_000)
        ((lot, nano),) = await books.lots.take("user:1", 5_000)
        books.clock.us = (LATER_S + 60) * US
        assert await expire(books) == 0
        draft = charge("r", 5, held=("user:1",))
        draft.body["lots"] = [[lot_of(present), nano]]
        await books.charge(draft, books.place(), (held, 5_000), (lot, nano))
        await books.settled()
        assert await expire(books) == 1
        await books.settled()
        assert balance_nano(await accounts.read(store, "user:1")) == 0
        assert (await verify(store)).ok

    async def test_a_rebuild_knows_lots(self, store, books):
        await books.record(gift(1, 30_000, expires_s=LATER_S))
        await books.record(recharge("a", amount_nano=10**6))
        await spend(books, "r", 10_000, 10)
        books.clock.us = (LATER_S + 60) * US
        await expire(books)
        await books.settled()
        before = [d async for d in store.find("accounts", {}, sort=[("_id", 1)])]
        await store.update_many("accounts", {}, {"$inc": {"credited": 5}, "$set": {"lots": 9}})
        await rebuild(store)
        after = {d["_id"]: d async for d in store.find("accounts", {})}
        for document in before:
            for name in ("credited", "spent", "adjusted", "lots", "opened_us"):
                assert after[document["_id"]].get(name, 0) == document.get(name, 0)


STEP = st.one_of(
    st.tuples(st.just("gift"), st.integers(1, 40), st.sampled_from([None, 50, 100, 150])),
    st.tuples(st.just("pay"), st.integers(1, 40)),
    st.tuples(st.just("spend"), st.integers(1, 30), st.integers(0, 35), st.booleans()),
    st.tuples(st.just("spend"), st.integers(1, 30), st.integers(0, 35), st.booleans()),
    st.tuples(st.just("tick"), st.integers(1, 60)),
    st.tuples(st.just("expire"), st.booleans()),
    st.tuples(st.just("idle"), st.booleans()),
)
USERS = itertools.count(1_000)


@pytest.mark.database
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rounds=st.lists(st.lists(STEP, max_size=6), max_size=8))
async def test_whatever_happens_nothing_is_lost_and_nothing_overspent(store, both, rounds):
    """Two processes; the steps of a round run at once."""
    user = next(USERS)
    numbers = itertools.count()
    for books in both:
        books.clock.us = NOW_S * US
    note(f"user {user}")

    async def step(kind, *args):
        number = f"{user}-{next(numbers)}"
        if kind == "gift":
            amount, after_s = args
            end_s = None if after_s is None else NOW_S + after_s
            await both[0].record(gift(number, amount * 1_000, user=user, expires_s=end_s))
        elif kind == "pay":
            await both[0].record(recharge(number, f"user:{user}", args[0] * 1_000))
        elif kind == "spend":
            estimate, tokens, second = args
            await spend(both[second], number, estimate * 1_000, tokens, user, wait_s=0.05)
        elif kind == "tick":
            for books in both:
                books.clock.us += args[0] * US
        elif kind == "expire":
            await expire(both[args[0]], grace_us=0)
        else:
            await both[args[0]].credit.return_idle(0)

    for steps in rounds:
        await asyncio.gather(*(step(*each) for each in steps))
        for books in both:
            await books.settled()
        await check(store, user)
    for books in both:
        books.clock.us += 1_000 * US
        await books.credit.return_idle(0)
    await expire(both[0], grace_us=0)
    await both[0].settled()
    await both[0].credit.return_idle(0)
    document = await check(store, user)
    assert available_nano(document) == balance_nano(document)
    ended = await of_user(store, f"user:{user}")
    assert all(nano == 0 for lot, _, nano in ended if lot.expires_us is not None)


async def check(store, user):
    """Compare the accounts of a user with what the events say, and with what may be."""
    document = await accounts.read(store, f"user:{user}")
    events = await store.find_list("events", {"account": f"user:{user}"})
    assert balance_nano(document) == sum(event["amount"] for event in events) >= 0
    assert available_nano(document) >= 0
    for lot, _, nano in await of_user(store, f"user:{user}"):
        assert nano >= 0, lot
        assert available_nano(await accounts.read(store, lot.account)) >= 0, lot
    for event in events:
        assert event["type"] != "usage.charged" or fault(event) is None
    return document


@pytest.fixture
async def both(store):
    pair = [await Books.open(store, Stopped(), flush_interval_s=0.01) for _ in range(2)]
    yield pair
    for books in pair:
        await books.close()
    report = await verify(store)
    assert report.ok, report.lines


@pytest.mark.database
@pytest.mark.parametrize("seed", range(3))
async def test_expiry_races_with_spending(store, both, seed):
    rng = random.Random(seed)
    await both[0].record(recharge("a", amount_nano=100_000))
    drafts = [gift(n, rng.randint(1, 60) * 1_000, expires_s=NOW_S + 10) for n in range(4)]
    for draft in drafts:
        await both[0].record(draft)

    async def one(number):
        books = rng.choice(both)
        if number == 30:
            for each in both:
                each.clock.us = (NOW_S + 10) * US
        if number > 30 and number % 5 == 0:
            await expire(books, grace_us=0)
        else:
            await spend(books, number, rng.randint(1, 9) * 1_000, rng.randint(0, 9), wait_s=0.05)

    await asyncio.gather(*(one(number) for number in range(60)))
    for books in both:
        await books.settled()
        await books.credit.return_idle(0)
    await expire(both[0], grace_us=0)
    await both[0].settled()
    await check(store, 1)
    assert await left(both[0], *drafts) == [0, 0, 0, 0]
    given = 100_000 + sum(draft.amount_nano for draft in drafts)
    events = await store.find_list("events", {"account": "user:1", "amount": {"$lt": 0}})
    lost = -sum(event["amount"] for event in events)
    assert balance_nano(await accounts.read(store, "user:1")) == given - lost, seed


@pytest.mark.database
async def test_a_recharge_that_is_taken_back_takes_its_lot_along(store, books):
    draft = recharge("gift", amount_nano=30_000)
    draft.body["lot"] = body_of(draft.id, "paid", LATER_S)
    await books.record(draft)
    await books.record(recharge("plain", amount_nano=50_000))
    assert await spend(books, "r", 10_000, 10)
    back = {
        "recharge": draft.id,
        "provider": "test",
        "reference": "gift",
        "reason": "test",
        "short_nano": 10_000,
        "reversal": "x",
        "approver": None,
    }
    account = lot_of(draft)
    taken = Draft(reversal_id(draft.id), "recharge.reversed", "user:1", -20_000, "user:9", back)
    await take_back(books, taken, account)
    assert await left(books, draft) == [0]
    books.clock.us = (LATER_S + 60) * US
    assert await expire(books) == 0
    assert balance_nano(await accounts.read(store, "user:1")) == 50_000
    assert await taken_by_expiry(store, account) == 0
    assert (await verify(store)).ok


@pytest.mark.database
async def test_what_expired_is_not_taken_back_again(store, books):
    draft = gift(1, 30_000, expires_s=LATER_S)
    await books.record(draft)
    books.clock.us = (LATER_S + 60) * US
    await expire(books)
    assert await taken_by_expiry(store, lot_of(draft)) == 30_000
