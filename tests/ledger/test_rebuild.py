"""Rebuild: the same accounts from nothing, after interruptions, and beside running writers."""

import asyncio
import random

import pytest

from ledger import checkpoint
from ledger.accounts import COLUMNS
from ledger.archived import Archives
from ledger.audit import audit
from ledger.books import Books
from ledger.clock import Clock
from ledger.errors import Unavailable
from ledger.rebuild import CHECKPOINT, rebuild, writers
from ledger.verify import verify
from tests.ledger.drafts import charge, recharge

pytestmark = pytest.mark.database

PROJECTED = (*COLUMNS, "consumed", "consumed_by", "applied")


async def fill(store, chance, count=60):
    """Record a random history by one or two writers and close the books."""
    for _ in range(chance.randint(1, 2)):
        books = await Books.open(store, Clock(), flush_interval_s=0.01)
        tag = chance.getrandbits(30)
        for user in range(1, 5):
            await books.record(recharge(f"{tag}-{user}", f"user:{user}", 10**9))
        for n in range(count):
            user = chance.randint(1, 4)
            held = (f"user:{user}",) if chance.random() < 0.5 else ()
            draft = charge(
                f"{tag}-{n}",
                chance.randint(0, 90),
                user=user,
                key=chance.randint(1, 6),
                channel=chance.randint(1, 3),
                held=held,
            )
            hold = await books.credit.hold(held, -draft.amount_nano) if held else None
            await books.append(draft, books.place())
            if hold is not None:
                hold.settle(-draft.amount_nano)
        await books.close()


async def accounts_of(store):
    """The projected fields of all accounts; those without any are as good as absent."""
    found = await store.find_list("accounts", {})
    documents = {d["_id"]: {f: d[f] for f in PROJECTED if d.get(f)} for d in found}
    return {account: fields for account, fields in documents.items() if fields}


async def damage(store, chance):
    """Do something random to a random account."""
    account = chance.choice(sorted(await accounts_of(store)))
    if chance.random() < 0.3:
        await store.delete_one("accounts", {"_id": account})
    else:
        change = {"$inc": {chance.choice(COLUMNS): chance.randint(1, 99)}}
        await store.update_one("accounts", {"_id": account}, change)


class Interrupted(Exception):
    """The power went out."""


def stop_after(events):
    """Return a progress callback that ends the rebuild after so many events."""

    def progress(done, total):
        assert done <= total
        if done >= events:
            raise Interrupted

    return progress


@pytest.mark.parametrize("seed", range(4))
async def test_any_damage_is_mended(store, seed):
    chance = random.Random(seed)
    await fill(store, chance)
    expected = await accounts_of(store)
    for _ in range(chance.randint(1, 6)):
        await damage(store, chance)
    result = await rebuild(store)
    assert await accounts_of(store) == expected
    assert result.changed and not result.left
    again = await rebuild(store)
    assert not again.changed and await accounts_of(store) == expected
    assert (await audit(store)).ok


async def test_everything_dropped_comes_back(store):
    await fill(store, random.Random(5))
    expected = await accounts_of(store)
    await store.delete_many("accounts", {})
    await store.delete_many("positions", {})
    result = await rebuild(store)
    assert await accounts_of(store) == expected and result.accounts == len(expected)
    report = await verify(store)
    assert not [f for f in report.faults if f.kind != "account changed"], report.lines


@pytest.mark.parametrize("seed", range(3))
async def test_it_goes_on_after_any_interruption(store, monkeypatch, seed):
    chance = random.Random(seed)
    monkeypatch.setattr("ledger.chains.PAGE", 10)
    await fill(store, chance)
    expected = await accounts_of(store)
    await damage(store, chance)
    interruptions = 0
    while True:
        stop = stop_after(25 * (interruptions + 1))
        try:
            result = await rebuild(store, resume=True, progress=stop, checkpoint_events=20)
        except Interrupted:
            interruptions += 1
        else:
            break
    assert interruptions >= 2 and result.resumed >= 20
    assert await accounts_of(store) == expected
    assert await store.find_one("positions", {"_id": CHECKPOINT}) is None
    assert await store.find_list("checkpoints", {}) == []


