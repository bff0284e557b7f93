"""The simulated database server: one actor that applies commands, a document at a time."""

from collections.abc import Callable
from typing import Any

from ledger.errors import BatchStopped, StoreError, Unavailable
from tests.sim.loop import Actor, SimLoop
from tests.sim.mongo import Mongo, Steps
from tests.sim.weather import Weather

# A minute before midnight, when budgets of a day renew.
EPOCH_US = 1_700_006_340_000_000
Answer = Callable[[Any, StoreError | None], None]


class Server:
    """The database: one actor that applies commands, a document at a time."""

    def __init__(self, loop: SimLoop, mongo: Mongo, weather: Weather) -> None:
        self.loop = loop
        self.mongo = mongo
        self.weather = weather
        self.actor = Actor("server")
        self.away = False
        self.skew_us = 0
        self.commands = 0
        self.under_way = 0
        self.say: Callable[[str], None] | None = None

    def now_us(self) -> int:
        """Return the server's clock, which ticks in milliseconds."""
        return (EPOCH_US + int(self.loop.now_s * 1_000_000) + self.skew_us) // 1000 * 1000

    def run(self, steps: Steps, cut: int | None, answer: Answer) -> None:
        """Apply a command from here on; other commands may come between its documents."""
        self._go_on(steps, cut, answer, 0)

    def _go_on(self, steps: Steps, cut: int | None, answer: Answer, done: int) -> None:
        between = 0.0 if self.weather.calm else self.weather.between
        rng = self.weather.rng
        while cut is None or done < cut:
            try:
                next(steps)
            except StopIteration as stop:
                answer(stop.value, None)
                return
            except StoreError as error:
                answer(None, error)
                return
            done += 1
            if between and rng.random() < between:
                self.loop.call_later(
                    rng.random() * 0.02, self._go_on, steps, cut, answer, done,
                    context=self.actor.context,
                )  # fmt: skip
                return
        answer(None, BatchStopped(done, Unavailable("the server steps down")))
