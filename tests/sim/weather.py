"""What goes wrong on the way to the database and back, drawn from a seed.

Each run draws which kinds of trouble it has and how often, so that some runs are wild in one way
only: that finds more than a little of everything always.
"""

import random
from dataclasses import dataclass

SLOWEST_S = 4.0
LATEST_S = 25.0


@dataclass(slots=True)
class Plan:
    """The fate of one command.

    `arrivals` are the moments, from now, when it reaches the server; the answer to the last one is
    what the client sees, `back_s` later. With `gives_up_s` the client sees an error instead, at
    that moment: `certain` tells it that nothing happened. `cut` ends the command on the server
    after so many documents; with `stepped_down` the server says so.
    """

    arrivals: tuple[float, ...]
    back_s: float
    gives_up_s: float | None = None
    certain: bool = False
    cut: int | None = None
    stepped_down: bool = False
    answered: int = -1


class Weather:
    """Draws a plan for each command."""

    KINDS = ("lost", "gone", "unanswered", "late", "twice", "echo", "cut", "stepped_down")

    def __init__(self, rng: random.Random, profile: str = "") -> None:
        self.rng = rng
        self.calm = True
        self.slow = rng.choice((0.0, 0.02, 0.2))
        self.pace_s = rng.choice((0.002, 0.02, 0.1))
        self.between = rng.choice((0.0, 0.1, 0.5))
        self.rates = self._draw_rates()
        if profile == "late":
            self.pace_s = 0.1
            self.rates = [("late", 0.2)]

    def _draw_rates(self) -> list[tuple[str, float]]:
        """Draw a little of several kinds of trouble, or much of one."""
        rng = self.rng
        if rng.random() < 0.2:
            return [(rng.choice(self.KINDS), 0.2)]
        kinds = [kind for kind in self.KINDS if rng.random() < 0.4]
        total = rng.choice((0.01, 0.05, 0.15))
        return [(kind, total * rng.random()) for kind in kinds]

    def plan(self, name: str, documents: int) -> Plan:
        """Draw the fate of a command that writes so many documents; reads fare better."""
        draw = self.rng.random() * (0.5 if documents else 2)
        if not self.calm:
            for kind, rate in self.rates:
                draw -= rate
                if draw < 0:
                    return self._bad(kind, name, documents)
        return Plan((self._travel(),), self._travel())

    def _travel(self) -> float:
        rng = self.rng
        if not self.calm and rng.random() < self.slow:
            return rng.random() * SLOWEST_S
        return -self.pace_s * (rng.random() - 1.0)

    def _bad(self, kind: str, name: str, documents: int) -> Plan:
        rng, travel = self.rng, self._travel()
        patience = rng.choice((0.05, 1.0, 5.0)) * rng.random()
        if kind == "lost":
            return Plan((), 0, patience, certain=True)
        if kind == "gone":
            return Plan((), 0, patience)
        if kind == "unanswered":
            return Plan((travel,), 0, travel + patience)
        if kind == "late":
            return Plan(
                (patience + rng.choice((0.5, 0.5, 3, LATEST_S)) * rng.random(),), 0, patience
            )
        if kind == "twice":
            return Plan((travel, travel + self._travel()), self._travel())
        if kind == "echo":
            echo = travel + rng.choice((0.1, 3, LATEST_S)) * rng.random()
            return Plan((travel, echo), self._travel(), answered=0)
        cut = rng.randrange(documents) if documents else 0
        if kind == "stepped_down" and name == "insert_events":
            return Plan((travel,), self._travel(), cut=cut, stepped_down=True)
        return Plan((travel,), 0, travel + patience, cut=cut)
