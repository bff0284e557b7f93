"""Following changes can be stopped at any instant."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from gateway.directory.freshness import Follower
from tests.gateway.directory.conftest import SANDBOX, MakeDirectory
from tests.waiting import until


class Quiet:
    """A store in which nothing changes, and which always says that something might have."""

    async def server_now_us(self) -> int:
        await asyncio.sleep(0)
        return 1

    async def find(self, collection: str, filter: Mapping[str, Any]) -> AsyncGenerator[dict, None]:
        for doc in ():
            yield doc

    async def watch(self, collections: Sequence[str]) -> AsyncGenerator[dict, None]:
        while True:
            await asyncio.sleep(0)
            yield {}


async def test_stopping_in_the_moment_of_a_wake_up_stops() -> None:
    for steps in range(500):
        follower = Follower(Quiet(), {"users": lambda docs: None}, interval_s=0.001)
        follower.start()
        for _ in range(steps % 9):
            await asyncio.sleep(0)
        follower._wake.set()
        async with asyncio.timeout(5):
            await follower.stop()


class Deaf(Quiet):
    """A store whose driver goes on with a call although it was cancelled."""

    async def server_now_us(self) -> int:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(0.05)
        return 1


async def test_stopping_works_although_the_driver_swallows_a_cancellation() -> None:
    for steps in range(6):
        follower = Follower(Deaf(), {"users": lambda docs: None}, interval_s=0.001)
        follower.start()
        for _ in range(steps * 20):
            await asyncio.sleep(0)
        async with asyncio.timeout(5):
            await follower.stop()


async def test_a_process_that_is_told_to_look_sees_a_write_at_once(
    make_directory: MakeDirectory,
) -> None:
    writer = await make_directory(poll_interval_s=60, listen=False)
    reader = await make_directory(poll_interval_s=60, listen=False)
    writer.wrote = reader.look_soon
    fields = {"type": SANDBOX, "name": "new", "models": ["m"]}
    channel = await writer.channels.create(fields)
    await until(lambda: bool(reader.channels_for("default", "m")), 5)
    await writer.channels.update(channel.id, {"models": ["n"]})
    await until(lambda: bool(reader.channels_for("default", "n")), 5)
