"""Clients of other dialects that hang up: charged by the declared policy, as chat is."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.fakes.upstream import Behaviour
from tests.fakes.vendors import FakeVendor, Manner
from tests.gateway.relay.conftest import DEADLINE_S, Gate
from tests.gateway.relay.dialects.conftest import HI
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

WORDS = ("one", " two", " three", " four", " five", " six")


# How a client of the other two dialects asks for a stream.
NATIVE: dict[str, tuple[str, dict[str, Any]]] = {
    "gemini-fake": (
        "/v1beta/models/gemini-fake:streamGenerateContent?alt=sse",
        {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
    ),
    "respond": ("/v1/responses", {"model": "respond", "input": "hi", "stream": True}),
}


async def hang_up_after(gate: Gate, secret: str, model: str, text: str) -> str:
    """Read a stream until a text was seen, then close the connection."""
    seen = ""
    asked: dict[str, Any] = {"model": model, "max_tokens": 50, "messages": HI, "stream": True}
    path, body = NATIVE.get(model, ("/v1/messages", asked))
    headers = {"x-api-key": f"sk-{secret}"}
    async with (
        httpx.AsyncClient(base_url=gate.url, timeout=DEADLINE_S) as client,
        client.stream("POST", path, json=body, headers=headers) as answer,
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
        # Anthropic's streams begin with what the input costs; chat's do not.
        assert body["usage"]["input"] == (10 if model == "claude-fake" else 8)
        said = 4 if model == "claude-fake" else 3  # Claude's tokens are estimated by their length
        assert body["usage"].get("output") == (said if policy == "estimate" else None)
        source = "counted"
        if model == "claude-fake":
            source = "upstream" if policy == "input" else "estimated"
        assert body["usage_source"] == source
    upstream.released.set()
    await gate.settled()
    (event,) = await gate.events_of(key)
    assert await gate.balance(key.account) == 10**9 + event["amount"]


# What is known of a stream of which three words came: Gemini reports with every event.
SO_FAR = {
    "gemini-fake": ({"input": 10, "cached": 4, "output": 3, "reasoning": 5}, "upstream"),
    "respond": ({"input": 4, "output": 3}, "counted"),
}


@pytest.mark.parametrize("policy", ["drain", "estimate"])
@pytest.mark.parametrize("model", list(NATIVE))
async def test_hanging_up_in_the_other_dialects(
    gate: Gate, vendor: FakeVendor, model: str, policy: str
) -> None:
    gate.settings(disconnect_policy=policy)
    vendor.manner = Manner(words=WORDS, hang_after=3 if model == "gemini-fake" else 6)
    _, secret = await gate.key("1")
    request_id = await hang_up_after(gate, secret, model, "three")
    if policy == "drain":
        await until(lambda: any(x.client_gone for x in gate.running.relay.exchanges))
        vendor.released.set()
    else:
        await asyncio.wait_for(vendor.gone.wait(), DEADLINE_S)
    body = (await gate.event(request_id))["body"]
    assert (body["outcome"], body["policy"]) == ("client_closed", policy)
    whole = {"input": 10, "cached": 4, "output": 15, "reasoning": 5}
    expected = (whole, "upstream") if policy == "drain" else SO_FAR[model]
    assert (body["usage"], body["usage_source"]) == expected
    vendor.released.set()
    await gate.settled()


@pytest.mark.parametrize("rule", ["drain", "estimate"])
@pytest.mark.parametrize("model", list(NATIVE))
async def test_upstreams_of_the_other_dialects_that_break_off(
    gate: Gate, vendor: FakeVendor, model: str, rule: str
) -> None:
    gate.settings(disconnect_policy=rule)
    vendor.manner = Manner(words=WORDS, cut_after=3 if model == "gemini-fake" else 6)
    key, secret = await gate.key("1")
    path, body = NATIVE[model]
    await gate.post(secret, body, path)
    await gate.settled()
    (event,) = await gate.events_of(key)
    said = event["body"]
    assert (said["outcome"], said["policy"]) == ("upstream_cut", rule)
    assert (said["usage"], said["usage_source"]) == SO_FAR[model]
