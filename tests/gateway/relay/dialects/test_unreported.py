"""Every client over every upstream that reports no usage: what was said is counted here."""

import pytest

from gateway.token_families import family_of
from tests.fakes.vendors import FakeVendor, Manner
from tests.gateway.relay.conftest import Gate
from tests.gateway.relay.dialects.conftest import CLIENTS, HELLO

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # Google's client derives from a class of aiohttp's.
    pytest.mark.filterwarnings("ignore:Inheritance class:DeprecationWarning"),
]

CELLS = [(client, model) for client in CLIENTS for model in ("claude-fake", "gemini-fake")]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("client", "model"), [*CELLS, ("responses", "respond")])
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
