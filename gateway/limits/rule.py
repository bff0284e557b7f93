"""What is limited, and how a decision about it reads."""

from collections.abc import Sequence
from dataclasses import dataclass

SPAN_MS = 60_000
REQUESTS, TOKENS, CONCURRENCY = "requests", "tokens", "concurrency"
# When one of the requests under way will end, nobody knows.
UNKNOWN_WAIT_MS = 1_000


class Away(Exception):
    """Redis did not answer, or not in time; whether it did what was asked is not known."""


@dataclass(frozen=True, slots=True)
class Rule:
    """The limits of one subject. `kind` is a word for people and metrics, `subject` a name of its
    own. `requests` and `tokens` are for any `span_ms`; 0 is no limit."""

    kind: str
    subject: str
    requests: int = 0
    tokens: int = 0
    concurrency: int = 0
    span_ms: int = SPAN_MS

    def share_of(self, tokens: int) -> int:
        """Return how many of a request's tokens count here.

        The number is a crude upper bound, so one that is above the whole limit is not impossible:
        it takes all of it, and so waits until nothing else is counted.
        """
        return min(tokens, self.tokens)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a subject stands after a decision, which counts what was admitted by it.

    `refused` is "", REQUESTS, TOKENS or CONCURRENCY; `wait_ms` is when it would pass, as things
    are. The resets say when nothing will be counted any more. All waits in milliseconds.
    """

    requests: int
    tokens: int
    in_flight: int
    refused: str
    wait_ms: int
    reset_requests_ms: int
    reset_tokens_ms: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision about several rules together, at `at_ms` of the clock of whoever decided."""

    admitted: bool
    at_ms: int
    standings: Sequence[Standing]
