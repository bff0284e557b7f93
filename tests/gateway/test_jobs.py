"""Jobs: one leader at a time, taken over when it is lost; turns that never overlap or pile up."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from gateway import jobs as jobs_module
from gateway.jobs import Job, JobContext, Jobs
from gateway.leader import LEASES, Leader
from gateway.settings import Settings
from ledger.books import Books
from ledger.clock import Clock
from ledger.errors import Unavailable
from ledger.seals import latest
from ledger.store import Store
from tests.ledger.drafts import recharge
from tests.waiting import until


class MovedClock(Clock):
    """A monotonic clock that a test moves ahead, as if the process had been paused."""

    ahead_s = 0.0

    def monotonic_s(self) -> float:
        return super().monotonic_s() + self.ahead_s


class LostStore:
    """A database that went away for one process. `asked` counts what it was asked since."""

    asked = 0

    def __getattr__(self, name: str) -> Any:
        async def away(*args: object, **kwargs: object) -> None:
            self.asked += 1
            raise Unavailable("away")

        return away


@asynccontextmanager
async def running(
    store: Store, owner: str, *table: Job, lease_s: float = 1.0, clock: Clock | None = None
) -> AsyncIterator[Jobs]:
    clock = clock or Clock()
    context = JobContext(store, cast(Any, None), cast(Any, None), Settings(), clock)
    leader = Leader(store, clock, owner, lease_s=lease_s, try_s=0.05)
    started = Jobs(context, leader, table)
    started.start()
    try:
        yield started
    finally:
        await started.close()


def counting(name: str, every_s: float = 0.02, **options: bool) -> tuple[Job, list[float]]:
    turns: list[float] = []

    async def run(context: JobContext) -> None:
        turns.append(time.monotonic())

    return Job(name, every_s, run, **options), turns


async def test_of_two_processes_one_leads_and_the_other_follows_it(store: Store) -> None:
    first_job, first_turns = counting("count")
    second_job, second_turns = counting("count")
    async with running(store, "1:1", first_job) as first:
        await until(lambda: len(first_turns) > 3)
        async with running(store, "2:1", second_job) as second:
            await until(lambda: len(first_turns) > 10)
            assert first.leader.leads and not second.leader.leads and not second_turns
            await first.close()
            await until(lambda: second.leader.leads, timeout_s=1)
            await until(lambda: len(second_turns) > 3)
            stopped_at = len(first_turns)
            await until(lambda: len(second_turns) > 10)
            assert len(first_turns) == stopped_at


async def test_a_leader_that_crashed_is_replaced_when_its_lease_ends(store: Store) -> None:
    dead = Leader(store, Clock(), "1:1", lease_s=1.0)
    assert await dead.stand()
    began_s = time.monotonic()
    job, turns = counting("count")
    async with running(store, "2:1", job) as second:
        await until(lambda: second.leader.leads, timeout_s=3)
        assert 0.8 < time.monotonic() - began_s < 3
        await until(lambda: bool(turns))
        assert not await dead.stand(), "who lost the lease must not renew it"


async def test_a_leader_without_its_database_stops_leading_before_its_lease_ends(
    store: Store,
) -> None:
    clock = MovedClock()
    job, turns = counting("count")
    async with running(store, "1:1", job, lease_s=10.0, clock=clock) as first:
        await until(lambda: bool(turns))
        lost = LostStore()
        first.leader._store = cast(Store, lost)
        await until(lambda: lost.asked > 0)  # no renewal is on its way any more
        expires_us = (await store.find_one(LEASES, {"_id": "jobs"}) or {})["expires_us"]
        left_s = (expires_us - await store.server_now_us()) / 1_000_000
        clock.ahead_s = left_s
        assert not first.leader.leads
        seen = len(turns)
        rival = Leader(store, Clock(), "2:1", lease_s=10.0)
        assert not await rival.stand(), "for everybody else the lease still runs"
        assert len(turns) - seen <= 1
        first.leader._store = store


async def test_many_candidates_at_once_elect_exactly_one(store: Store) -> None:
    candidates = [Leader(store, Clock(), f"{n}:1") for n in range(8)]
    for _ in range(3):
        assert sum(await asyncio.gather(*(each.stand() for each in candidates))) == 1
        assert sum(each.leads for each in candidates) == 1


async def test_a_slow_job_never_overlaps_itself_and_missed_turns_are_not_made_up_for(
    store: Store,
) -> None:
    inside = most = runs = 0
    let_go = asyncio.Event()

    async def slow(context: JobContext) -> None:
        nonlocal inside, most, runs
        inside += 1
        runs += 1
        most = max(most, inside)
        await let_go.wait()
        inside -= 1

    beat, beats = counting("beat", leader_only=False)
    slow_job = Job("slow", 0.02, slow, leader_only=False)
    async with running(store, "1:1", slow_job, beat) as started:
        await until(lambda: len(beats) > 20)
        assert (runs, most) == (1, 1)
        let_go.set()
        before = time.monotonic()
        await until(lambda: runs > 3)
        assert most == 1 and runs - 1 <= (time.monotonic() - before) / 0.02 + 2
        assert started.turns["slow"].failures == 0


async def test_a_failure_is_said_in_one_line_and_counted(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    broken = True

    async def run(context: JobContext) -> None:
        if broken:
            raise Unavailable("nobody answers")

    async with running(store, "1:1", Job("fragile", 0.02, run)) as started:
        turns = started.turns["fragile"]
        await until(lambda: turns.failures > 5)
        broken = False
        await until(lambda: turns.in_a_row == 0)
    said = [r.getMessage() for r in caplog.records if r.levelname in ("ERROR", "WARNING")]
    assert said[0] == "the job fragile failed: nobody answers"
    assert len(said) == 2 and "works again" in said[1]
    assert turns.runs > turns.failures


async def test_closing_ends_a_job_that_does_not_end_by_itself(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs_module, "CLOSE_S", 0.05)
    begun, swallowed, tasks = asyncio.Event(), 0, set[asyncio.Task[None] | None]()

    async def stubborn(context: JobContext) -> None:
        nonlocal swallowed
        tasks.add(asyncio.current_task())
        begun.set()
        while swallowed < 2:  # as a driver does that swallows a cancellation
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                swallowed += 1

    async with running(store, "1:1", Job("stubborn", 0.02, stubborn)):
        await until(begun.is_set)
    assert swallowed == 2 and all(task is None or task.done() for task in tasks)
    others = asyncio.all_tasks() - {asyncio.current_task()}
    assert [t for t in others if "pymongo" not in t.get_coro().cr_code.co_filename] == []


async def test_a_job_remembers_across_leaders_when_it_last_ended(store: Store) -> None:
    turns: list[str] = []

    def daily(owner: str) -> Job:
        async def run(context: JobContext) -> None:
            turns.append(owner)

        return Job("daily", 86_400, run)

    async with running(store, "1:1", daily("first")) as first:
        await until(lambda: first.turns["daily"].runs == 1)
    async with running(store, "2:1", daily("second")) as second:
        await until(lambda: second.leader.leads and second._scheduler.get_job("daily") is not None)
        due = second._scheduler.get_job("daily").next_run_time.timestamp()
        assert due > time.time() + 80_000
    assert turns == ["first"]


async def test_a_job_whose_interval_is_set_to_zero_never_runs(store: Store) -> None:
    def never(settings: Settings) -> float:
        return 0.0

    async def run(context: JobContext) -> None:
        raise AssertionError("it ran")

    beat, beats = counting("beat")
    async with running(store, "1:1", Job("off", never, run), beat) as started:
        await until(lambda: len(beats) > 3)
        assert started.turns["off"].runs == 0


async def test_what_is_recorded_is_sealed_even_when_the_audit_fails(store, monkeypatch):
    async def fails(*args: object) -> None:
        raise Unavailable("away for a moment")

    monkeypatch.setattr(jobs_module, "watch", fails)
    clock = Clock()
    books = await Books.open(store, clock)
    await books.record(recharge("a"))
    context = JobContext(store, books, cast(Any, None), Settings(), clock)
    with pytest.raises(Unavailable):
        await jobs_module._audit(context)
    sealed = await latest(store)
    assert sealed is not None and sealed.heads[books.writer.slot].seq >= 1
    await books.close()
