"""The limits of one process: in Redis where there is one and it answers, else in memory.

A request takes all of its limits together or none of them; what it took it gives back once, with
the tokens that it really had. A request without limits never comes here.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.limits.memory import Memory
from gateway.limits.rule import Away, Rule, Standing, Verdict

if TYPE_CHECKING:  # Redis's client is loaded where there is a Redis
    from gateway.limits.shared import Shared

Judged = tuple[Rule, Standing]


@dataclass(slots=True, eq=False)
class Grant:
    """What one request took: under which rules, when, and how many tokens were counted for it."""

    rules: Sequence[Rule]
    standings: Sequence[Standing]
    tokens: int
    lease: str
    at_ms: int
    backend: Memory | Shared
    over: bool = False

    def split(self, count: int) -> tuple[Grant, Grant]:
        """Return two grants in place of this one: of the first rules, and of the others."""
        first, others = self.rules[:count], self.rules[count:]
        mine, theirs = self.standings[:count], self.standings[count:]
        same = (self.tokens, self.lease, self.at_ms, self.backend)
        return Grant(first, mine, *same), Grant(others, theirs, *same)

    def end(self, tokens: int | None = 0, *, requests: int = 0) -> None:
        """Give back, once: the request is over, and had so many tokens (None: as was counted).

        `requests` of 1 also forgives the request itself.
        """
        if self.over or not self.rules:
            return
        self.over = True
        more = [
            0 if tokens is None or not rule.tokens else tokens - rule.share_of(self.tokens)
            for rule in self.rules
        ]
        self.backend.give_back(self.rules, self.at_ms, self.lease, more, requests)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request was not admitted: nothing was counted for it."""

    judged: Sequence[Judged]

    @property
    def refusing(self) -> list[Judged]:
        """Return the rules that refuse, the one that will longest do so first."""
        found = [(rule, standing) for rule, standing in self.judged if standing.refused]
        return sorted(found, key=lambda each: -each[1].wait_ms)


class Limits:
    """Takes and refuses. `refusals` counts those that clients got, by kind of rule and limit."""

    def __init__(self, local: Memory, shared: Shared | None = None) -> None:
        self.local = local
        self.shared = shared
        self.refusals: dict[tuple[str, str], int] = {}
        # A lease is nobody else's, on whatever node.
        self._name = secrets.token_hex(8)
        self._leases = 0

    async def take(self, rules: Sequence[Rule], tokens: int = 0) -> Grant | Refusal:
        """Admit a request of at most so many tokens, or say why not."""
        self._leases += 1
        lease = f"{self._name}:{self._leases}"
        shared = self.shared
        if shared is not None and shared.line.up:
            try:
                verdict = await shared.take(rules, tokens, lease)
                return _outcome(rules, tokens, lease, verdict, shared)
            except Away:
                pass
        return _outcome(rules, tokens, lease, self.local.take(rules, tokens, lease), self.local)

    def owed(self, rules: Sequence[Rule]) -> Grant:
        """Return a grant for what nobody was asked about: the tokens that it is ended with count
        from then on, and nothing before."""
        self._leases += 1
        shared = self.shared
        backend = self.local if shared is None or not shared.line.up else shared
        return Grant(rules, (), 0, f"{self._name}:{self._leases}", 0, backend)

    def apart(self) -> Limits:
        """Return limits of others, such as addresses, who must not crowd these out of memory."""
        return Limits(self.local.another(), self.shared)

    def refused(self, kind: str, limit: str) -> None:
        """Count a refusal that a client got."""
        self.refusals[kind, limit] = self.refusals.get((kind, limit), 0) + 1


def _outcome(
    rules: Sequence[Rule], tokens: int, lease: str, verdict: Verdict, backend: Memory | Shared
) -> Grant | Refusal:
    standings = verdict.standings
    if verdict.admitted:
        return Grant(rules, standings, tokens, lease, verdict.at_ms, backend)
    return Refusal(list(zip(rules, standings, strict=True)))
