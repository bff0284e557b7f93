"""Clients of other dialects that hang up: charged by the declared policy, as chat is."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.fakes.upstream import Behaviour
from tests.fakes.vendors import FakeVendor, Manner
from tests.gateway.relay.conftest import DEADLINE_S, Gate, until
from tests.gateway.relay.dialects.conftest import HI

pytestmark = pytest.mark.asyncio(loop_scope="module")

WORDS = ("one", " two", " three", " four", " five", " six")


async def hang_up_after(gate: Gate, secret: str, model: str, text: str) -> str:
    """Read a stream until a text was seen, then close the connection."""
    seen = ""
    body: dict[str, Any] = {"model": model, "max_tokens": 50, "messages": HI, "stream": True}
    headers = {"x-api-key": f"sk-{secret}"}
    async with (
        httpx.AsyncClient(base_url=gate.url, timeout=DEADLINE_S) as client,
        client.stream("POST", "/v1/messages", json=body, headers=headers) as answer,
    ):
        async for piece in answer.aiter_text():
            seen += piece
            if text in seen:
                break
        return str(answer.headers["x-request-id"])


@pytest.mark.parametrize("policy", ["drain", "estimate", "input", "free"])
@pytest.mark.parametrize("model", ["chatty", "claude-fake"])
async def test_hanging_up_is_charged_by_the_declared_policy(
    gate: Gate, vendor: FakeVendor, model: str, policy: str
) -> None:
    gate.settings(disconnect_policy=policy)
    gate.upstream.behaviour = Behaviour(words=WORDS, hang_after=3)
    vendor.manner = Manner(words=WORDS, hang_after=6)
    key, secret = await gate.key("1")
    request_id = await hang_up_after(gate, secret, model, "three")
    upstream = gate.upstream if model == "chatty" else vendor
    if policy == "drain":
        await until(lambda: any(x.client_gone for x in gate.running.relay.exchanges))
        upstream.released.set()
    else:
        await asyncio.wait_for(upstream.gone.wait(), DEADLINE_S)
    body = (await gate.event(request_id))["body"]
    assert (body["outcome"], body["policy"]) == ("client_closed", policy)
    if policy == "drain":
        assert (body["usage_source"], body["usage"]["output"]) == ("upstream", 20)
    elif policy == "free":
        assert body["usage"] == {}
    else:
        reported = model == "claude-fake" and policy == "estimate"
        assert body["usage"]["input"] == (10 if reported else 8)
        assert body["usage"].get("output") == (3 if policy == "estimate" else None)
        assert body["usage_source"] == "counted"
    upstream.released.set()
    await gate.settled()
    (event,) = await gate.events_of(key)
    assert await gate.balance(key.account) == 10**9 + event["amount"]
