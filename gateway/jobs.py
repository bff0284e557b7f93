"""Periodic work: one table of jobs, and what runs them.

A job is idempotent and safe when two processes run it at the same time: the elected leader of the
cluster runs those that are `leader_only`, and for a moment there may be two leaders (see
gateway/leader.py). A job never overlaps itself in one process, missed turns are not made up for,
and its failure is said in one line and counted. When each leader's job last ended well is kept with
the lease, so that a daily job runs daily whatever is restarted.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler  # type: ignore[import-untyped]

from gateway.channels.care import Care
from gateway.collector import give_back
from gateway.directory.care import RoundRuns
from gateway.directory.directory import Directory
from gateway.directory.operators import tell_faults
from gateway.directory.signup import finish_signups
from gateway.leader import LEASES, Leader
from gateway.notices.low_balance import remind
from gateway.notices.sender import Sender
from gateway.relay.answers import forget_old
from gateway.settings import Settings
from gateway.tasks import end_all
from ledger.audit import watch
from ledger.books import Books
from ledger.clock import Clock
from ledger.errors import LedgerError, StoreError
from ledger.lot_expiry import expire
from ledger.price_first import seed_rows_apart
from ledger.price_proposals import propose
from ledger.price_waiting import note
from ledger.reversal_runs import resume
from ledger.seal_walks import Walks
from ledger.seals import latest, seal
from ledger.signing import Signer
from ledger.store import Store
from ledger.writers import SYSTEM_ACTOR

CLOSE_S = 5.0
SOON_S = 2.0
# A job that runs more often than this needs no memory of when it last did.
REMEMBERED_S = 300.0

log = logging.getLogger("tollgate.jobs")


@dataclass(eq=False)
class JobContext:
    """What jobs may use. `stopping` is set when the process ends: long jobs look at it.

    `prices_file` holds the prices that come with this version beside the package's.
    """

    store: Store
    books: Books
    directory: Directory
    settings: Settings
    clock: Clock
    signer: Signer | None = None
    log: logging.Logger = log
    care: Care | None = None
    sender: Sender | None = None
    prices_file: Path | None = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Job:
    """One row: what runs, how often (seconds, or read from the settings; 0 is never), and where.

    The first turn ever of a job that is not `at_once` comes a whole interval after somebody first
    led with it: work that asks others, who may bill it, is no part of starting up.
    """

    name: str
    every_s: float | Callable[[Settings], float]
    run: Callable[[JobContext], Awaitable[None]]
    leader_only: bool = True
    at_once: bool = True

    def interval_s(self, settings: Settings) -> float:
        """Return the seconds between two turns; 0 means that it does not run."""
        return self.every_s(settings) if callable(self.every_s) else self.every_s


async def _audit(context: JobContext) -> None:
    """Look over the books, and bind what was recorded since the last seal, in one reading.

    What is found is said once, when it appears or goes.
    """
    walks = Walks(await latest(context.store))
    try:
        found = await watch(context.store, context.log, walks.take)
        await tell_faults(context.directory, found)
    except Exception:  # whatever it is, what was recorded must be bound
        await _seal(context, walks)
        raise
    await _seal(context, walks)


async def _seal(context: JobContext, walks: Walks) -> None:
    await seal(context.books, context.signer, walks)
    give_back()


async def _notices(context: JobContext) -> None:
    """Send what waits in the post box."""
    if context.sender is not None:
        await context.sender.run(context.stopping)


async def _low_balances(context: JobContext) -> None:
    """Write to users whose balance runs low."""
    await remind(context.directory)


async def _people(context: JobContext) -> None:
    """Finish interrupted sign-ups; forget codes that expired and notices of long ago."""
    await finish_signups(context.directory, context.books)
    await context.directory.notices.sweep()
    await context.directory.proofs.sweep()
    await context.directory.oauth_states.sweep()
    await context.directory.tickets.sweep()


async def _reversals(context: JobContext) -> None:
    """Go on with approved reversals that a process left unfinished."""
    await resume(context.books, context.stopping)


async def _lots(context: JobContext) -> None:
    """End the balance lots whose time is over."""
    await expire(context.books, stopping=context.stopping)


async def _answers(context: JobContext) -> None:
    """Forget whose the answers are that no upstream keeps any more."""
    await forget_old(context.store, context.clock.now_us() / 1_000_000)


async def _channel_tests(context: JobContext) -> None:
    """Test the channels, unless a round that somebody asked for is under way."""
    if context.care is not None:
        with suppress(RoundRuns):
            await context.care.tests.run("kept", SYSTEM_ACTOR, context.stopping)


async def _channel_balances(context: JobContext) -> None:
    """Ask the vendors what is left, unless a round that somebody asked for is under way."""
    if context.care is not None:
        with suppress(RoundRuns):
            await context.care.balances.run(SYSTEM_ACTOR, context.stopping)


async def _channel_models(context: JobContext) -> None:
    """Compare the channels' models with their upstreams' lists, and keep the differences."""
    if context.care is not None:
        with suppress(RoundRuns):
            await context.care.models.run(SYSTEM_ACTOR, context.stopping)


async def _prices(context: JobContext) -> None:
    """Propose what the packaged prices have and the book has not. Only a person publishes it."""
    if context.prices_file is None:
        return
    book, now_us = context.books.prices, context.clock.now_us()
    await book.refresh()
    rows, source = await seed_rows_apart(context.prices_file, now_us)
    noted = await note(context.store, propose(book, rows, source), now_us // 1_000_000)
    if noted.new:
        said = "packaged prices: %d new proposals, %d wait: tollgate ledger prices proposals"
        context.log.warning(said, len(noted.new), noted.waiting)


# A line each: name, seconds between turns, coroutine function that takes a JobContext.
JOBS: tuple[Job, ...] = (
    Job("audit", 60, _audit),
    Job("reversals", 10, _reversals),
    Job("lots", 300, _lots),
    Job("notices", 3, _notices),
    Job("low balances", 120, _low_balances),
    Job("people", 600, _people),
    Job("answers", 86_400, _answers),
    Job("channel tests", lambda s: s.channel_test_minutes * 60.0, _channel_tests, at_once=False),
    Job("model lists", lambda s: s.channel_list_minutes * 60.0, _channel_models, at_once=False),
    Job("prices", lambda s: s.price_sync_minutes * 60.0, _prices),
    Job("balances", lambda s: s.channel_update_minutes * 60.0, _channel_balances, at_once=False),
)


@dataclass(slots=True)
class Turns:
    """What a job did in this process."""

    runs: int = 0
    failures: int = 0
    in_a_row: int = 0
    last_s: float = 0.0


class Jobs:
    """The jobs of one process."""

    def __init__(self, context: JobContext, leader: Leader, table: Sequence[Job] = JOBS) -> None:
        self.leader = leader
        self.turns = {job.name: Turns() for job in table}
        self._context = context
        self._table = [job for job in table if job.interval_s(context.settings) > 0]
        self._scheduler = AsyncIOScheduler(
            timezone=UTC,
            job_defaults={"max_instances": 1, "coalesce": True, "misfire_grace_time": None},
        )
        self._running: set[asyncio.Task[Any]] = set()

    def start(self) -> None:
        """Begin: the jobs of every process now, those of the leader once this process leads."""
        self._scheduler.start()
        for job in self._table:
            if not job.leader_only:
                self._schedule(job, SOON_S)
        self.leader.start(self._on_election)

    async def close(self) -> None:
        """Start nothing more, let what runs finish for a few seconds, and give the lead back.

        May be called twice.
        """
        if self._context.stopping.is_set():
            return
        self._context.stopping.set()
        self._scheduler.pause()
        await end_all(set(self._running), CLOSE_S)
        self._scheduler.shutdown(wait=False)
        await self.leader.close()

    async def _on_election(self, leads: bool) -> None:
        """Take up the leader's jobs, or drop them. Raises StoreError."""
        if self._context.stopping.is_set():
            return
        of_leader = [job for job in self._table if job.leader_only]
        if not leads:
            log.info("this process no longer leads")
            for job in of_leader:
                self._scheduler.remove_job(job.name)
            return
        names = {job.name: f"job:{job.name}" for job in of_leader}
        found = await self._context.store.find_ids(LEASES, names.values())
        ended_us = {doc["_id"]: doc["ended_us"] for doc in found}
        now_us = await self._context.store.server_now_us()
        for job in of_leader:
            ended = ended_us.get(names[job.name])
            if ended is None and not job.at_once:
                await self._remember(job)
                ended = now_us
            passed_s = (now_us - (ended or 0)) / 1_000_000
            self._schedule(job, job.interval_s(self._context.settings) - passed_s)
        log.info("this process leads")

    def _schedule(self, job: Job, first_s: float) -> None:
        every_s = job.interval_s(self._context.settings)
        wait_s = min(max(first_s, SOON_S), every_s)
        self._scheduler.add_job(
            self._turn,
            "interval",
            (job,),
            id=job.name,
            seconds=every_s,
            next_run_time=datetime.now(UTC) + timedelta(seconds=wait_s),
            replace_existing=True,
        )

    async def _turn(self, job: Job) -> None:
        """Run a job once, unless the lead was lost or the process ends."""
        if self._context.stopping.is_set() or (job.leader_only and not self.leader.leads):
            return
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        turns, began_s = self.turns[job.name], self._context.clock.monotonic_s()
        try:
            await job.run(self._context)
        except asyncio.CancelledError:
            if not self._context.stopping.is_set():
                raise
        except Exception as error:  # a job that fails must fail alone
            self._failed(job, turns, error)
        else:
            self._ended(job, turns)
            if job.leader_only and job.interval_s(self._context.settings) > REMEMBERED_S:
                await self._remember(job)
        finally:
            turns.runs += 1
            turns.last_s = self._context.clock.monotonic_s() - began_s
            self._running.discard(task)

    def _failed(self, job: Job, turns: Turns, error: Exception) -> None:
        """Say it once in a row of failures: a database that is away would fill the log."""
        turns.failures += 1
        turns.in_a_row += 1
        if turns.in_a_row == 1:
            kind = "" if isinstance(error, LedgerError) else f"{type(error).__name__}: "
            log.error("the job %s failed: %s%s", job.name, kind, error)
        log.debug("the job %s failed", job.name, exc_info=error)

    def _ended(self, job: Job, turns: Turns) -> None:
        if turns.in_a_row:
            log.warning("the job %s works again, after %d failures", job.name, turns.in_a_row)
        turns.in_a_row = 0

    async def _remember(self, job: Job) -> None:
        store = self._context.store
        try:
            now_us = await store.server_now_us()
            mark = {"$max": {"ended_us": now_us}}
            await store.update_one(LEASES, {"_id": f"job:{job.name}"}, mark, upsert=True)
        except StoreError as error:  # it only runs again sooner after a change of leaders
            log.debug("when the job %s ended was not written: %s", job.name, error)
