"""Opening what processes share in Redis. Its client is loaded only where there is a Redis."""

from contextlib import AsyncExitStack

from gateway.limits.limits import Limits
from gateway.limits.memory import Memory
from gateway.relay.context import Relay
from ledger.clock import Clock


async def open_limits(
    redis_url: str | None, name: str, clock: Clock, opened: AsyncExitStack
) -> Limits:
    """Count limits in Redis, if there is one, and here while it is away. Never fails for it.

    `name` tells the installation apart from others on the same Redis.
    """
    local = Memory(lambda: int(clock.monotonic_s() * 1000))
    if redis_url is None:
        return Limits(local)
    from gateway.limits.line import Line
    from gateway.limits.shared import Shared

    line = Line(redis_url)
    opened.push_async_callback(line.close)
    await line.open()
    shared = Shared(line, name)
    shared.start()
    opened.push_async_callback(shared.close)
    return Limits(local, shared)


def share_rests(relay: Relay, opened: AsyncExitStack) -> None:
    """Tell other processes which channels rest, and hear it from them, where there is a Redis."""
    shared = relay.limits.shared
    if shared is None:
        return
    from gateway.limits.rests import Rests

    writer, name = relay.books.writer, relay.settings.mongo_db
    origin = f"{writer.slot}.{writer.epoch}"
    now_s = relay.clock.monotonic_s
    rests = Rests(shared.line, name, origin, lambda: relay.watch.health, now_s)
    rests.start()
    opened.push_async_callback(rests.close)
