"""How often subjects (addresses, accounts) may come: to sign in, to /api, to the console."""

import math
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.limits.limits import Grant, Limits
from gateway.limits.rule import Rule

# Beyond that the visits known longest can no longer be forgiven.
MOST_REMEMBERED = 10_000


class Door:
    """Lets each subject through `most` times in any `span_s` seconds. `name` is the door's own.

    `setting` names the one that says how many; the visits of such a door can't be forgiven.
    """

    def __init__(
        self, limits: Limits, name: str, most: int, span_s: int, *, setting: str = ""
    ) -> None:
        self._setting = setting
        self._limits = limits
        self._name = name
        self._most = most
        self._span_ms = span_s * 1000
        self._visits: OrderedDict[tuple[str, ...], deque[Grant]] = OrderedDict()

    async def enter(self, subjects: Iterable[str]) -> int | None:
        """Count one visit of all these; returns None, or the seconds to wait, and counts nothing.

        A visit counts from its start, so a burst cannot slip through.
        """
        names = tuple(subjects)
        rules = [
            Rule(self._name, f"{self._name}:{name}", self._most, span_ms=self._span_ms)
            for name in names
        ]
        taken = await self._limits.take(rules)
        if not isinstance(taken, Grant):
            return max(1, math.ceil(taken.refusing[0][1].wait_ms / 1000))
        if self._setting:
            return None
        self._visits.setdefault(names, deque(maxlen=self._most)).append(taken)
        self._visits.move_to_end(names)
        if len(self._visits) > MOST_REMEMBERED:
            self._visits.popitem(last=False)
        return None

    def forgive(self, subjects: Iterable[str]) -> None:
        """Take back the newest visit of these."""
        visits = self._visits.get(tuple(subjects))
        if visits:
            visits.pop().end(requests=1)

    def words(self, address: str, wait_s: int) -> str:
        """Say to an address why it must wait, and for how long."""
        allowed = f"{self._most} in {self._span_ms // 60_000} minutes"
        return (
            f"too many requests from {address}: {self._setting} allows {allowed};"
            f" try again in {wait_s} s"
        )


# One API's, for both of its limits by address.
BY_ADDRESS_SPAN_S = 180
# Codes and links that are sent to one mailbox.
MAIL_MOST, MAIL_SPAN_S = 5, 20 * 60


@dataclass(frozen=True, slots=True)
class Doors:
    """All doors of a process; None is always open."""

    sign_in: Door
    mail: Door
    api: Door | None
    web: Door | None

    @classmethod
    def of(cls, limits: Limits, sign_in: tuple[int, int], api: int, web: int) -> "Doors":
        """Return the doors: most visits and seconds to sign in; requests by address, 0: any."""
        visits = limits.apart()

        def by_address(name: str, most: int) -> Door | None:
            setting = f"GLOBAL_{name.upper()}_RATE_LIMIT"
            return Door(visits, name, most, BY_ADDRESS_SPAN_S, setting=setting) if most else None

        return cls(
            Door(visits, "sign-in", *sign_in),
            Door(visits, "mail", MAIL_MOST, MAIL_SPAN_S),
            by_address("api", api),
            by_address("web", web),
        )
