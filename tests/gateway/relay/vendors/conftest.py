"""Each vendor of the table, as a fake on a real socket with a channel and models of its own."""

import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import openai
import pytest
import pytest_asyncio

from gateway.channels.health import Rules
from gateway.channels.watch import Watch
from gateway.directory.channels import Channel
from gateway.providers.native import EMBEDDINGS
from gateway.providers.natives import NATIVES
from tests.fakes.native import Json, NativeFake, Script
from tests.gateway.relay.conftest import Gate
from tests.gateway.relay.vendors.rows.row import Row, Seen
from tests.gateway.relay.vendors.table import ROWS

# USD per million tokens: nano-dollars per token are a thousand times that.
PRICE = {"input": "1", "cached": "0.25", "output": "4"}


@dataclass
class Case:
    """A vendor, and a client of the gateway that asks it."""

    gate: Gate
    name: str
    row: Row
    fake: NativeFake
    channel: Channel
    key: str

    @property
    def embeds(self) -> bool:
        """Whether the vendor makes vectors."""
        protocol = self.gate.running.relay.catalogue.vendor(self.row.type).protocol
        return EMBEDDINGS in NATIVES[protocol].tasks

    def client(self) -> openai.AsyncOpenAI:
        """The official client."""
        return self.gate.client(self.key)

    def plays(self, **script: Any) -> Script:
        """Set how the vendor answers."""
        self.fake.script = Script(**script)
        return self.fake.script

    async def ask(self, said: Any = "hi", **more: Any) -> Any:
        """Ask as the official client does; `said` are words or messages."""
        messages = [{"role": "user", "content": said}] if isinstance(said, str) else said
        asked: Json = {"model": self.name, "messages": messages, **more}
        return await self.client().chat.completions.with_raw_response.create(**asked)

    async def post(self, **more: Any) -> Any:
        """Ask by hand."""
        asked = {"model": self.name, "messages": [{"role": "user", "content": "hi"}], **more}
        return await self.gate.post(self.key, asked)

    async def offers(self, feature: str, **asked: Any) -> bool:
        """Whether the vendor has a feature; where it has none, asking for it is refused."""
        native = NATIVES[self.gate.running.relay.catalogue.vendor(self.row.type).protocol]
        if feature in native.offers:
            return True
        answer = await self.post(**asked)
        assert answer.status_code == 400 and answer.json()["error"]["param"], answer.text
        assert not self.fake.received
        return False

    def seen(self) -> Seen:
        """What the vendor was asked last."""
        return self.row.seen(self.fake.received[-1].body)

    async def body_of(self, answer: Any) -> Json:
        """What the books hold of an answer."""
        event = await self.gate.charge_of(answer)
        return {**event["body"], "nano": -event["amount"]}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def all_cases(running_gate: Gate) -> AsyncIterator[dict[str, Case]]:
    async with AsyncExitStack() as opened:
        made = {}
        for name, row in ROWS.items():
            fake = await opened.enter_async_context(row.fake())
            names = [name, f"{name}-embed", f"{name}-rerank", f"{name}-internet"]
            prices = [{"model": each, **PRICE} for each in (*names[:2], names[3])]
            await running_gate.price(*prices, {"model": names[2], "calls": "0.002"})
            channels = running_gate.running.directory.channels
            given: Json = {"type": row.type, "name": name, "base_url": fake.url, "models": names}
            if row.config:
                given["config"] = row.config
            if row.model:
                given["model_mapping"] = {name: row.model}
            channel = await channels.create(given, row.secret)
            _, key = await running_gate.key()
            made[name] = Case(running_gate, name, row, fake, channel, key)
        yield made
        await running_gate.settled()
        await running_gate.books.projector.until(running_gate.books.projector.fed)


@pytest.fixture(params=list(ROWS))
def case(request: pytest.FixtureRequest, all_cases: dict[str, Case], gate: Gate) -> Case:
    """One vendor, as usual."""
    found = all_cases[request.param]
    found.fake.reset()
    gate.running.relay.watch = Watch(Rules())
    return found


def tool(name: str = "weather", **more: Any) -> Json:
    """A function to offer."""
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    return {"type": "function", "function": {"name": name, "parameters": schema, **more}}


def seeded() -> random.Random:
    """The same randomness each time."""
    print("seed 20261122")
    return random.Random(20_261_122)
