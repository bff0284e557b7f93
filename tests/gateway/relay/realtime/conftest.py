"""A realtime upstream, its channel, and clients that speak events."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest_asyncio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.fakes.realtime import FakeRealtime
from tests.gateway.relay.conftest import DEADLINE_S, Gate

# A token costs, in nano-dollars: 1,000 in, 100 cached, 10,000 heard, 2,000 out, 20,000 spoken.
PRICE = {
    "input": "1",
    "cached": "0.1",
    "audio_input": "10",
    "output": "2",
    "audio_output": "20",
    "max_output_tokens": 100,
}
# What the fake's usage costs: 30 in, 30 cached, 40 heard, 10 out, 30 spoken.
TURN = 30 * 1_000 + 30 * 100 + 40 * 10_000 + 10 * 2_000 + 30 * 20_000
TEXT = {
    "type": "conversation.item.create",
    "item": {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": "hi"}],
    },
}
CREATE = {"type": "response.create"}


class Talker:
    """A client by hand: events in, events out."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def say(self, *events: Any) -> None:
        """Send events."""
        for event in events:
            await self.socket.send(event if isinstance(event, str) else json.dumps(event))

    async def until(self, kind: str) -> Any:
        """Read until an event of a kind comes."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                event = json.loads(await self.socket.recv())
                if event["type"] == kind:
                    return event

    async def ending(self) -> tuple[list[Any], int, str]:
        """Read all that comes until the other side closes; the events, code and reason."""
        events = []
        async with asyncio.timeout(DEADLINE_S):
            with suppress(ConnectionClosed):
                while True:
                    events.append(json.loads(await self.socket.recv()))
        return events, self.socket.close_code or 0, self.socket.close_reason or ""


@asynccontextmanager
async def talk(
    gate: Gate, secret: str, model: str = "speech", **options: Any
) -> AsyncIterator[Talker]:
    """Connect as a client that sets headers."""
    headers = {"authorization": f"Bearer sk-{secret}", **options.pop("headers", {})}
    url = f"ws{gate.url[4:]}/v1/realtime?model={model}"
    async with connect(url, additional_headers=headers, max_size=None, **options) as socket:
        yield Talker(socket)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running_realtime(running_gate: Gate) -> AsyncIterator[FakeRealtime]:
    """One upstream for a module, with its channel."""
    async with FakeRealtime() as upstream:
        await running_gate.price({"model": "speech", **PRICE})
        mapping = {"voice": "speech"}
        await running_gate.channel("speech", "voice", base_url=upstream.url, model_mapping=mapping)
        yield upstream
        await running_gate.settled()


@pytest_asyncio.fixture(loop_scope="module")
async def realtime(running_realtime: FakeRealtime, gate: Gate) -> AsyncIterator[FakeRealtime]:
    """The upstream, as usual; every session is over at the end of a test."""
    running_realtime.reset()
    yield running_realtime
    running_realtime.released.set()
    await gate.settled()
