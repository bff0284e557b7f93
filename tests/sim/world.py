"""One simulated history: processes, callers and trouble, from one seed.

First comes a time of trouble, in which callers come and everything may break. Then all trouble ends
and whatever was begun must finish soon. Then everybody goes, one fresh process on each machine
recovers what was left, and the auditor looks at everything.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Any

from ledger.errors import LedgerError
from tests.ledger.drafts import recharge
from tests.sim.auditor import Auditor
from tests.sim.callers import Callers
from tests.sim.chaos import Chaos
from tests.sim.disk import FakeOs, make_directory
from tests.sim.loop import SimLoop, Stuck
from tests.sim.meaning import Violation, kind_of
from tests.sim.mongo import Mongo
from tests.sim.process import FIRST_PID, Machine, SimProcess
from tests.sim.requests import GUARDED, TOKEN
from tests.sim.server import Server
from tests.sim.weather import Weather

# Chores that only look around would be most of the work; they look less often here.
PACE = {
    "PRICE_REFRESH_S": 1e9,
    "DISK_CHECK_S": 1e9,
    "LOTS_REFRESH_S": 20.0,
    "RECALL_POLL_S": 3.0,
    "PING_S": 8.0,
    "IDLE_CHECK_S": 8.0,
    "SPILL_GRACE_S": 60,
    "FORGET_S": 1.0,
}
# Most runs draw a little of everything; some are wild in one way only.
PROFILES = {"": 16, "late": 2, "zombies": 2, "outages": 2, "heirs": 1, "crowd": 1}
FINISH_S = 200.0
RECOVER_S = 400.0
PROBE_S = 30.0


class World:
    """Everything of one run."""

    def __init__(self, seed: int, *, profile: str | None = None, traced: bool = False) -> None:
        self.rng = random.Random(seed)
        (drawn,) = self.rng.choices(tuple(PROFILES), tuple(PROFILES.values()))
        self.profile = drawn if profile is None else profile
        self.loop = SimLoop(random.Random(seed + 1), shuffled=self.rng.random() < 0.25)
        self.weather = Weather(random.Random(seed + 2), self.profile)
        self.auditor = Auditor(GUARDED)
        self.server = Server(self.loop, Mongo(self.auditor.changed), self.weather)
        self.disk = FakeOs(random.Random(seed + 3))
        self.callers = Callers(random.Random(seed + 4), self.auditor, self.disk)
        self.directory = make_directory()
        spills = self.rng.random() < (1 if self.profile == "outages" else 0.5)
        self.machines = [
            Machine(f"m{n}", self.directory / f"m{n}" if spills else None)
            for n in range(self.rng.randint(1, 3))
        ]
        self.processes: list[SimProcess] = []
        self.trace: list[str] = []
        self.say: Callable[[str], None] = self._write if traced else _quiet
        if traced:
            self.server.say = self.say

    def _write(self, line: str) -> None:
        self.trace.append(f"{self.loop.now_s:10.4f}  {line}")

    @property
    def alive(self) -> list[SimProcess]:
        """The processes that were started and did not end."""
        return [p for p in self.processes if p.alive]

    # -- the life of processes --------------------------------------------------------------------

    def launch(self, machine: Machine) -> SimProcess:
        """Start a process; it opens its books and serves until it is stopped or fenced off."""
        pid = FIRST_PID + len(self.processes)
        process = SimProcess(f"p{len(self.processes)}@{machine.name}", pid, machine, self.server)
        self.processes.append(process)
        self.say(f"{process} starts")
        process.start(self._serve(process), "serve")
        return process

    async def _serve(self, process: SimProcess) -> None:
        try:
            books = await process.open()
        except (LedgerError, OSError) as error:
            self.say(f"{process} could not open its books: {error!r}")
            self.kill(process)
            return
        self.say(f"{process} serves as writer {books.writer.slot}, epoch {books.writer.epoch}")
        await books.fenced.wait()
        self.say(f"{process} is fenced off")
        await self.stop(process)

    async def stop(self, process: SimProcess) -> None:
        """End a process as SIGTERM does: callers finish or are cancelled, then the books close."""
        if process.stopping or process.books is None:
            return
        process.stopping = True
        if process.callers:
            _, late = await asyncio.wait(process.callers, timeout=self.rng.choice((1, 20)))
            for caller in late:
                caller.cancel()
            if late:
                await asyncio.wait(late)
        try:
            await process.books.close()
            process.ended_well = not process.books.fenced.is_set()
        except (LedgerError, OSError) as error:
            self.say(f"{process} could not close its books: {error!r}")
        self.kill(process, ended=True)

    def terminate(self, process: SimProcess) -> asyncio.Task[None]:
        """Send SIGTERM."""
        self.say(f"{process} gets SIGTERM")
        return process.start(self.stop(process), "stop")

    def kill(self, process: SimProcess, *, torn: bool = False, ended: bool = False) -> None:
        """End a process at once; with `torn`, in the middle of a write to its disk; `ended` says
        that it had come to its end, and whoever was to look at its errors had the time."""
        if not process.alive:
            return
        self.say(f"{process} is gone")
        if not ended:
            self.loop.forgive(process)
        self.loop.kill(process)
        if torn:
            self.disk.dying = True
            for job in process.jobs:
                try:
                    job()
                except BaseException as error:
                    self.say(f"torn: {error!r}")
            self.disk.dying = False
        self.disk.killed(process)
        process.machine.running.discard(process.pid)

    # -- the course of a run ----------------------------------------------------------------------

    async def main(self) -> None:
        """Live through it all. Raises Violation, Stuck, or whatever a process did not expect."""
        for _ in range(self.rng.randint(1, 4)):
            self.launch(self.rng.choice(self.machines))
        await self._fund()
        self.weather.calm = False
        self.say(f"trouble begins: {self.weather.rates}")
        chaos = Chaos(self, random.Random(self.rng.random()), self.profile)
        await chaos.run()
        self.say("trouble is over")
        await self._finish()
        self.say("everybody goes")
        await self._everybody_goes()
        await self._recover()
        self.auditor.final(self.server.mongo.collections)

    async def _fund(self) -> None:
        process = self.processes[0]
        await self.until(lambda: process.serving, 60, "the first process serves")
        for number, account in enumerate(("user:1", "user:2")):
            amount = self.rng.choice((5, 50, 500)) * TOKEN
            draft = recharge(f"first{number}", account, amount)
            task = process.start(self.callers.keep(process, draft), "fund")
            await self._ended(process, task)

    async def _finish(self) -> None:
        """Whatever was begun finishes, and credit that nobody uses can be used by anybody."""
        await self.until(
            lambda: all(c.done() for p in self.alive for c in p.callers), FINISH_S, "callers finish"
        )
        for process in self.alive:
            if process.serving:
                await self._ended(process, process.start(self._probe(process), "probe"))

    async def _ended(self, process: SimProcess, task: asyncio.Task[Any]) -> None:
        """Wait for a task of a process, which may end before it."""
        name = task.get_name()
        await self.until(lambda: task.done() or not process.alive, FINISH_S, f"{name} ends")
        if task.done():
            task.result()

    async def _probe(self, process: SimProcess) -> None:
        """What an account has available, this process can hold."""
        assert process.books is not None
        credit = process.books.credit
        others = [a for a in self.auditor.accounts if kind_of(a) in ("lot", "budget")]
        for account in [*GUARDED, *others]:
            available = self._available(account)
            deadline = self.loop.now_s + PROBE_S
            # Nobody else may have taken of it meanwhile.
            while 0 < available <= self._available(account) and process.serving:
                try:
                    (await credit.hold([account], available, wait_s=5)).release()
                    break
                except LedgerError as error:
                    if self.loop.now_s > deadline:
                        raise Violation(f"{process} can't hold what there is: {error}") from error
                    await asyncio.sleep(1)
            await credit.return_idle(0)

    def _available(self, account: str) -> int:
        document = self.auditor.accounts.get(account, {})
        column = document.get
        balance = column("credited", 0) - column("spent", 0) + column("adjusted", 0)
        limit = column("limit_nano", 0)
        return int(limit + balance - column("granted", 0) + column("consumed", 0))

    async def _everybody_goes(self) -> None:
        jobs = []
        for process in self.alive:
            if process.serving and self.rng.random() < 0.7:
                jobs.append(self.terminate(process))
            elif not process.stopping:
                self.kill(process)
        await self.until(lambda: not self.alive, FINISH_S, "processes end")
        await self.until(lambda: not self.server.under_way, FINISH_S, "late commands arrive")

    async def _recover(self) -> None:
        """Fresh processes, one on each machine and one for each slot, recover everything."""
        for machine in self.machines:
            await self._open(machine)
        await self.until(lambda: not self._abandoned(), RECOVER_S, "writers are recovered")
        while len(self.alive) < len(self.server.mongo.collections["writers"]):
            await self._open(self.machines[0])
        self.say("everything is recovered")
        for process in self.alive:
            self.terminate(process)
        await self.until(lambda: not self.alive, FINISH_S, "processes end")

    async def _open(self, machine: Machine) -> None:
        fresh = self.launch(machine)
        await self.until(lambda: fresh.serving or not fresh.alive, FINISH_S, "books open")
        if not fresh.alive:
            raise Violation(f"{fresh} could not open the books after all trouble")

    def _abandoned(self) -> bool:
        mine = {p.books.writer.slot for p in self.alive if p.books is not None}
        slots = self.server.mongo.collections["writers"].values()
        return any(not slot["released"] and slot["_id"] not in mine for slot in slots)

    async def until(self, done: Callable[[], bool], limit_s: float, what: str) -> None:
        """Wait for a condition. Raises Stuck after `limit_s` of virtual time."""
        deadline = self.loop.now_s + limit_s
        while not done():
            if self.loop.now_s > deadline:
                raise Stuck(f"not within {limit_s} s: {what}")
            await asyncio.sleep(0.5)


def _quiet(line: str) -> None:
    pass
