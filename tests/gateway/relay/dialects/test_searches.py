"""Searches that an upstream runs itself: counted as it tells of them, held for, and charged."""

from typing import Any

import pytest
import pytest_asyncio

from tests.fakes.upstream import Behaviour
from tests.fakes.vendors import FakeVendor, Manner
from tests.gateway.relay.conftest import Gate
from tests.gateway.relay.dialects.conftest import CLIENTS, HI, PRICE

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.filterwarnings("ignore:Inheritance class:DeprecationWarning"),
]

FEE_NANO = 10_000_000
CELLS = [
    ("messages", "claude-fake"),
    ("chat.completions", "claude-fake"),
    ("gemini.generateContent", "gemini-fake"),
    ("chat.completions", "gemini-fake"),
    ("responses", "respond"),
]


@pytest_asyncio.fixture(loop_scope="module")
async def searching(gate: Gate, vendor: FakeVendor) -> FakeVendor:
    names = ("claude-fake", "gemini-fake", "respond", "x-search-preview")
    await gate.price(*({"model": name, **PRICE, "web_searches": "0.01"} for name in names))
    return vendor


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("client", "model"), CELLS)
async def test_searches_are_charged_by_the_call(
    gate: Gate, searching: FakeVendor, client: str, model: str, stream: bool
) -> None:
    charges = []
    for searches in (0, 2):
        searching.manner = Manner(searches=searches)
        key, secret = await gate.key("1")
        await CLIENTS[client](gate, secret, model, stream)
        await gate.settled()
        (event,) = await gate.events_of(key)
        assert event["body"]["usage"].get("web_searches", 0) == searches
        assert event["v"] == 3
        charges.append(-event["amount"])
    assert charges[1] - charges[0] == 2 * FEE_NANO


async def test_searches_of_a_stream_that_breaks_off_are_charged(
    gate: Gate, searching: FakeVendor
) -> None:
    searching.manner = Manner(searches=2, cut_after=7)
    key, secret = await gate.key("1")
    body = {"model": "respond", "input": "hi", "stream": True}
    await gate.post(secret, body, "/v1/responses")
    await gate.settled()
    (event,) = await gate.events_of(key)
    assert (event["body"]["outcome"], event["body"]["usage"]["web_searches"]) == ("upstream_cut", 2)


async def test_a_search_model_of_chat_searches_once_and_its_fee_is_held(
    gate: Gate, searching: FakeVendor
) -> None:
    gate.upstream.behaviour = Behaviour()
    await gate.channel("x-search-preview")
    key, secret = await gate.key("1")
    ask: dict[str, Any] = {"model": "x-search-preview", "messages": HI, "max_tokens": 20}
    assert (await gate.post(secret, ask)).status_code == 200
    (event,) = await gate.events_of(key)
    assert event["body"]["usage"]["web_searches"] == 1
    assert event["body"]["hold"]["nano"] >= FEE_NANO
    _, poor = await gate.key("0.009")
    assert (await gate.post(poor, ask)).status_code == 402


@pytest.mark.parametrize(
    ("path", "body", "calls"),
    [
        ("/v1/messages", {"tools": [{"type": "web_search_20250305", "max_uses": 3}]}, 3),
        ("/v1/messages", {"tools": [{"type": "web_search_20250305"}]}, 5),
        ("/v1/responses", {"tools": [{"type": "web_search"}], "max_tool_calls": 2}, 2),
    ],
)
async def test_what_a_request_allows_is_held(
    gate: Gate, searching: FakeVendor, path: str, body: dict[str, Any], calls: int
) -> None:
    key, secret = await gate.key("1")
    model = "claude-fake" if "messages" in path else "respond"
    rest = {"messages": HI, "input": "hi", "max_tokens": 20, "max_output_tokens": 20}
    answer = await gate.post(secret, {"model": model, **rest, **body}, path)
    assert answer.status_code == 200, answer.text
    (event,) = await gate.events_of(key)
    assert event["body"]["hold"]["nano"] // FEE_NANO == calls
