"""One gateway with a channel for each thing of each protocol, and the fakes behind them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest_asyncio

from gateway.directory.keys import Key
from ledger.money import parse_usd
from tests.fakes.echo import EchoServer
from tests.fakes.kept import FakeKept
from tests.fakes.media import FakeMedia, Say
from tests.fakes.realtime import FakeRealtime
from tests.fakes.tasks import FakeTasks
from tests.fakes.vendors import FakeVendor
from tests.gateway.relay.conftest import Gate
from tests.gateway.relay.matrix.cell import Column, model_of
from tests.gateway.relay.matrix.columns import COLUMNS, PRICES, TOLD

FAKES = {
    "vendor": FakeVendor,
    "tasks": FakeTasks,
    "media": FakeMedia,
    "realtime": FakeRealtime,
    "kept": FakeKept,
    "echo": EchoServer,
}
# Google's vectors come without a usage, unless the fake is told to report one.
SSE = "?alt=sse"
REPORTED = {"promptTokenCount": 7, "totalTokenCount": 7}


@dataclass
class Hall:
    """The gateway, the fake upstreams by name, and the channels by their models."""

    gate: Gate
    fakes: dict[str, Any]
    channels: dict[str, int] = field(default_factory=dict)
    idle: dict[str, tuple[Key, str]] = field(default_factory=dict)

    async def unused(self, usd: str) -> tuple[Key, str]:
        """Return a key that has so much, and that nothing must ever be charged to."""
        if usd not in self.idle:
            self.idle[usd] = await self.gate.key(usd)
        return self.idle[usd]

    async def see_unused(self, usd: str) -> None:
        """See that nothing was charged to it."""
        await self.gate.settled()
        key, _ = await self.unused(usd)
        assert not await self.gate.events_of(key)
        assert await self.gate.balance(key.account) == parse_usd(usd)

    def paths(self) -> list[str]:
        """Return the paths at which upstreams were asked since they last forgot."""
        asked = [each.path for n in ("chat", "vendor", "tasks", "media") for each in self._of(n)]
        asked += [uri for uri, _ in self.fakes["realtime"].asked]
        asked += [uri for n in ("kept", "echo") for _, uri, *_ in self._of(n)]
        return [uri if uri.endswith(SSE) else uri.partition("?")[0] for uri in asked]

    def forget(self) -> None:
        """Let the upstreams forget what they were asked."""
        for fake in self.fakes.values():
            fake.received.clear()
        self.fakes["realtime"].reset()

    def _of(self, name: str) -> list[Any]:
        return list(self.fakes[name].received)


async def a_channel(hall: Hall, column: Column, model: str) -> str:
    """Return the id of the channel that serves a model."""
    return str(hall.channels[model])


async def an_answer(hall: Hall, column: Column, model: str) -> str:
    """Return the id of an answer of a model, which its upstream may keep."""
    _, secret = await hall.gate.key()
    found = await hall.gate.client(secret).responses.create(model=model, input="hi")
    return str(found.id)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running_hall(running_gate: Gate) -> AsyncIterator[Hall]:
    """One hall for a module."""
    async with AsyncExitStack() as opened:
        fakes: dict[str, Any] = {"chat": running_gate.upstream}
        for name, fake in FAKES.items():
            fakes[name] = await opened.enter_async_context(fake())  # type: ignore[arg-type]
        fakes["tasks"].answers.metadata = REPORTED
        tokens = {"input_tokens": TOLD[0], "output_tokens": TOLD[1], "total_tokens": sum(TOLD)}
        fakes["media"].answers = [Say(usage={"type": "tokens", **tokens})]
        hall = Hall(running_gate, fakes)
        rows = [{"model": "proxy", **PRICES["raw"]}]
        for column in COLUMNS:
            for what, price in PRICES.items():
                model = model_of(what, column)
                rows.append({"model": model, **price})
                url = fakes[column.fakes.get(what, "echo")].url
                channel = await running_gate.channel(model, type=column.type, base_url=url)
                hall.channels[model] = channel.id
        await running_gate.price(*rows)
        yield hall
        await running_gate.settled()


@pytest_asyncio.fixture(loop_scope="module")
async def hall(running_hall: Hall, gate: Gate) -> Hall:
    """The hall, where nobody was asked yet."""
    running_hall.forget()
    return running_hall
