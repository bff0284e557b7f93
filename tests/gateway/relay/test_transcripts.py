"""Transcripts and translations: every format, and seconds or tokens as each is sold."""

import io
from typing import Any

import pytest

from gateway.media.duration import LOWEST_BYTES_PER_S
from tests.fakes.media import TEXT, TEXT_USAGE, Say, wav
from tests.gateway.relay.media import Studio, opened, says, studio

__all__ = ["opened", "studio"]
pytestmark = pytest.mark.asyncio(loop_scope="module")

SECOND = 100_000
RECORDING = wav(2.5)


def file(content: bytes = RECORDING, name: str = "talk.wav") -> dict[str, Any]:
    return {"file": (name, content, "audio/wav")}


@pytest.mark.parametrize(
    ("form", "seconds", "source"),
    [
        ("json", 3, "counted"),
        ("text", 3, "counted"),
        ("srt", 3, "counted"),
        ("vtt", 3, "counted"),
        ("verbose_json", 9, "upstream"),
    ],
)
async def test_every_format_is_charged_by_the_second(
    studio: Studio, form: str, seconds: int, source: str
) -> None:
    answer = await studio.client.audio.transcriptions.create(
        model="whisper-1",
        file=("talk.wav", RECORDING),
        response_format=form,  # type: ignore[call-overload]
        timestamp_granularities=["word", "segment"],
    )
    assert TEXT in (answer if isinstance(answer, str) else answer.text)
    asked = studio.upstream.received[-1]
    assert asked.files["file"][0].body == RECORDING
    assert (asked.body["model"], asked.body["response_format"]) == ("whisper-1", form)
    assert b"segment" in asked.raw
    event = await studio.last()
    assert event["body"]["usage"] == {"seconds": seconds}
    assert (event["amount"], event["body"]["usage_source"]) == (-seconds * SECOND, source)
    assert event["body"]["hold"]["nano"] >= 3 * SECOND


async def test_the_length_that_the_upstream_states_is_charged(studio: Studio) -> None:
    says(studio, Say(usage={"type": "duration", "seconds": 2.2}))
    answer = await studio.post("/v1/audio/translations", files=file())
    assert answer.headers["content-type"].startswith("application/json")
    event = await studio.last()
    assert (event["body"]["usage"], event["body"]["usage_source"]) == ({"seconds": 3}, "upstream")
    assert (event["body"]["model"], event["body"]["endpoint"]) == (
        "whisper-1",
        "audio.translations",
    )
    assert studio.upstream.received[-1].path == "/v1/audio/translations"
    await studio.post("/v1/audio/transcriptions", files=file(), data={"stream": "true"})
    event = await studio.last()
    assert (event["body"]["usage"], event["body"]["usage_source"]) == ({"seconds": 3}, "upstream")


@pytest.mark.parametrize("stream", [False, True])
async def test_tokens_are_charged_as_reported(studio: Studio, stream: bool) -> None:
    says(studio, Say(usage=TEXT_USAGE))
    answer = await studio.client.audio.transcriptions.create(
        model="gpt-4o-transcribe", file=("talk.wav", RECORDING), stream=stream
    )
    if stream:
        kinds = []
        async for piece in answer:
            kinds.append(piece.type)
            if piece.type == "transcript.text.done":
                assert len(await studio.gate.events_of(studio.key)) == 1
        assert kinds == ["transcript.text.delta"] * 3 + ["transcript.text.done"]
    event = await studio.last()
    assert event["body"]["usage"] == {"input": 2, "audio_input": 28, "output": 5, "seconds": 3}
    assert event["amount"] == -(2 * 2_500 + 28 * 6_000 + 5 * 10_000)
    assert (event["body"]["usage_source"], event["body"]["stream"]) == ("upstream", stream)


@pytest.mark.parametrize("stream", [False, True])
async def test_tokens_that_nobody_reports_are_estimated(studio: Studio, stream: bool) -> None:
    form = {"model": "gpt-4o-transcribe", "stream": "true"} if stream else {}
    data = {"model": "gpt-4o-transcribe", **form}
    await studio.post("/v1/audio/transcriptions", data=data, files=file())
    event = await studio.last()
    assert event["body"]["usage"] == {"input": 0, "audio_input": 30, "output": 4, "seconds": 3}
    assert event["body"]["usage_source"] == "estimated"


async def test_what_can_not_be_measured_is_estimated_from_its_size(studio: Studio) -> None:
    form = {"model": "whisper-1", "response_format": "text"}
    odd = file(b"\x1a\x45\xdf\xa3" + bytes(9 * LOWEST_BYTES_PER_S))
    await studio.post("/v1/audio/transcriptions", data=form, files=odd)
    event = await studio.last()
    assert (event["body"]["usage"], event["body"]["usage_source"]) == ({"seconds": 10}, "estimated")


async def test_a_recording_longer_than_the_balance_is_not_sent(studio: Studio) -> None:
    _, poor = await studio.gate.key("0.001")
    form = {"model": "whisper-1"}
    answer = await studio.post("/v1/audio/transcriptions", poor, data=form, files=file(wav(11)))
    assert (answer.status_code, answer.json()["error"]["code"]) == (402, "insufficient_quota")
    assert studio.upstream.received == []
    answer = await studio.post("/v1/audio/transcriptions", poor, data=form, files=file(wav(10)))
    assert answer.status_code == 200


async def test_a_mapped_model_is_what_the_upstream_reads(studio: Studio) -> None:
    gate = studio.gate
    await gate.channel("heard", base_url=studio.upstream.url, model_mapping={"heard": "whisper-1"})
    data = {"prompt": "Names: Ada.", "model": "heard", "temperature": "0.2"}
    await studio.post("/v1/audio/transcriptions", data=data, files=file())
    body = studio.upstream.received[-1].body
    assert body == {"prompt": "Names: Ada.", "model": "whisper-1", "temperature": "0.2"}
    event = await studio.last()
    assert (event["body"]["served_model"], event["amount"]) == ("whisper-1", -3 * SECOND)


async def test_the_sandbox_writes_transcripts(studio: Studio) -> None:
    said = set()
    create = studio.client.audio.transcriptions.create
    for form in ("json", "text", "srt", "vtt", "verbose_json"):
        got: Any = await create(
            model="sandbox-transcription",
            file=("talk.wav", io.BytesIO(RECORDING)),
            response_format=form,  # type: ignore[call-overload]
        )
        said.add(got if form in ("srt", "vtt") else getattr(got, "text", got).strip())
    stream = await create(model="sandbox-transcription", file=("talk.wav", RECORDING), stream=True)
    said.add("".join([p.delta async for p in stream if p.type == "transcript.text.delta"]))
    assert len(said) == 3
    charges = await studio.gate.events_of(studio.key)
    assert [e["body"]["usage"] for e in charges] == [{"seconds": 3}] * 6
