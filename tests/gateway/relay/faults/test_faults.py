"""Every fault on every way: what the client gets, what the books say, and that all balances.

docs/faults.md is the same table; `python -m tests.gateway.relay.faults` writes it.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gateway.channels.health import Rules
from gateway.channels.watch import Watch
from gateway.providers.openai import OpenAIProvider
from tests.fakes.raw import Line, RawUpstream, Request
from tests.gateway.relay.conftest import Gate
from tests.gateway.relay.faults.answers import TEXT, Good, answer
from tests.gateway.relay.faults.fault import Ends, Fault
from tests.gateway.relay.faults.page import page
from tests.gateway.relay.faults.table import FAULTS
from tests.gateway.relay.faults.ways import WAYS, Heard, ask, heard

PAGE = Path(__file__).resolve().parents[4] / "docs" / "faults.md"
TYPES = {"chat": 50, "anthropic": 14, "gemini": 24, "responses": 1}
PRICE = {"input": "1", "cached": "0.5", "cache_write": "1.25", "output": "4"}
# How long the gateway waits for an upstream here, in seconds.
PATIENCE_S = 0.25
NOBODY = "http://127.0.0.1:1"


@dataclass
class Setting:
    """The gateway, the upstream without manners, and somebody's key."""

    gate: Gate
    upstream: RawUpstream
    secret: str

    def begin(self, fault: Fault) -> None:
        """Let the upstream do this from now on, and forget what it did."""
        self.upstream.play = fault.play()
        relay = self.gate.running.relay
        relay.watch = Watch(Rules())
        for provider in relay.providers.values():
            if isinstance(provider, OpenAIProvider):
                way = provider._ways.usual
                provider._ways.usual = replace(way, total_s=PATIENCE_S if fault.slow else 0)

    async def once(self, fault: Fault, client: str, upstream: str, stream: bool) -> Any:
        """Ask once; return what was heard, and the id of the event that charges it."""
        model = f"dead-{upstream}" if fault.end == "refuse" else upstream
        path, body = ask(client, model, stream)
        headers = {"authorization": f"Bearer sk-{self.secret}"}
        answer = await self.gate.http.post(path, json=body, headers=headers, timeout=10)
        return heard(client, stream, answer), f"usage:{answer.headers['x-request-id']}"

    async def books(self, ids: list[str]) -> dict[str, str]:
        """Return usage_source and outcome of these events, as far as there are any."""
        await self.gate.settled()
        found = await self.gate.books.store.find_list("events", {"_id": {"$in": ids}})
        for event in found:
            assert event["amount"] < 0 and event["body"]["shortfall_nano"] == 0
        bodies = {event["_id"]: event["body"] for event in found}
        return {i: f"{_counted_by(b)} {b['outcome']}" for i, b in bodies.items()}


def _counted_by(body: dict[str, Any]) -> str:
    """Return who counted: what is counted here is an estimate for some families of models."""
    source = str(body["usage_source"])
    return "counted" if source == "estimated" else source


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def setting(running_gate: Gate) -> AsyncIterator[Setting]:
    async with RawUpstream() as upstream:
        rows = [{"model": model, **PRICE} for model in TYPES]
        await running_gate.price(*rows)
        for model, kind in TYPES.items():
            await running_gate.channel(model, type=kind, base_url=upstream.url)
            dead = {"base_url": NOBODY, "model_mapping": {f"dead-{model}": model}}
            await running_gate.channel(f"dead-{model}", type=kind, **dead)
        _, secret = await running_gate.key()
        yield Setting(running_gate, upstream, secret)
        await running_gate.settled()


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
async def test_a_fault_ends_as_declared(setting: Setting, gate: Gate, fault: Fault) -> None:
    setting.begin(fault)
    ways = [(c, u, s) for c, u in WAYS for s in (False, True) if fault.ends(c, u, s) is not None]
    got = await asyncio.gather(*(setting.once(fault, *way) for way in ways))
    books = await setting.books([charge for _, charge in got])
    wrong = []
    for way, (said, charge) in zip(ways, got, strict=True):
        declared = fault.ends(*way)
        assert declared is not None
        booked = books.get(charge, "nothing")
        if not as_declared(declared, said, booked):
            wrong.append((way, declared, said.how, said.text, booked, said.raw[-300:]))
    assert not wrong


def as_declared(declared: Ends, said: Heard, booked: str) -> bool:
    """Whether it ended as the table says; dialects without codes tell only a status."""
    if declared.client == "good" and said.text != TEXT:
        return False
    status, _, code = declared.client.partition(" ")
    mine, _, given = said.how.partition(" ")
    return mine == status and (not code or not given or code == given) and booked == declared.books


def test_the_page_is_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(FAULTS)


def test_every_fault_is_another_one() -> None:
    names = [fault.name for fault in FAULTS]
    assert len(set(names)) == len(names) >= 80


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("late", [False, True], ids=["at once", "later"])
async def test_an_answer_too_many_is_nobodys(setting: Setting, late: bool) -> None:
    """What an upstream sends unasked must never be taken for the answer to another request."""
    setting.begin(FAULTS[0])
    forged, answered = (
        answer(Good.of("chat", False), b'{"choices":[],"x":"forged"}'),
        asyncio.Event(),
    )

    async def play(line: Line, request: Request) -> bool:
        said = answer(Good.of("chat", False))
        if late:
            await line.write(*said)
            await answered.wait()
            await line.write(*forged)
        else:
            await line.write(b"".join(said + forged))
        return True

    setting.upstream.play = play
    fault = Fault("", "", lambda good: [])
    for _ in range(3):
        got, _ = await setting.once(fault, "chat", "chat", False)
        assert got.how == "good" and got.text == TEXT, got.raw
        answered.set()
        await asyncio.sleep(0)
