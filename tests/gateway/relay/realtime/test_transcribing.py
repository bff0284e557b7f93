"""Sessions that only transcribe: `?intent=transcription`."""

import json
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.fakes.realtime import DURATION, FakeRealtime
from tests.gateway.relay.conftest import Gate
from tests.gateway.relay.realtime.conftest import CREATE, talk
from tests.gateway.relay.realtime.test_transcripts import (
    BY_SECOND,
    COMMIT,
    KIND,
    ROW,
    SPEECH,
    WRITTEN,
    charges,
    wants,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

OLDER = {
    "type": "transcription_session.update",
    "session": {"input_audio_transcription": {"model": "scribe"}},
}


def by_intent(model: str) -> str:
    return f"{model}&intent=transcription"


async def test_transcripts_alone(gate: Gate, realtime: FakeRealtime) -> None:
    await gate.price(ROW)
    await gate.channel("scribe", base_url=realtime.url)
    key, secret = await gate.key("1")
    newer = wants("scribe")
    newer["session"]["type"] = "transcription"
    for number, update in enumerate((newer, OLDER), 1):
        async with talk(gate, secret, by_intent("scribe")) as client:
            await client.say(update)
            await client.until(f"{update['type']}d")
            await client.say(SPEECH, COMMIT)
            await client.until(f"{KIND}.completed")
            assert len(await gate.events_of(key)) == number
            for wrong in (CREATE, {"type": "session.update", "session": {"type": "realtime"}}):
                await client.say(wrong)
                assert (await client.until("error"))["error"]["code"] == "invalid_value"
    assert [uri for uri, _ in realtime.asked] == ["/v1/realtime?intent=transcription"] * 2
    assert CREATE not in realtime.received
    for event in await charges(gate, key):
        assert event["amount"] == -WRITTEN and event["_id"].endswith(":t1")
        assert event["body"]["model"] == "scribe" and event["body"]["shortfall_nano"] == 0
    assert await gate.balance(key.account) == 10**9 - 2 * WRITTEN


async def test_refused_before_the_handshake(gate: Gate, realtime: FakeRealtime) -> None:
    await gate.price(ROW, {**ROW, "model": "dear", "audio_input": "1000000"})
    await gate.channel("dear", "free-of-price", base_url=realtime.url)
    key, poor = await gate.key("1")
    _, other = await gate.key("1", models=["speech"])
    for secret, model, status, code in (
        (poor, "dear", 402, "insufficient_quota"),
        (poor, "free-of-price", 400, "model_price_missing"),
        (poor, "", 400, "missing_required_parameter"),
        (other, "dear", 403, "model_not_allowed"),
    ):
        with pytest.raises(InvalidStatus) as refused:
            async with talk(gate, secret, by_intent(model)):
                pass
        answer = refused.value.response
        assert answer.status_code == status
        assert json.loads(answer.body)["error"]["code"] == code
    assert not realtime.asked
    assert await gate.balance(key.account) == 10**9


async def test_another_channel_and_a_key_that_is_disabled(
    gate: Gate, realtime: FakeRealtime
) -> None:
    realtime.manner.transcript_usage = DURATION
    await gate.price(BY_SECOND)
    await gate.channel("clock", base_url="http://127.0.0.1:9", priority=5)
    good = await gate.channel("clock", base_url=realtime.url)
    key, secret = await gate.key("1")
    options = gate.running.directory.options
    await options.set("RetryTimes", 1)
    try:
        async with talk(gate, secret, by_intent("clock")) as client:
            # Its model is known by the handshake, whether or not the settings say it.
            await client.say({"type": "session.update", "session": {}})
            await client.until("session.updated")
            (theirs,) = realtime.sessions
            theirs._transcribes = True
            await client.say(SPEECH, COMMIT)
            await client.until(f"{KIND}.completed")
            await gate.running.directory.keys.update(key.id, {"status": 2})
            events: list[Any] = []
            await client.say(SPEECH, COMMIT, SPEECH)
            events, code, reason = await client.ending()
    finally:
        await options.set("RetryTimes", 0)
    assert (code, reason) == (1_008, "invalid_api_key")
    assert events[-1]["type"] == "error"
    found = await charges(gate, key)
    assert {event["amount"] for event in found} == {-210_000} and len(found) in (1, 2)
    assert {event["body"]["channel"] for event in found} == {good.id}