async def test_without_resume_it_begins_again(store, monkeypatch):
    monkeypatch.setattr("ledger.chains.PAGE", 10)
    await fill(store, random.Random(1))
    with pytest.raises(Interrupted):
        await rebuild(store, progress=stop_after(40), checkpoint_events=20)
    assert await store.find_one("positions", {"_id": CHECKPOINT})
    result = await rebuild(store)
    assert not result.resumed and await store.find_list("checkpoints", {}) == []


async def test_a_checkpoint_of_other_code_is_not_used(store, monkeypatch):
    monkeypatch.setattr("ledger.chains.PAGE", 10)
    await fill(store, random.Random(1))
    with pytest.raises(Interrupted):
        await rebuild(store, progress=stop_after(40), checkpoint_events=20)
    archives = await Archives.load(store)
    assert (await checkpoint.load(store, CHECKPOINT, archives)).events >= 20
    await store.update_one("positions", {"_id": CHECKPOINT}, {"$set": {"made_by": "other"}})
    assert await checkpoint.load(store, CHECKPOINT, archives) is None
    assert not (await rebuild(store, resume=True)).resumed


async def test_a_checkpoint_is_whole_or_not_there(store, monkeypatch):
    """Break every single write of a checkpoint: the one before stays good."""
    monkeypatch.setattr(checkpoint, "PIECE_ACCOUNTS", 3)
    monkeypatch.setattr("ledger.chains.PAGE", 10)
    await fill(store, random.Random(2))
    archives = await Archives.load(store)
    with pytest.raises(Interrupted):
        await rebuild(store, progress=stop_after(40), checkpoint_events=20)
    first = await checkpoint.load(store, CHECKPOINT, archives)
    for step in range(30):
        try:
            await checkpoint.save(Breaking(store, step), CHECKPOINT, archives, first)
        except Unavailable:
            assert (await checkpoint.load(store, CHECKPOINT, archives)) == first
        else:
            break
    assert step > 4


class Breaking:
    """A store that answers so many calls and then no more."""

    def __init__(self, store, calls):
        self._store = store
        self._calls = calls

    def __getattr__(self, name):
        method = getattr(self._store, name)

        async def call(*args, **kwargs):
            if self._calls <= 0:
                raise Unavailable("the test cut the connection")
            self._calls -= 1
            return await method(*args, **kwargs)

        return call


async def test_beside_a_running_writer_every_account_stays_exact(store):
    books = await Books.open(store, Clock(), flush_interval_s=0.01)
    for user in (1, 2, 3):
        await books.record(recharge(str(user), f"user:{user}", 10**9))
    done = asyncio.Event()

    async def traffic():
        for n in range(500):
            draft = charge(f"r{n:03}", n % 7, user=n % 3 + 1, held=())
            await books.append(draft, books.place())
        done.set()

    running = asyncio.create_task(traffic())
    rounds = 0
    while not done.is_set():
        result = await rebuild(store)
        assert not result.changed, "what only waits to be projected is not wrong"
        rounds += 1
    await running
    await books.close()
    assert rounds >= 2
    report = await verify(store)
    assert report.ok, report.lines


async def test_a_writer_that_lost_its_registration_is_read(store):
    await fill(store, random.Random(3))
    expected = await accounts_of(store)
    await store.delete_many("writers", {})
    assert await writers(store)
    await store.delete_many("accounts", {})
    await rebuild(store)
    assert await accounts_of(store) == expected


async def test_an_account_that_claims_what_never_was_is_mended(store):
    await fill(store, random.Random(4))
    expected = await accounts_of(store)
    await store.update_one("accounts", {"_id": "user:1"}, {"$set": {"applied.1": 10**6}})
    result = await rebuild(store)
    assert result.changed == 1 and await accounts_of(store) == expected


async def test_progress_ends_at_the_total(store):
    await fill(store, random.Random(6))
    seen = []
    result = await rebuild(store, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (result.events, result.events)
