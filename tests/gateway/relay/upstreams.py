"""Several fake upstreams behind one gateway, for tests of routing."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest_asyncio

from gateway.channels.health import Rules
from gateway.channels.watch import Watch
from gateway.directory.channels import Channel
from gateway.relay.verdict import AUTOMATIC
from tests.fakes.upstream import Behaviour, FakeUpstream
from tests.gateway.relay.conftest import SECRET, Gate
from tests.gateway.relay.test_answers import HI

SEED = 20_261_122
#: Rests so short that tests can wait for their end.
BRIEF = Rules(first_s=0.05, longest_s=0.2, refused_s=0.05, trial_s=5.0)
DEAD = {"error": {"message": "bad key", "type": "x", "code": "invalid_api_key"}}


@dataclass
class Upstreams:
    """Fake upstreams, each with a channel of one model; `key` is a user's."""

    gate: Gate
    model: str
    key: str
    fakes: list[FakeUpstream] = field(default_factory=list)
    channels: list[Channel] = field(default_factory=list)

    async def add(self, *, secret: str = SECRET, **changes: Any) -> tuple[FakeUpstream, Channel]:
        """Add an upstream with its channel."""
        fake = self.fakes.pop()
        given = {"type": 1, "name": "t", "base_url": fake.url, "models": [self.model]}
        channels = self.gate.running.directory.channels
        self.channels.append(await channels.create({**given, **changes}, secret))
        return fake, self.channels[-1]

    async def ask(self, said: Any = HI, **more: Any) -> httpx.Response:
        """Send one request."""
        body = {"model": self.model, "messages": said, **more}
        answer: httpx.Response = await self.gate.post(self.key, body)
        return answer

    async def ask_often(self, times: int, at_once: int = 10) -> list[httpx.Response]:
        """Send many requests, a few at once."""
        limit = asyncio.Semaphore(at_once)

        async def one() -> httpx.Response:
            async with limit:
                return await self.ask()

        return list(await asyncio.gather(*(one() for _ in range(times))))

    async def attempts(self, answer: httpx.Response) -> list[tuple[int, int | None]]:
        """Return the channels and statuses of a request's attempts."""
        event = await self.gate.charge_of(answer)
        return [(each["channel"], each["status"]) for each in event["body"]["attempts"]]

    def rests(self, channel: Channel) -> float:
        """Return for how long a channel rests, by the metrics."""
        found = self.gate.running.observer.here()["channel_rest_seconds"]
        seconds = found.get((str(channel.id),), 0.0)
        assert isinstance(seconds, float)
        return seconds

    def watched(self, rules: Rules) -> Watch:
        """Begin with every channel in good health."""
        self.gate.running.relay.watch = Watch(rules)
        return self.gate.running.relay.watch


@pytest_asyncio.fixture(loop_scope="module")
async def upstreams(gate: Gate) -> AsyncIterator[Upstreams]:
    """Three upstreams that no channel leads to yet, and two retries."""
    print("seed", SEED)
    relay, options = gate.running.relay, gate.running.directory.options
    before, relay.rng = (relay.settings, relay.watch), random.Random(SEED)
    await options.set("RetryTimes", 2)
    async with AsyncExitStack() as opened:
        fakes = [await opened.enter_async_context(FakeUpstream()) for _ in range(3)]
        _, secret = await gate.key()
        model = f"m{random.randrange(1 << 40):x}"
        await gate.price({"model": model, "input": "1", "output": "4"})
        made = Upstreams(gate, model, secret, fakes)
        made.watched(Rules())
        yield made
        await gate.settled()
        for channel in made.channels:
            await gate.running.directory.channels.delete(channel.id)
    relay.settings, relay.watch = before
    await options.set("RetryTimes", 0)
    await options.set(AUTOMATIC, False)


def limited(**headers: str) -> Behaviour:
    """An upstream that has had enough; `retry_after="3"` is a header."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Behaviour(status=429, headers=named)
