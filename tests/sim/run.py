"""Running a seed: everything that is simulated in its place, and everything put back afterwards."""

import logging
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.sim.disk import remove_directory
from tests.sim.loop import SimTask
from tests.sim.meaning import Violation
from tests.sim.process import simulated
from tests.sim.world import PACE, World


@dataclass(slots=True)
class Outcome:
    """What a run came to."""

    seed: int
    error: BaseException | None = None
    steps: int = 0
    commands: int = 0
    virtual_s: float = 0.0
    events: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    trace: list[str] = field(default_factory=list)

    @property
    def problem(self) -> str:
        """What went wrong, in one line; empty when nothing did."""
        return "" if self.error is None else f"{type(self.error).__name__}: {self.error}"


def run(seed: int, *, profile: str | None = None, traced: bool = False) -> Outcome:
    """Live through one seed, with the trouble that it draws or that of one profile."""
    world = World(seed, profile=profile, traced=traced)
    outcome = Outcome(seed, trace=world.trace)
    with _logged(world, traced) as bugs, simulated(world.disk, PACE, world.rng):
        try:
            world.loop.run(world.main())
            for error in (*bugs, *world.loop.lost_errors()):
                raise error
        except (Exception, Violation) as error:
            outcome.error = error
            world.say(f"FAILED: {error!r}")
        finally:
            _discard(world)
    outcome.steps, outcome.commands = world.loop.steps, world.server.commands
    outcome.virtual_s = world.loop.now_s
    outcome.events, outcome.outcomes = len(world.auditor.events), world.callers.outcomes
    return outcome


def _discard(world: World) -> None:
    for process in world.alive:
        world.kill(process)
    for task in world.loop.tasks:
        _close(task)
    world.loop.discard()
    remove_directory(world.directory)


def _close(task: SimTask) -> None:
    if not task.done():
        coro: Coroutine[Any, Any, Any] = task.get_coro()  # type: ignore[assignment]
        try:
            coro.close()
        except BaseException:  # what dead processes do while they are cleared away is of no account
            return


@contextmanager
def _logged(world: World, traced: bool) -> Iterator[list[BaseException]]:
    """Put what the ledger logs into the trace, and nowhere else; give the bugs that it logged."""
    logger = logging.getLogger("tollgate.ledger")
    before = logger.level, logger.propagate
    logger.setLevel(logging.INFO if traced else logging.ERROR)
    logger.propagate = False
    handler = _Trace(world.say)
    logger.addHandler(handler)
    try:
        yield handler.bugs
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]


class _Trace(logging.Handler):
    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__()
        self.bugs: list[BaseException] = []
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        self._say(f"log: {record.getMessage()}")
        if record.exc_info and record.exc_info[1] is not None:
            self.bugs.append(record.exc_info[1])
