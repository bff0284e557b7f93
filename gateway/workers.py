"""Several processes on one port: the parent that owns the sockets, the database and the workers.

Promises that a worker that dies is started again, and that meanwhile the others accept for it; that
all of them drain before the database stops; and that none of them outlives this process, also after
SIGKILL. The first worker does what a first start has to do, before the others open the books. The
parent touches no request and no book, so that nothing can end it but its operator.
"""

import asyncio
import logging
import signal
import sys
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from gateway import logs, sockets
from gateway.child import Child, Heard
from gateway.link import Message
from gateway.numbers import Numbers
from gateway.settings import Settings, SettingsError
from gateway.sockets import Sockets
from gateway.tasks import end_all, waited
from gateway.welcome import welcome
from ledger.embedded import EmbeddedDatabase
from ledger.errors import EmbeddedError

# Waits before each restart of a worker in a row; one that stayed up for a while starts a new row.
BACKOFF_S = (0.0, 0.5, 1.0, 2.0, 5.0)
STAYED_UP_S = 30.0
# A worker drains twice at most (once politely) and then closes its books.
CLOSE_S = 30.0
CANNOT_START, DATABASE_LOST, NOT_CLEAN = 1, 1, 1
# What a reload cannot change: the parent itself rests on it.
FIXED = ("host", "port", "ops_port", "workers", "data_dir", "mongo_url", "mongo_db", "demo")

log = logging.getLogger("tollgate.workers")

Again = Callable[[], Settings]


def serve(settings: Settings, again: Again | None = None) -> int:
    """Serve with several workers until told to stop; return the exit status.

    `again` reads the settings once more, for a reload (SIGHUP); it may raise SettingsError.
    """
    try:
        logs.set_up(settings)
        main = sockets.bind_for(settings.workers, settings.host, settings.port)
        ops: list[Sockets] = []
        if settings.ops_port is not None:
            ops = sockets.bind_for(settings.workers, settings.host, settings.ops_port)
        return asyncio.run(Parent(settings, main, ops, again).run())
    except (EmbeddedError, OSError) as error:
        print(f"tollgate: {error}", file=sys.stderr)
        return CANNOT_START


