"""Trouble: what befalls processes, machines, clocks and the database, drawn from a seed."""

import asyncio
import random
from typing import TYPE_CHECKING, Any

from ledger.errors import LedgerError
from ledger.recovery import recover_abandoned
from tests.sim.process import SimProcess

if TYPE_CHECKING:
    from tests.sim.world import World

MOST_PROCESSES = 4


class Chaos:
    """Sends callers and trouble into a world until it has had enough."""

    def __init__(self, world: "World", rng: random.Random, profile: str = "") -> None:
        self.world = world
        self.rng = rng
        table = (
            (self._crash, 3),
            (self._restart, 4),
            (self._pause, 6),
            (self._partition, 2),
            (self._outage, 2),
            (self._power, 1),
            (self._terminate, 2),
            (self._wall_clock, 1),
            (self._server_clock, 1),
            (self._recover_now, 1),
        )
        self.kinds = [(kind, weight) for kind, weight in table if rng.random() < 0.5]
        self.kinds.append((self._restart, 2))
        self.callers_left = rng.choice((10, 25, 50))
        self.troubles_left = rng.choice((0, 2, 5, 9))
        self.hurry_s = rng.choice((0.02, 0.3, 2.0))
        self.calm_s = rng.choice((0.2, 2.0, 12.0))
        if profile == "zombies":
            self.kinds = [(self._pause, 3), (self._restart, 1), (self._recover_now, 1)]
            self.troubles_left, self.hurry_s, self.calm_s = 7, 2.0, 8.0
            world.callers.requests.longest_s = 60
        elif profile == "outages":
            self.kinds = [
                (self._partition, 2), (self._outage, 2), (self._crash, 2), (self._power, 2),
                (self._restart, 4),
            ]  # fmt: skip
            self.troubles_left, self.hurry_s, self.calm_s = 9, 0.3, 1.0
        elif profile == "heirs":
            self.kinds = [(self._inherit, 3), (self._terminate, 1), (self._restart, 1)]
            self.troubles_left, self.hurry_s, self.calm_s = 4, 0.3, 4.0
            self.callers_left, world.callers.weights = 60, (10, 1, 2, 1, 5)
            world.callers.requests.longest_s = 15
        elif profile == "crowd":
            self.kinds, self.troubles_left = [(self._restart, 1)], 3
            self.hurry_s, self.calm_s, self.callers_left = 0.3, 1.0, 70
            world.callers.weights = (1, 3, 10, 1, 6)

    async def run(self) -> None:
        """Send callers and trouble; return when both are used up and all trouble was undone."""
        troubles = asyncio.ensure_future(self._troubles())
        while self.callers_left:
            await asyncio.sleep(self.rng.expovariate(1 / self.hurry_s))
            serving = [p for p in self.world.alive if p.serving]
            self.callers_left -= 1
            if serving:
                self.world.callers.next(self.rng.choice(serving))
        await troubles
        await self._undo()

    async def _troubles(self) -> None:
        weights = [weight for _, weight in self.kinds]
        while self.troubles_left:
            await asyncio.sleep(self.rng.expovariate(1 / self.calm_s))
            self.troubles_left -= 1
            ((kind, _),) = self.rng.choices(self.kinds, weights)
            kind()

    async def _undo(self) -> None:
        world = self.world
        world.weather.calm = True
        world.server.away = False
        for process in world.alive:
            process.store.cut_off = False
            world.loop.resume(process)
        if not world.alive:
            world.launch(self.rng.choice(world.machines))
        await asyncio.sleep(1)

    # -- kinds of trouble -------------------------------------------------------------------------

    def _any(self) -> SimProcess | None:
        alive = self.world.alive
        return self.rng.choice(alive) if alive else None

    def _later(self, longest_s: float, undo: Any, *args: Any) -> None:
        loop = self.world.loop
        delay = self.rng.random() * longest_s
        loop.call_later(delay, undo, *args, context=loop.world.context.copy())

    def _crash(self) -> None:
        if (process := self._any()) is not None:
            self.world.kill(process, torn=self.rng.random() < 0.5)

    def _restart(self) -> None:
        if len(self.world.alive) < MOST_PROCESSES:
            self.world.launch(self.rng.choice(self.world.machines))

    def _pause(self) -> None:
        """Stall a process, sometimes for longer than its lease."""
        process = self._any()
        if process is not None and not process.paused:
            self.world.say(f"{process} stalls")
            self.world.loop.pause(process)
            self._later(self.rng.choice((2, 80, 80)), self._resume, process)

    def _resume(self, process: SimProcess) -> None:
        self.world.say(f"{process} goes on")
        self.world.loop.resume(process)

    def _partition(self) -> None:
        if (process := self._any()) is not None:
            self.world.say(f"{process} loses the database")
            process.store.cut_off = True
            self._later(self.rng.choice((2, 20, 60)), self._reconnect, process)

    def _reconnect(self, process: SimProcess) -> None:
        self.world.say(f"{process} reaches the database again")
        process.store.cut_off = False

    def _outage(self) -> None:
        self.world.say("the database goes away")
        self.world.server.away = True
        self._later(self.rng.choice((1, 5, 45)), self._back)

    def _back(self) -> None:
        self.world.say("the database is back")
        self.world.server.away = False

    def _power(self) -> None:
        """A machine loses its power, and its disk what was not synced."""
        machine = self.rng.choice(self.world.machines)
        self.world.say(f"{machine.name} loses power")
        for process in self.world.alive:
            if process.machine is machine:
                self.world.kill(process, torn=True)
        if machine.spill_dir is not None:
            self.world.disk.power_lost(machine.spill_dir)

    def _terminate(self) -> None:
        process = self._any()
        if process is not None and process.serving:
            self.world.terminate(process)

    def _wall_clock(self) -> None:
        if (process := self._any()) is not None:
            process.clock.skew_us += self.rng.choice((-1, 1)) * self.rng.randrange(100_000_000)

    def _server_clock(self) -> None:
        """The clock that leases are measured with jumps."""
        self.world.server.skew_us += self.rng.choice((-1, 1)) * self.rng.randrange(60_000_000)

    def _inherit(self) -> None:
        """A process stalls until its slot was recovered and has a new owner who uses it."""
        serving = [p for p in self.world.alive if p.serving and not p.paused]
        if len(serving) < 2:
            return
        stalled, other = self.rng.sample(serving, 2)
        self.world.say(f"{stalled} stalls until it has an heir")
        self.world.loop.pause(stalled)
        self.world.server.skew_us += 31_000_000
        other.start(self._recover(other), "recover")
        self._later(2, self._launch_one_more)
        self._later(10, self._come_back, stalled)

    def _launch_one_more(self) -> None:
        crowded = len(self.world.alive) >= MOST_PROCESSES + 2
        if not crowded and not self.world.weather.calm:
            self.world.launch(self.rng.choice(self.world.machines))

    def _come_back(self, process: SimProcess) -> None:
        self._resume(process)
        if self.rng.random() < 0.5 and process.serving and not self.world.weather.calm:
            self.world.terminate(process)

    def _recover_now(self) -> None:
        process = self._any()
        if process is not None and process.serving:
            process.start(self._recover(process), "recover")

    async def _recover(self, process: SimProcess) -> None:
        store: Any = process.store
        try:
            assert process.books is not None
            own = process.books.writer.slot
            directory = process.machine.spill_dir
            await recover_abandoned(store, process.clock, directory, besides=own)
        except (LedgerError, OSError) as error:
            self.world.say(f"{process} could not recover others: {error!r}")
