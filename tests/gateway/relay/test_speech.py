"""Speech: audio that flows through, and what it cost."""

import asyncio
from typing import Any

import httpx
import pytest

from gateway.channels.health import Rules
from gateway.channels.watch import Watch
from tests.fakes.media import SOUND, SPEECH_USAGE, Say, wav
from tests.gateway.relay.media import Studio, opened, says, studio
from tests.waiting import until

__all__ = ["opened", "studio"]
pytestmark = pytest.mark.asyncio(loop_scope="module")

ASK: dict[str, Any] = {"model": "tts-1", "input": "你好 world", "voice": "alloy"}
COST = 8 * 15_000


async def test_characters_are_charged_and_bytes_pass_untouched(studio: Studio) -> None:
    answer = await studio.post("/v1/audio/speech", json={**ASK, "response_format": "opus"})
    assert answer.content == SOUND
    assert answer.headers["content-type"] == "audio/mpeg"
    assert answer.headers["x-tollgate-cost"] == "0.00012"
    assert studio.upstream.received[-1].headers["accept"] == "*/*"
    event = await studio.last()
    assert (event["amount"], event["body"]["usage"]) == (-COST, {"characters": 8})
    assert (event["body"]["usage_source"], event["body"]["outcome"]) == ("counted", "complete")
    assert event["body"]["hold"]["nano"] == COST
    async with studio.client.audio.speech.with_streaming_response.create(**ASK) as streamed:
        assert await streamed.read() == SOUND
    assert (await studio.last())["body"]["endpoint"] == "audio.speech"


@pytest.mark.parametrize("length", [False, True])
async def test_audio_flows_and_its_last_bytes_wait_for_the_charge(
    studio: Studio, length: bool
) -> None:
    says(studio, Say(hang_after=4, length=length))
    headers = {"authorization": f"Bearer sk-{studio.secret}"}
    request = studio.gate.http.stream("POST", "/v1/audio/speech", json=ASK, headers=headers)
    got = b""
    async with request as answer:
        assert ("content-length" in answer.headers) is length
        async for piece in answer.aiter_bytes():
            got += piece
            if len(got) >= 40_000 and not studio.upstream.released.is_set():
                assert await studio.gate.events_of(studio.key) == []
                studio.upstream.released.set()
            if len(got) == len(SOUND):
                assert len(await studio.gate.events_of(studio.key)) == 1
    assert got == SOUND
    await studio.last()


async def test_audio_that_is_cut_ends_in_a_broken_connection(studio: Studio) -> None:
    for length in (False, True):
        says(studio, Say(cut_after=3, length=length))
        with pytest.raises(httpx.RemoteProtocolError):
            await studio.post("/v1/audio/speech", json=ASK)
        event = await studio.last()
        assert event["body"]["outcome"] == "upstream_cut"
        assert event["amount"] == -COST


async def test_audio_that_never_begins_is_asked_elsewhere(studio: Studio) -> None:
    gate = studio.gate
    await gate.running.directory.options.set("RetryTimes", 2)
    other = await gate.channel("tts-1", base_url=studio.upstream.url)
    try:
        says(studio, Say(cut_after=0), Say())
        answer = await studio.post("/v1/audio/speech", json=ASK)
        assert (answer.status_code, answer.content) == (200, SOUND)
        assert len((await studio.last())["body"]["attempts"]) == 2
    finally:
        await gate.running.directory.channels.delete(other.id)
        gate.running.relay.watch = Watch(Rules())


@pytest.mark.parametrize(
    ("policy", "amount"), [("drain", COST), ("input", COST), ("estimate", COST), ("free", 0)]
)
async def test_who_hangs_up_pays_by_policy(studio: Studio, policy: str, amount: int) -> None:
    gate = studio.gate
    gate.settings(disconnect_policy=policy)
    says(studio, Say(hang_after=3))
    headers = {"authorization": f"Bearer sk-{studio.secret}"}
    request = gate.http.stream("POST", "/v1/audio/speech", json=ASK, headers=headers)
    async with request as answer:
        await anext(answer.aiter_raw())
    await until(lambda: all(x.client_gone for x in gate.running.relay.exchanges))
    studio.upstream.released.set()
    event = await studio.last()
    assert (event["body"]["outcome"], -event["amount"]) == ("client_closed", amount)


