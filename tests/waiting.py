"""Waiting, with a deadline, for what has no event to wait for."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

# How long to wait unless told otherwise: only a failing test is kept that long, so a slow machine
# has plenty.
DEADLINE_S = 60.0
# Short, as what is waited for may hold for a moment only.
EVERY_S = 0.005
# Between questions that block a thread, mostly to a server in a process of its own.
EVERY_SYNC_S = 0.02


async def until(
    condition: Callable[[], T | Awaitable[T]], timeout_s: float = DEADLINE_S, what: str = ""
) -> T:
    """Return what the condition says as soon as that is true.

    The condition is a function or a coroutine function; what it raises ends the wait.

    :raises AssertionError: not so within `timeout_s` seconds; it names `what` was waited for, or
        shows the condition's source, and the condition's last value.
    """
    value: T | None = None
    limit = asyncio.timeout(timeout_s)
    try:
        async with limit:
            while True:
                found = condition()
                value = await found if inspect.isawaitable(found) else found
                if value:
                    return value
                await asyncio.sleep(EVERY_S)
    except TimeoutError:
        if not limit.expired():
            raise  # the condition's own
        raise AssertionError(_late(condition, timeout_s, what, value)) from None


def until_sync(condition: Callable[[], T], timeout_s: float = DEADLINE_S, what: str = "") -> T:
    """The same for tests without a loop, and for threads.

    :raises AssertionError: as with `until`.
    """
    deadline_s = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline_s, _late(condition, timeout_s, what, value)
        time.sleep(EVERY_SYNC_S)
    return value


def _late(condition: Callable[[], object], timeout_s: float, what: str, value: object) -> str:
    if not what:
        try:
            what = " ".join(inspect.getsource(condition).split())
        except (OSError, TypeError):
            what = repr(condition)
    return f"not so within {timeout_s} s: {what} (last: {value!r})"
