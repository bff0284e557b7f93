"""Limits counted in Redis, for all processes and nodes that use the same one.

One script is one decision. A lease (a request under way) ends by itself when the process that has
it dies; while that lives, it is renewed.
"""

import asyncio
from collections.abc import Callable, Sequence

from gateway.limits.line import Line
from gateway.limits.rule import Rule, Standing, Verdict
from gateway.limits.scripts import GIVE_BACK, REFUSALS, RENEW, STANDING_FIELDS, TAKE
from gateway.tasks import end_all

LEASE_MS = 60_000
RENEW_S = 20.0
MOST_RENEWED_AT_ONCE = 1_000


class Shared:
    """All limits of one installation. `name` tells it apart from others on the same Redis.

    `now_ms` replaces Redis's own clock, for tests.
    """

    def __init__(
        self,
        line: Line,
        name: str,
        *,
        lease_ms: int = LEASE_MS,
        renew_s: float = RENEW_S,
        now_ms: Callable[[], int] | None = None,
    ) -> None:
        self.line = line
        # In braces, so that a cluster keeps all keys of a decision in one place.
        self._prefix = f"{{tollgate:{name}}}:"
        self._lease_ms = lease_ms
        self._renew_s = renew_s
        self._now_ms = now_ms
        self._leases: dict[str, list[str]] = {}
        self._renewer: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to renew leases."""
        self._renewer = asyncio.create_task(self._renew())

    async def close(self) -> None:
        """Stop renewing; the line stays open."""
        await end_all([self._renewer] if self._renewer is not None else [])

    async def take(self, rules: Sequence[Rule], tokens: int, lease: str) -> Verdict:
        """Admit one request under all of the rules, or count nothing at all. Raises Away."""
        numbers = [
            number
            for rule in rules
            for number in (
                rule.span_ms,
                rule.requests,
                rule.tokens,
                rule.concurrency,
                rule.share_of(tokens),
            )
        ]
        arguments = [self._now(), lease, self._lease_ms, *numbers]
        held = [self._leases_of(rule) for rule in rules if rule.concurrency]
        if held:  # before the answer is here, so that it is renewed also if that comes late
            self._leases[lease] = held
        try:
            said = await self.line.call(TAKE, self._keys(rules), arguments)
        except BaseException:
            # It may have been admitted all the same: then it is over now.
            self.give_back(rules, 0, lease, [0] * len(rules), 0)
            raise
        admitted, at_ms, *rest = (int(number) for number in said)
        if not admitted:
            self._leases.pop(lease, None)
        starts = range(0, len(rest), STANDING_FIELDS)
        standings = [_standing(rest[start : start + STANDING_FIELDS]) for start in starts]
        return Verdict(bool(admitted), at_ms, standings)

    def give_back(
        self, rules: Sequence[Rule], at_ms: int, lease: str, tokens: Sequence[int], requests: int
    ) -> None:
        """End what was admitted, as memory.Memory does. Nobody waits for it; before the next
        decision that this process asks for, it is done."""
        self._leases.pop(lease, None)
        numbers = [
            number
            for rule, more in zip(rules, tokens, strict=True)
            for number in (rule.span_ms, more)
        ]
        arguments = [self._now(), lease, at_ms, requests, *numbers]
        self.line.send(GIVE_BACK, self._keys(rules), arguments)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._renew_s)
            held = [(key, lease) for lease, keys in self._leases.items() for key in keys]
            for start in range(0, len(held), MOST_RENEWED_AT_ONCE):
                part = held[start : start + MOST_RENEWED_AT_ONCE]
                arguments = [self._now(), self._lease_ms, *(lease for _, lease in part)]
                self.line.send(RENEW, [key for key, _ in part], arguments)

    def _keys(self, rules: Sequence[Rule]) -> list[str]:
        return [
            key
            for rule in rules
            for key in (f"{self._prefix}window:{rule.subject}", self._leases_of(rule))
        ]

    def _leases_of(self, rule: Rule) -> str:
        return f"{self._prefix}leases:{rule.subject}"

    def _now(self) -> int | str:
        return "" if self._now_ms is None else self._now_ms()


def _standing(numbers: Sequence[int]) -> Standing:
    requests, tokens, in_flight, refused, wait_ms, reset_requests_ms, reset_tokens_ms = numbers
    return Standing(
        requests,
        tokens,
        in_flight,
        REFUSALS[refused],
        wait_ms,
        reset_requests_ms,
        reset_tokens_ms,
    )
