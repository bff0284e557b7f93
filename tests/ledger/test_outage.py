"""Outages: who may be taken for dead after the database was away."""

import asyncio

import pytest

from ledger.books import Books
from ledger.clock import Clock
from ledger.credit import ASK_S
from ledger.errors import DatabaseAway, Unavailable
from ledger.outage import Outage
from ledger.store import Store
from ledger.verify import verify
from ledger.writers import LEASE_S
from tests.ledger.drafts import recharge

pytestmark = pytest.mark.database


class Moved(Clock):
    """A clock that is put forward by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.by_s = 0.0

    def monotonic_s(self) -> float:
        """Seconds that only grow."""
        return super().monotonic_s() + self.by_s


class Ping:
    """A database that is there or not."""

    there = True

    async def ping(self) -> None:
        if not self.there:
            raise Unavailable("away")


async def watch(outage: Outage, clock: Moved, seconds: int) -> None:
    for _ in range(seconds):
        clock.by_s += 1
        await outage.look()


@pytest.fixture
async def books(store):
    """Books in which every lease, its own too, is over."""
    books = await Books.open(store, Moved())
    yield books
    await books.close()


async def leases_end(store) -> None:
    await store.update_one("writers", {"_id": 1}, {"$set": {"expires_us": 0}})
    await store.update_one("writers", {"_id": 2}, {"$set": {"expires_us": 0}})


async def test_what_counts_is_how_long_it_was_seen_to_answer():
    clock, database = Moved(), Ping()
    outage = Outage(database, clock, lambda: 0.0)  # type: ignore[arg-type]
    assert outage.steady_s < 1
    await watch(outage, clock, 40)
    assert 40 <= outage.steady_s < 41
    database.there = False
    await watch(outage, clock, 2)
    assert outage.steady_s == 0 and not outage.reachable()
    database.there = True
    await watch(outage, clock, 3)
    assert 2 <= outage.steady_s < 3 and outage.reachable()
    clock.by_s += 3_600  # the process was asleep, and perhaps everything else with it
    assert outage.steady_s == 0
    await watch(outage, clock, 5)
    assert 4 <= outage.steady_s < 6


async def test_a_question_ends_with_the_outage_that_is_noticed():
    clock, ping = Moved(), Ping()
    outage = Outage(ping, clock, lambda: 0.0)

    begun = asyncio.Event()

    async def ask() -> None:
        async with outage.asking(60):
            begun.set()
            await asyncio.Event().wait()

    asked = asyncio.create_task(ask())
    await begun.wait()
    await outage.look()
    assert not asked.done()
    ping.there = False
    await outage.look()
    assert asked in (await asyncio.wait([asked], timeout=5))[0]
    with pytest.raises(TimeoutError):
        await asked


async def test_a_question_that_is_over_anyway_does_not_end_the_watch():
    """In a process that stood still all times are over at once, and nobody has left yet."""
    clock, ping = Moved(), Ping()
    outage = Outage(ping, clock, lambda: 0.0)  # type: ignore[arg-type]
    over, noticed = asyncio.Event(), asyncio.Event()

    async def ask() -> None:
        async with outage.asking(0.01):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                over.set()
                await noticed.wait()
                raise

    asked = asyncio.create_task(ask())
    await over.wait()
    ping.there = False
    await outage.look()
    noticed.set()
    with pytest.raises(TimeoutError):
        await asked
    ping.there = True
    await outage.look()
    assert outage.reachable()


async def test_who_needs_credit_hears_soon_that_the_database_is_silent(store, proxy, mongo_driver):
    patient = await Store.connect(proxy.url, store.name, mongo_driver)
    books = await Books.open(patient, Clock())
    try:
        await books.record(recharge("r1"))
        proxy.silent = True
        began_s = asyncio.get_running_loop().time()
        with pytest.raises(DatabaseAway):
            await books.credit.hold(["user:1"], 10, wait_s=30)
        assert asyncio.get_running_loop().time() - began_s < ASK_S / 2
    finally:
        proxy.silent = False
        await proxy.cut()  # so that nobody waits for what was swallowed
        await proxy.restore()
        await books.close()
        await patient.close()


async def test_a_process_never_takes_its_own_slot_over(store, books):
    await watch(books._outage, books.clock, LEASE_S + 1)
    await leases_end(store)
    await books._recover_others()
    assert (await store.find_one("writers", {"_id": 1}))["epoch"] == books.writer.epoch
    await books._renew_lease()
    assert not books.fenced.is_set()
    await books.record(recharge("a"))


async def test_after_an_outage_others_have_time_to_come_back(store, books):
    other = await Books.open(store, Clock())
    await leases_end(store)
    await books._recover_others()
    newcomer = await Books.open(store, Clock())
    await other.record(recharge("a"))
    await other._renew_lease()
    assert newcomer.writer.slot == 3 and not other.fenced.is_set()
    await newcomer.close()
    await leases_end(store)
    await watch(books._outage, books.clock, LEASE_S + 1)
    await books._recover_others()  # it did not come back
    await other._renew_lease()
    assert other.fenced.is_set()
    await other.close()
    assert (await verify(store)).ok
