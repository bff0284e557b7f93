"""Meters and requests under any split and any JSON: no other exception than a refusal."""

from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.dialects import asks
from gateway.dialects.table import DIALECTS
from gateway.directory.catalogue import Catalogue
from gateway.directory.channels import Channel
from gateway.directory.vendor import Vendor
from gateway.formats import openai
from gateway.relay.convert_meter import ConvertMeter
from gateway.relay.errors import RelayError
from gateway.relay.outgoing import body_for
from gateway.relay.pass_meter import PassMeter
from gateway.relay.stream_meter import StreamMeter
from tests.fakes.vendors import VENDORS, Manner
from tests.gateway.directory.conftest import PROVIDERS

STREAMS = {
    name: b"".join(map(vendor.frame, vendor.events(Manner(), {"model": "m"})))
    for name, vendor in zip(("anthropic", "gemini", "responses"), VENDORS, strict=True)
}
ENDPOINTS = {
    "openai": openai.CHAT,
    "anthropic": asks.MESSAGES,
    "responses": asks.RESPONSES,
    "gemini": asks.GENERATE,
}


def run(meter: StreamMeter, pieces: list[bytes]) -> tuple[bytes, Any, list[str]]:
    out = b"".join(map(meter.feed, pieces))
    if not meter.done:
        out += meter.end()
    assert meter.finished
    return out + meter.closed(), meter.usage(), ["".join(meter.delivered())]


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_split_at_every_byte_a_stream_passes_the_same(name: str, newline: bytes) -> None:
    stream = STREAMS[name].replace(b"\n", newline)
    _, usage, texts = run(PassMeter(DIALECTS[name]), [stream])
    assert usage is not None and usage["output"] >= 15
    for at in range(len(stream)):
        got = run(PassMeter(DIALECTS[name]), [stream[:at], stream[at:]])
        assert got == (stream, usage, texts), at


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("client", ENDPOINTS)
def test_split_at_every_byte_a_stream_converts_the_same(name: str, client: str) -> None:
    stream, told = STREAMS[name], DIALECTS[client]

    def meter() -> ConvertMeter:
        return ConvertMeter(DIALECTS[name], told.writer({}, False, "r1"), 1)

    out, usage, texts = run(meter(), [stream])
    assert b"fake" in out and texts[0].startswith("Hello from the fake.")
    for at in range(0, len(stream), 3):
        got = run(meter(), [stream[:at], stream[at:]])
        assert got[1:] == (usage, texts)
        assert len(got[0]) == len(out), at  # ids differ


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 2**33) | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "role content type text parts input messages contents system tools name model "
                "thinking generationConfig systemInstruction stream max_tokens function".split()
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
# What cannot be given a system prompt refuses it when the channel is saved.
ONLY_QUESTIONS = {
    each.protocol for each in Catalogue.load(PROVIDERS).vendors() if not each.heeds_system
}
CHANNEL = Channel(id=1, type=1, system_prompt="Be brief.")


def vendor(protocol: str) -> Vendor:
    return Vendor(1, "v", protocol, "http://x", "bearer", False, {}, False, {}, (), ())


@pytest.mark.parametrize("name", [n for n in ENDPOINTS if n != "openai"])
@given(body=st.dictionaries(st.text(max_size=3), JSON, max_size=3), inputs=JSON, config=JSON)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_body_is_said_or_refused(name: str, body: Any, inputs: Any, config: Any) -> None:
    endpoint = ENDPOINTS[name]
    body |= {"model": "m", endpoint.field: inputs, "generationConfig": config, "thinking": config}
    try:
        ask = asks.read(endpoint, orjson.dumps(body), "m")
    except RelayError as error:
        assert error.status == 400
        return
    for protocol, wire in asks.SPOKEN.items():
        for clamp in (None, 20):
            try:
                sent = orjson.loads(body_for(ask, CHANNEL, clamp, wire, vendor(protocol)))
            except RelayError as error:
                assert error.status == 400
                continue
            assert "Be brief." in str(sent) or protocol in ONLY_QUESTIONS
    DIALECTS[endpoint.dialect].countable(ask.body)
