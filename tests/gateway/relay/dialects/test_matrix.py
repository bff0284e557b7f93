"""Every client over every upstream, in one piece and as a stream: what it hears, what it costs."""

import pytest

from gateway.token_families import family_of
from ledger.quote import INPUT_CLASSES
from tests.fakes.upstream import Behaviour
from tests.fakes.vendors import FakeVendor, Manner
from tests.gateway.relay.conftest import Gate
from tests.gateway.relay.dialects.conftest import CLIENTS, HELLO

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # Google's client derives from a class of aiohttp's.
    pytest.mark.filterwarnings("ignore:Inheritance class:DeprecationWarning"),
]

# Of each upstream: the usage in our classes, and the exact charge in nano-dollars.
CHARGES = {
    "chatty": ({"input": 10, "output": 20}, 10 * 1_000 + 20 * 4_000),
    "claude-fake": (
        {"input": 10, "cached": 4, "cache_write": 1, "cache_write_1h": 2, "output": 20},
        10 * 1_000 + 4 * 500 + 3 * 1_250 + 20 * 4_000,
    ),
    "gemini-fake": (
        {"input": 10, "cached": 4, "output": 15, "reasoning": 5},
        10 * 1_000 + 4 * 500 + 20 * 4_000,
    ),
    "respond": (
        {"input": 10, "cached": 4, "output": 15, "reasoning": 5},
        10 * 1_000 + 4 * 500 + 20 * 4_000,
    ),
}
CELLS = [
    (client, model)
    for client in CLIENTS
    for model in CHARGES
    if model != "respond" or client == "responses"
]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("client", "model"), CELLS)
async def test_a_client_over_an_upstream(
    gate: Gate, vendor: FakeVendor, client: str, model: str, stream: bool
) -> None:
    gate.upstream.behaviour = Behaviour()
    key, secret = await gate.key("1")
    heard = await CLIENTS[client](gate, secret, model, stream)
    usage, cost = CHARGES[model]
    assert heard.text == HELLO
    tokens_in = sum(usage.get(name, 0) for name in INPUT_CLASSES)
    assert (heard.tokens_in, heard.tokens_out) == (tokens_in, 20)
    await gate.settled()
    (event,) = await gate.events_of(key)
    body = event["body"]
    assert (event["amount"], body["usage"]) == (-cost, usage)
    assert (body["outcome"], body["usage_source"]) == ("complete", "upstream")
    assert (body["endpoint"], body["stream"]) == (client, stream)
    assert body["shortfall_nano"] == 0
    assert await gate.balance(key.account) == 10**9 - cost


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("client", "model"), CELLS)
async def test_what_is_not_affordable_is_not_sent(
    gate: Gate, vendor: FakeVendor, client: str, model: str, stream: bool
) -> None:
    key, secret = await gate.key("0.000001")
    with pytest.raises(Exception, match="does not cover this request"):
        await CLIENTS[client](gate, secret, model, stream)
    assert not vendor.received and not gate.upstream.received
    assert await gate.balance(key.account) == 1_000


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("client", "model"), [c for c in CELLS if c[1] != "chatty"])
async def test_what_is_not_reported_is_counted(
    gate: Gate, vendor: FakeVendor, client: str, model: str, stream: bool
) -> None:
    vendor.manner = Manner(no_usage=True)
    key, secret = await gate.key()
    heard = await CLIENTS[client](gate, secret, model, stream)
    assert heard.text == HELLO
    await gate.settled()
    (event,) = await gate.events_of(key)
    # Of vendors whose tokenizer is not public, tokens are estimated by their length.
    family = family_of(model)
    assert event["body"]["usage_source"] == ("estimated" if family else "counted")
    assert event["body"]["usage"]["output"] == (family.estimate([HELLO]) if family else 5)
    assert event["body"]["usage"]["input"] >= 4
