"""A store whose commands can be made to fail on the way there or on the way back."""

from collections import deque
from collections.abc import Callable
from typing import Any

from ledger.errors import OutcomeUnknown, Unavailable
from ledger.store import Store

Fault = Callable[["FaultyStore", list[dict[str, Any]]], Any]


class FaultyStore:
    """Passes every call to a real store, except those that `faults` has a plan for.

    `faults[name]` is a queue of plans, one per call: "ok", "lost" (never arrives), "unanswered"
    (arrives, the answer does not), or, for insert_events, a number: so many documents of the batch
    arrive, and then the connection breaks.
    """

    def __init__(self, store: Store) -> None:
        self.real = store
        self.faults: dict[str, deque[str | int]] = {}
        self.calls: list[tuple[str, tuple[Any, ...]]] = []

    def plan(self, name: str, *plans: str | int) -> None:
        """Queue plans for the next calls of a method."""
        self.faults.setdefault(name, deque()).extend(plans)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.real, name)
        if name in ("find", "driver", "close", "watch"):
            return method

        async def call(*args: Any, **kwargs: Any) -> Any:
            self.calls.append((name, args))
            queue = self.faults.get(name)
            plan = queue.popleft() if queue else "ok"
            if plan == "lost":
                raise Unavailable("the test cut the way there")
            if isinstance(plan, int):
                await method(args[0][:plan])
                raise OutcomeUnknown("the test broke the batch")
            result = await method(*args, **kwargs)
            if plan == "unanswered":
                raise OutcomeUnknown("the test cut the way back")
            return result

        return call