async def test_speech_as_events_reports_its_tokens(studio: Studio) -> None:
    says(studio, Say(usage=SPEECH_USAGE))
    body = {**ASK, "model": "gpt-4o-mini-tts", "stream_format": "sse", "instructions": "Softly."}
    answer = await studio.post("/v1/audio/speech", json=body)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.count("speech.audio.delta") == 6
    assert "speech.audio.done" in answer.text
    event = await studio.last()
    usage = {"input": 14, "output": 0, "audio_output": 101, "characters": 8}
    assert event["body"]["usage"] == usage
    assert event["amount"] == -(14 * 600 + 101 * 12_000)
    assert event["body"]["usage_source"] == "upstream"
    says(studio, Say(usage=SPEECH_USAGE))
    await studio.post("/v1/audio/speech", json={**body, "model": "tts-1"})
    assert (await studio.last())["amount"] == -COST


async def test_tokens_that_nobody_reports_are_estimated(studio: Studio) -> None:
    await studio.post("/v1/audio/speech", json={**ASK, "model": "gpt-4o-mini-tts"})
    event = await studio.last()
    assert event["body"]["usage_source"] == "estimated"
    assert event["body"]["usage"]["audio_output"] == int(2 * 5.2 + 6 * 1.4) + 1
    assert 0 < -event["amount"] <= event["body"]["hold"]["nano"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("input", ""),
        ("input", None),
        ("input", ["a"]),
        ("model", None),
        ("model", {}),
        ("response_format", 3),
        ("stream_format", ["sse"]),
        ("instructions", {"a": 1}),
    ],
)
async def test_what_is_wrong_is_refused_by_name(studio: Studio, field: str, value: Any) -> None:
    answer = await studio.post("/v1/audio/speech", json={**ASK, field: value})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, field)


async def test_errors_are_json_and_nothing_unaffordable_is_sent(studio: Studio) -> None:
    says(studio, Say(status=400))
    answer = await studio.post("/v1/audio/speech", json=ASK)
    assert answer.json()["error"]["message"].startswith("failed 400")
    says(studio, Say(body=b'{"error": {"message": "no such voice"}}'))
    answer = await studio.post("/v1/audio/speech", json=ASK)
    assert answer.status_code == 502 and "no such voice" in answer.text
    await studio.nothing()
    studio.upstream.received.clear()
    _, poor = await studio.gate.key("0.0001")
    answer = await studio.post("/v1/audio/speech", poor, json=ASK)
    assert answer.status_code == 402
    assert studio.upstream.received == []


async def test_long_audio_passes_whole(studio: Studio) -> None:
    says(studio, Say(body=bytes(8 << 20), kind="audio/wav"))
    headers = {"authorization": f"Bearer sk-{studio.secret}"}
    request = studio.gate.http.stream("POST", "/v1/audio/speech", json=ASK, headers=headers)
    async with request as answer:
        size = 0
        async for piece in answer.aiter_raw():
            size += len(piece)
            await asyncio.sleep(0)
    assert size == 8 << 20
    assert (await studio.last())["amount"] == -COST


async def test_the_sandbox_speaks(studio: Studio) -> None:
    body = {"model": "sandbox-speech", "input": "Hello", "voice": "alloy"}
    one = await studio.post("/v1/audio/speech", json=body)
    again = await studio.post("/v1/audio/speech", json=body)
    assert one.content == again.content
    assert one.headers["content-type"] == "audio/wav"
    assert (one.content[:4], len(one.content)) == (b"RIFF", len(wav(0.25)))
    raw = await studio.post("/v1/audio/speech", json={**body, "response_format": "pcm"})
    assert raw.content == one.content[44:]
    events = await studio.post("/v1/audio/speech", json={**body, "stream_format": "sse"})
    assert "speech.audio.done" in events.text
    charges = await studio.gate.events_of(studio.key)
    assert [e["amount"] for e in charges] == [-5 * 15_000] * 4