@dataclass(eq=False)
class Parent:
    """The workers by place, and those that are leaving."""

    settings: Settings
    main: list[Sockets]
    ops: list[Sockets]
    again: Again | None
    workers: dict[int, Child] = field(default_factory=dict)
    everyone: set[Child] = field(default_factory=set)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    numbers: Numbers = field(default_factory=Numbers)
    _embedded_url: str | None = None
    _in_a_row: dict[int, int] = field(default_factory=dict)
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    _reloading: asyncio.Lock = field(default_factory=asyncio.Lock)

    # -- the whole life -------------------------------------------------------------------------

    async def run(self) -> int:
        """Start, serve until told to stop, and stop; return the exit status."""
        self._on_signals()
        database = None if self.settings.mongo_url else EmbeddedDatabase(self.settings.data_dir)
        status = CANNOT_START
        try:
            # The workers read their programs while the database starts.
            spawned = [await self._spawn(place) for place in range(self.settings.workers)]
            if database is not None:
                self._embedded_url = await database.start()
            if await self._first_start(spawned):
                status = await self._until_stopped(database)
            elif self.stopping.is_set():
                status = 0
        finally:
            clean = await self._stop_workers()
            if database is not None:
                await database.stop()
        return status if clean else status or NOT_CLEAN

    async def _first_start(self, spawned: list[Child]) -> bool:
        """Let one worker open the books, then the others; say so. False if any of them cannot."""
        first, *others = spawned
        if not await self._employ(first, is_first=True):
            return False
        told = first.ready.result()
        if not all(await asyncio.gather(*(self._employ(each) for each in others))):
            return False
        url = sockets.url_of(self.settings.host, sockets.port_of(self.main[0]))
        welcome(self.settings, url, told["password"], told["demo"])
        return True

    async def _until_stopped(self, database: EmbeddedDatabase | None) -> int:
        waits: set[asyncio.Task[Any]] = {asyncio.create_task(self.stopping.wait())}
        lost = None
        if database is not None:
            lost = asyncio.create_task(database.wait_died())
            waits.add(lost)
        waits.add(asyncio.create_task(logs.keep_rolling()))
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        died = lost is not None and lost.done() and not self.stopping.is_set()
        reason = lost.result() if died and lost is not None else ""
        await end_all(waits)
        if not died:
            return 0
        print(f"tollgate: the embedded database is down: {reason}", file=sys.stderr)
        return DATABASE_LOST

    def _on_signals(self) -> None:
        """Stop on SIGTERM and SIGINT, a second one ends everything at once; reload on SIGHUP."""
        loop = asyncio.get_running_loop()

        def stop() -> None:
            self.stopping.set()
            for each in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(each)

        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, stop)
        if not (sys.stdin and sys.stdin.isatty()):  # there it means that the terminal was closed
            loop.add_signal_handler(signal.SIGHUP, lambda: self._do(self._reload()))

    # -- one worker -----------------------------------------------------------------------------

    async def _spawn(self, place: int) -> Child:
        """Start a process; it waits for its order."""
        child = await Child.spawn(place, (*self.main, *self.ops), self._heard())
        self.everyone.add(child)
        return child

    async def _employ(self, worker: Child, *, is_first: bool = False) -> bool:
        """Give a worker its order; return whether it came to serve."""
        worker.link.send(
            {
                "settings": self.settings,
                "place": worker.place,
                "first": is_first,
                "embedded_url": self._embedded_url,
                "main": _numbers(self.main),
                "ops": _numbers(self.ops),
            }
        )
        if not await worker.comes_to_serve(self.stopping):
            return False
        self.workers[worker.place] = worker
        self._open_doors()
        self._do(self._watch(worker))
        return True

    def _heard(self) -> dict[str, Heard]:
        return {"question": self._asked, "changed": self._changed}

    def _changed(self, teller: Child, message: Message) -> None:
        """A worker wrote to the directory: let the others look at once."""
        for each in self.everyone:
            if each is not teller and each.serves:
                each.link.send({"do": "look"})

    def _asked(self, asker: Child, message: Message) -> None:
        """A worker wants the numbers of all."""

        async def answer() -> None:
            asker.report = message["snapshot"]
            everyone = [each for each in self.everyone if each.serves]
            snapshot = await self.numbers.of(everyone, asker)
            asker.link.send({"do": "answer", "number": message["number"], "snapshot": snapshot})

        self._do(answer())

    def _open_doors(self) -> None:
        """Let each worker accept in its own place, and all of them where nobody is."""
        serving = [each for each in self.workers.values() if each.serves]
        vacant = set(range(self.settings.workers)) - {each.place for each in serving}
        for each in serving:
            each.link.send({"do": "accept", "places": sorted({each.place, *vacant})})

    async def _watch(self, worker: Child) -> None:
        """Start a worker again when it ends, unless another has its place already."""
        status = await worker.ended
        self._open_doors()
        await self._forget(worker)
        if self.stopping.is_set() or self.workers.get(worker.place) is not worker:
            return
        pid, place = worker.process.pid, worker.place
        log.error("worker %d (process %d) ended with %s; starting it again", place, pid, status)
        if asyncio.get_running_loop().time() - worker.started_s > STAYED_UP_S:
            self._in_a_row[place] = 0
        await self._start_again(place, worker)

    async def _start_again(self, place: int, former: Child) -> None:
        while not self.stopping.is_set() and self.workers.get(place) is former:
            tries = self._in_a_row.get(place, 0)
            self._in_a_row[place] = tries + 1
            if await waited(self.stopping, BACKOFF_S[min(tries, len(BACKOFF_S) - 1)]):
                return
            self.numbers.restarted()
            worker = await self._spawn(place)
            if await self._employ(worker):
                log.warning("worker %d is back as process %d", place, worker.process.pid)
                return
            worker.stop()
            await worker.ended
            await self._forget(worker)

    async def _forget(self, worker: Child) -> None:
        """Let go of a worker that has ended, and keep what it had counted."""
        if worker in self.everyone:
            self.everyone.discard(worker)
            await worker.bury()
            self.numbers.keep(worker.report)

    # -- reload and stop ------------------------------------------------------------------------

    async def _reload(self) -> None:
        """Replace every worker, one after the other: the new one serves before the old drains."""
        async with self._reloading:
            self._read_settings()
            for place in range(self.settings.workers):
                former = self.workers.get(place)
                worker = await self._spawn(place)
                if not await self._employ(worker):
                    worker.stop()
                    log.error("the reload stopped: the new worker %d did not start", place)
                    return
                if former is not None:
                    former.link.send({"do": "retire"})
            log.warning("reloaded: %d new workers serve", self.settings.workers)

    def _read_settings(self) -> None:
        if self.again is None:
            return
        try:
            new = self.again()
        except SettingsError as error:
            log.error("the reload keeps the settings as they are: %s", error)
            return
        self.settings = replace(new, **{name: getattr(self.settings, name) for name in FIXED})

    async def _stop_workers(self) -> bool:
        """Let all workers drain and end; return whether all that served ended well."""
        self.stopping.set()
        for each in (*self.main, *self.ops):
            sockets.close_all(each)
        leaving = set(self.everyone)
        for worker in leaving:
            worker.stop()
        limit_s = 2 * self.settings.drain_timeout_s + CLOSE_S
        ends = {worker.ended for worker in leaving}
        if ends:
            _, late = await asyncio.wait(ends, timeout=limit_s)
            for worker in leaving:
                if worker.ended in late:
                    log.error("worker %d does not end; killing it", worker.place)
                    worker.stop(signal.SIGKILL)
            await asyncio.wait(ends)
        await end_all(self._tasks)
        for worker in leaving:
            await worker.bury()
        return not any(worker.ended.result() for worker in leaving if worker.ready.done())

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _numbers(places: Iterable[Sockets]) -> list[list[int]]:
    return [[each.fileno() for each in part] for part in places]
