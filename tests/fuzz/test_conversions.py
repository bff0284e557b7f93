"""The same mutated bodies without a server: whatever is asked, it is said to every upstream or
refused, never a fault."""

import os
import random

import orjson
import pytest

from gateway.dialects import asks
from gateway.dialects.table import DIALECTS
from gateway.directory.channels import Channel
from gateway.directory.vendor import Vendor
from gateway.formats import openai
from gateway.relay.errors import RelayError
from gateway.relay.outgoing import body_for
from tests.fuzz import bodies

SEED = int(os.environ.get("FUZZ_SEED", "20261122"))
TIMES = int(os.environ.get("FUZZ_TIMES", "1500"))
ASKED = {
    "chat": (openai.CHAT, bodies.CHAT),
    "messages": (asks.MESSAGES, bodies.MESSAGES),
    "responses": (asks.RESPONSES, bodies.RESPONSES),
    "gemini": (asks.GENERATE, bodies.GEMINI),
}


@pytest.mark.parametrize("name", ASKED)
def test_whatever_is_asked_is_said_or_refused(name: str) -> None:
    print("seed", SEED)
    rng = random.Random(SEED)
    endpoint, body = ASKED[name]
    channel, said = Channel(id=1, type=1), 0
    for _ in range(TIMES):
        raw = bodies.written(bodies.mutated(body, rng))
        try:
            ask = asks.read(endpoint, raw, "m")
        except RelayError as error:
            assert error.status == 400
            continue
        DIALECTS[endpoint.dialect].countable(ask.body)
        for protocol, wire in asks.SPOKEN.items():
            vendor = Vendor(1, "v", protocol, "http://x", "bearer", False, {}, False, {}, (), ())
            try:
                orjson.loads(body_for(ask, channel, rng.choice((None, 20)), wire, vendor))
                said += 1
            except RelayError as error:
                assert error.status == 400, raw
    assert said > TIMES
