"""Rests of channels are told to the other processes."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.channels.blame import Blame
from gateway.channels.health import Health, Rules
from gateway.limits.line import Line
from gateway.limits.rests import Rests
from tests.fakes.redis import RedisServer
from tests.gateway.limits.test_shared import PATIENT_S, new_name
from tests.waiting import until

KEY, WHOLE = (7, "abc"), (7, "")


@asynccontextmanager
async def process(url: str, name: str, origin: str) -> AsyncIterator[Health]:
    """One process's knowledge of the channels."""
    line, health = Line(url, timeout_s=PATIENT_S), Health(Rules())
    rests = Rests(line, name, origin, lambda: health, time.monotonic, ask_every_s=0.02)
    await line.open()
    rests.start()
    try:
        yield health
    finally:
        await rests.close()
        await line.close()


def left_s(health: Health, subject: tuple[int, str]) -> float:
    now_s = time.monotonic()
    return health.until(subject, now_s) - now_s


async def test_others_hear_of_long_rests_and_try_once_afterwards(redis: RedisServer) -> None:
    name, now_s = new_name(), time.monotonic()
    async with process(redis.url, name, "1.1") as one, process(redis.url, name, "2.1") as other:
        one.failed((5, ""), Blame.LIMIT, now_s, now_s)  # a second: not worth telling
        one.failed(KEY, Blame.LIMIT, now_s, now_s, 30.0)
        one.failed(WHOLE, Blame.LIMIT, now_s, now_s, 2.2)
        await until(lambda: left_s(other, KEY) > 0 and left_s(other, WHOLE) > 0)
        assert 28 < left_s(other, KEY) <= 30.1 and left_s(other, WHOLE) <= 2.3
        assert left_s(other, (5, "")) <= 0
        # What began before it was heard of says nothing about now; what succeeds later does.
        other.succeeded(KEY, now_s)
        assert left_s(other, KEY) > 0
        other.succeeded(KEY, time.monotonic())
        one.failed((9, ""), Blame.LIMIT, now_s, now_s, 30.0)
        await until(lambda: left_s(other, (9, "")) > 0)  # asked since: it is not learned again
        assert left_s(other, KEY) <= 0
        await until(lambda: left_s(other, WHOLE) <= 0)
        other.begin(WHOLE, time.monotonic())
        assert left_s(other, WHOLE) > 0  # a trial
        assert other.cooldowns == {} and one.cooldowns[(7, "limit")] == 1
