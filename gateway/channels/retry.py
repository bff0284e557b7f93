"""What is tried again, where, and after how long; a pure function of what happened.

The table, by whose fault it was (blame.py):

    the request is wrong             never
    dead or refused credentials      at once, on another channel or upstream key
    this upstream lacks the model    at once, on another channel
    limited, or the upstream fails   after a pause, where RETRY_STATUS names the status
    no answer before the first byte  after a pause
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from gateway.channels.blame import THE_REQUEST_IS_WRONG, Blame, blame, breaks_a_rule
from gateway.channels.failure import Failure

Ranges = Sequence[tuple[int, int]]

DEFAULT_STATUSES: Ranges = ((408, 409), (429, 429), (500, 599))
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0
# What an upstream may ask a waiting client to wait; beyond it, it is better to say so.
LONGEST_WAIT_S = 20.0


class Again(Enum):
    """What follows from a failure."""

    NEVER = "never"
    AT_ONCE = "at once"
    AFTER_A_PAUSE = "after a pause"


def again(failure: Failure, statuses: Ranges = DEFAULT_STATUSES) -> Again:
    """Say whether a failed attempt is worth another one."""
    whose = blame(failure)
    if whose in (Blame.CREDENTIAL, Blame.ABSENT):
        return Again.AT_ONCE
    if failure.means in THE_REQUEST_IS_WRONG or breaks_a_rule(failure):
        return Again.NEVER
    if failure.means is None:
        return Again.AFTER_A_PAUSE
    named = any(low <= failure.means <= high for low, high in statuses)
    return Again.AFTER_A_PAUSE if named else Again.NEVER


@dataclass(frozen=True, slots=True)
class Retries:
    """How often and how long one request may be tried. `deadline_s` counts from its start; 0: none.

    `most` is how many attempts may follow the first.
    """

    most: int
    statuses: Ranges = DEFAULT_STATUSES
    deadline_s: float = 0.0
    first_pause_s: float = FIRST_PAUSE_S
    longest_pause_s: float = LONGEST_PAUSE_S
    longest_wait_s: float = LONGEST_WAIT_S

    def pause_s(
        self,
        failure: Failure,
        failures: int,
        elapsed_s: float,
        rng: random.Random,
        wait_s: float = 0.0,
    ) -> float | None:
        """Return how long to wait before the next attempt, or None when there is to be none.

        `failures` counts this one, `elapsed_s` from the request's start. `wait_s` is how long the
        upstream that comes next asked to be left alone (0 for one that did not), which is
        honoured: an attempt before that, or one that would miss the deadline, is not made.
        """
        verdict = again(failure, self.statuses)
        if verdict is Again.NEVER or failures > self.most or wait_s > self.longest_wait_s:
            return None
        pause = wait_s
        if verdict is Again.AFTER_A_PAUSE or wait_s:
            pause += rng.uniform(0.0, self._ceiling_s(failures))
        if self.deadline_s and elapsed_s + pause >= self.deadline_s:
            return None
        return pause

    def _ceiling_s(self, failures: int) -> float:
        """Full jitter: anything up to a ceiling that doubles, so that a herd spreads out."""
        return min(self.first_pause_s * 2.0 ** min(failures - 1, 60), self.longest_pause_s)
