"""Simulated processes: the real Books of each, on machines that can lose them.

A process is an actor of the loop. Killing it drops its tasks where they stand; nothing of them runs
any more, no `finally` either.
"""

import asyncio
import random
from collections.abc import Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch
from uuid import UUID

from ledger import appender, credit, recovery, spill, writers
from ledger import books as books_module
from ledger.books import Books
from ledger.clock import Clock
from ledger.events import Schemas
from tests.sim.disk import FakeOs
from tests.sim.loop import ACTOR, Actor, SimLoop
from tests.sim.server import EPOCH_US, Server
from tests.sim.store import SimStore

FIRST_PID = 1000
SCHEMAS = Schemas()
# Where constants live that are not those of the books.
LIVES_IN: dict[str, Any] = {"SPILL_GRACE_S": writers, "FORGET_S": credit}


class Machine:
    """A host: a directory for spills (or none) and the processes that run on it."""

    def __init__(self, name: str, spill_dir: Path | None) -> None:
        self.name = name
        self.spill_dir = spill_dir
        self.running: set[int] = set()


class SimClock(Clock):
    """A process's clocks: wall time may be set, the other only goes on."""

    def __init__(self, loop: SimLoop) -> None:
        self._loop = loop
        self.skew_us = 0

    def now_us(self) -> int:
        """Return virtual wall-clock time."""
        return EPOCH_US + int(self._loop.now_s * 1_000_000) + self.skew_us

    def monotonic_s(self) -> float:
        """Return virtual time."""
        return self._loop.now_s


class SimProcess(Actor):
    """One process, from its start to its end."""

    def __init__(self, name: str, pid: int, machine: Machine, server: Server) -> None:
        super().__init__(name)
        self.pid = pid
        self.machine = machine
        self.loop = server.loop
        self.store = SimStore(server, self)
        self.clock = SimClock(server.loop)
        self.books: Books | None = None
        self.callers: list[asyncio.Task[None]] = []
        self.stopping = False
        self.ended_well = False
        machine.running.add(pid)

    async def open(self) -> Books:
        """Open the books."""
        store: Any = self.store
        self.books = await Books.open(
            store,
            self.clock,
            max_pending=50,
            spill_dir=self.machine.spill_dir,
            rollup_interval_s=20.0,
        )
        return self.books

    def start(self, coro: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Start a task of this process."""
        return self.loop.start(self, coro, f"{self.name} {name}")

    @property
    def serving(self) -> bool:
        """True while it takes requests."""
        return (
            self.alive
            and not self.stopping
            and self.books is not None
            and not self.books.fenced.is_set()
        )


class _FakeProcesses:
    """What ledger/writers.py asks the system about processes, of the machine that asks."""

    def getpid(self) -> int:
        return _me().pid

    def host_identity(self) -> str:
        return _me().machine.name

    def start_of(self, pid: int) -> str:
        return f"started{pid}" if pid in _me().machine.running else "gone"


def _me() -> SimProcess:
    actor = ACTOR.get()
    assert isinstance(actor, SimProcess), "only processes open books"
    return actor


@contextmanager
def simulated(fake_os: FakeOs, pace: dict[str, float], rng: random.Random) -> Iterator[None]:
    """Let the ledger see simulated processes, disks and schemas; some chores at another pace."""
    system = _FakeProcesses()
    drawn = rng.random()
    names, sizes = random.Random(drawn), random.Random(drawn + 1)
    with ExitStack() as stack:

        def put(module: Any, name: str, value: Any) -> None:
            stack.enter_context(patch.object(module, name, value))

        put(books_module, "Schemas", lambda: SCHEMAS)
        put(recovery, "Schemas", lambda: SCHEMAS)
        put(writers, "host_identity", system.host_identity)
        put(writers, "_process_start", system.start_of)
        put(writers, "os", system)
        put(spill, "os", fake_os)
        put(spill, "uuid", SimpleNamespace(uuid4=lambda: UUID(int=names.getrandbits(128))))
        for name, value in pace.items():
            put(LIVES_IN.get(name, books_module), name, value)
        # Small batches are often full, so that the next one is numbered ahead.
        put(appender, "MAX_BATCH", sizes.choice((1, 2, 3, 5, 500, 500, 500, 500)))
        yield
