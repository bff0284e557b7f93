"""Transcripts of a session's input: charged by their own model's price, before they come."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.relay.realtime import session as sessions
from gateway.relay.realtime.ear import Ear
from tests.fakes.realtime import DURATION, WORDS, FakeRealtime
from tests.gateway.relay.conftest import Gate
from tests.gateway.relay.realtime.conftest import CREATE, TURN, Talker, talk

pytestmark = pytest.mark.asyncio(loop_scope="module")

KIND = "conversation.item.input_audio_transcription"
# 1.2 seconds of 24 kHz PCM.
SPEECH = {
    "type": "input_audio_buffer.append",
    "audio": base64.b64encode(bytes(57_600)).decode(),
}
COMMIT = {"type": "input_audio_buffer.commit"}
ROW = {"model": "scribe", "input": "1", "audio_input": "10", "output": "2"}
# What the fake's usage costs: 5 tokens of text, 12 heard, 9 out.
WRITTEN = 5 * 1_000 + 12 * 10_000 + 9 * 2_000
BY_SECOND = {"model": "clock", "seconds": "0.0001", "calls": "0.00001"}


def wants(model: Any, **more: Any) -> dict[str, Any]:
    heard = {"transcription": {"model": model} if isinstance(model, str) else model}
    return {"type": "session.update", "session": {"audio": {"input": {**heard, **more}}}}


def in_older_form(settings: Any) -> dict[str, Any]:
    return {"type": "session.update", "session": {"input_audio_transcription": settings}}


async def set_up(client: Talker, *events: Any) -> None:
    await client.say(*events)
    for event in events:
        if event["type"] == "session.update":
            await client.until("session.updated")


async def charges(gate: Gate, key: Any) -> list[dict[str, Any]]:
    await gate.settled()
    return sorted(await gate.events_of(key), key=lambda event: str(event["_id"]))


async def test_a_transcript_is_charged_before_it_comes(gate: Gate, realtime: FakeRealtime) -> None:
    await gate.price(ROW)
    await gate.channel(
        "mapped", base_url=realtime.url, model_mapping={"mapped": "speech", "scribe": "other"}
    )
    key, secret = await gate.key("1")
    older = in_older_form({"model": "scribe"})
    async with talk(gate, secret, "mapped") as client:
        for number, update in enumerate((wants("scribe"), older), 1):
            await set_up(client, update)
            await client.say(SPEECH, COMMIT)
            assert (await client.until(f"{KIND}.completed"))["usage"]["input_tokens"] == 17
            assert len(await gate.events_of(key)) == number
        await set_up(client, wants(None))  # no more of them
        await client.say(SPEECH, COMMIT, CREATE)
        await client.until("response.done")
    turn, first, second = await charges(gate, key)
    request_id = turn["body"]["request_id"].removesuffix(":1")
    assert [e["_id"] for e in (first, second)] == [f"usage:{request_id}:t{n}" for n in (1, 2)]
    for event in (first, second):
        body = event["body"]
        assert event["amount"] == -WRITTEN and body["shortfall_nano"] == 0
        assert body["usage"] == {"input": 5, "audio_input": 12, "output": 9}
        assert (body["model"], body["served_model"]) == ("scribe", "scribe")
        assert (body["endpoint"], body["usage_source"]) == ("realtime", "upstream")
        assert body["outcome"] == "complete" and '"type":"tokens"' in body["usage_frame"]
    assert turn["amount"] == -TURN and turn["body"]["model"] == "mapped"


async def test_beside_responses_that_the_upstream_begins(
    gate: Gate, realtime: FakeRealtime
) -> None:
    await gate.price(ROW)
    realtime.manner.hears_after = 2
    key, secret = await gate.key("1")
    async with talk(gate, secret) as client:
        await set_up(client, wants("scribe"))
        for _ in range(3):
            await client.say(SPEECH, SPEECH)
            await client.until("response.done")
    found = await charges(gate, key)
    amounts = [event["amount"] for event in found]
    assert sorted(amounts) == sorted([-TURN] * 3 + [-WRITTEN] * 3)
    assert not any(event["body"]["shortfall_nano"] for event in found)


@pytest.mark.parametrize(
    ("model", "usage", "expected", "source", "amount"),
    [
        ("clock", DURATION, {"seconds": 2, "calls": 1}, "upstream", 210_000),
        ("clock", None, {"seconds": 2, "calls": 1}, "estimated", 210_000),
        ("clock", {"type": "duration", "seconds": -1}, {"seconds": 2, "calls": 1}, "estimated", 0),
        ("scribe", None, {"audio_input": 20, "output": 5, "seconds": 2}, "estimated", 210_000),
        ("scribe", DURATION, {"audio_input": 20, "output": 5, "seconds": 2}, "estimated", 0),
        ("scribe", [7], {"audio_input": 20, "output": 5, "seconds": 2}, "estimated", 0),
    ],
)
async def test_by_the_second_and_by_estimate(
    gate: Gate,
    realtime: FakeRealtime,
    model: str,
    usage: Any,
    expected: dict[str, int],
    source: str,
    amount: int,
) -> None:
    await gate.price(ROW, BY_SECOND)
    realtime.manner.transcript_usage = usage
    key, secret = await gate.key("1")
    async with talk(gate, secret) as client:
        await set_up(client, wants(model))
        await client.say(SPEECH, COMMIT)
        await client.until(f"{KIND}.completed")
    (event,) = await charges(gate, key)
    assert event["body"]["usage"] == expected and event["body"]["usage_source"] == source
    assert event["amount"] == -(amount or 210_000)


async def test_what_failed_is_free_and_unknown_items_are_not(
    gate: Gate, realtime: FakeRealtime
) -> None:
    await gate.price(ROW)
    realtime.manner.transcript = "failed"
    key, secret = await gate.key("1")
    async with talk(gate, secret) as client:
        await set_up(client, wants("scribe"))
        await client.say(SPEECH, COMMIT)
        await client.until(f"{KIND}.failed")
        assert not await gate.events_of(key)
        (theirs,) = realtime.sessions
        done = {"item_id": "by_itself", "content_index": 0, "transcript": "hi"}
        usage = {"type": "tokens", "input_tokens": 10, "output_tokens": 1}
        for _ in range(2):  # and only once
            await theirs._say(f"{KIND}.completed", **done, usage=usage)
            await client.until(f"{KIND}.completed")
    (event,) = await charges(gate, key)
    assert event["amount"] == -(10 * 1_000 + 2_000)
    assert await gate.balance(key.account) == 10**9 + event["amount"]


async def test_what_can_not_be_charged_is_refused(gate: Gate, realtime: FakeRealtime) -> None:
    await gate.price(ROW)
    _, secret = await gate.key("1", models=["speech", "unpriced"])
    path = "session.audio.input.transcription"
    async with talk(gate, secret) as client:
        await client.until("session.created")
        for said, code, param in (
            ("unpriced", "model_price_missing", f"{path}.model"),
            ("scribe", "model_not_allowed", f"{path}.model"),
            ({"language": "en"}, "invalid_value", f"{path}.model"),
            ({"model": 7}, "invalid_value", f"{path}.model"),
            ({"model": "x" * 10_000}, "invalid_value", f"{path}.model"),
            ([1], "invalid_value", path),
            (True, "invalid_value", path),
        ):
            written = {"model": said} if isinstance(said, str) else said
            for event in (wants(said), in_older_form(written)):
                await client.say({**event, "event_id": "mine"})
                error = (await client.until("error"))["error"]
                assert (error["code"], error["param"]) == (code, param)
                assert error["event_id"] == "mine"
        assert not realtime.received
        # An upstream that transcribes unasked, with a model that nobody can pay for.
        (theirs,) = realtime.sessions
        await theirs._set(wants("unpriced")["session"])
        events, code, reason = await client.ending()
    assert (code, reason) == (1_008, "model_price_missing")
    assert events[-1]["error"]["code"] == "model_price_missing"


async def test_when_the_credit_ends(gate: Gate, realtime: FakeRealtime) -> None:
    await gate.price({**ROW, "model": "dear", "audio_input": "1000000"})  # 10 USD a second
    gate.settings(hold_wait_s=0)
    key, secret = await gate.key("45")
    async with talk(gate, secret) as client:
        await set_up(client, wants("dear"))
        await client.say(SPEECH, SPEECH, SPEECH, SPEECH)  # the first: at most 2 seconds, 20 USD
        events, code, reason = await client.ending()
    assert (code, reason) == (1_000, "insufficient_quota"), events
    heard = [event for event in realtime.received if event["type"] == SPEECH["type"]]
    assert 1 <= len(heard) < 4  # what is not covered is not sent
    assert await charges(gate, key) == []
    assert await gate.balance(key.account) == 45 * 10**9


@pytest.mark.parametrize(
    ("policy", "usage", "source"),
    [
        ("drain", {"input": 5, "audio_input": 12, "output": 9}, "upstream"),
        ("estimate", {"audio_input": 20, "output": 5, "seconds": 2}, "estimated"),
        ("input", {"audio_input": 20, "seconds": 2}, "estimated"),
        ("free", {}, "estimated"),
    ],
)
async def test_a_client_that_leaves_before_its_transcript(
    gate: Gate, realtime: FakeRealtime, policy: str, usage: Any, source: str, monkeypatch: Any
) -> None:
    await gate.price(ROW)
    gate.settings(disconnect_policy=policy)
    monkeypatch.setattr(sessions, "CANCEL_S", 0.1)
    realtime.manner.transcript = "late"
    key, secret = await gate.key("1")
    async with talk(gate, secret) as client:
        await set_up(client, wants("scribe"))
        await client.say(SPEECH, COMMIT)
        for _ in WORDS:
            await client.until(f"{KIND}.delta")
    if policy == "drain":
        realtime.released.set()
    (event,) = await charges(gate, key)
    assert event["body"]["usage"] == usage and event["body"]["usage_source"] == source


async def test_an_upstream_that_breaks_off(gate: Gate, realtime: FakeRealtime) -> None:
    await gate.price(ROW)
    realtime.manner.cut, realtime.manner.transcript = True, "late"
    key, secret = await gate.key("1")
    async with talk(gate, secret) as client:
        await set_up(client, wants("scribe"))
        await client.say(SPEECH, COMMIT)
        await client.until(f"{KIND}.delta")
        await client.say(CREATE)
        assert (await client.ending())[1] == 1_011
    turn, written = await charges(gate, key)
    assert turn["body"]["outcome"] == written["body"]["outcome"] == "upstream_cut"
    assert written["body"]["usage_source"] == "estimated"
    assert written["body"]["usage"]["audio_input"] == 20


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["append", "commit", "clear", "committed", "cleared", "heard"]),
            st.integers(0, 10_000),
        ),
        max_size=60,
    )
)
async def test_no_audio_is_taken_twice(steps: list[tuple[str, int]]) -> None:
    ear, taken = Ear(), 0
    sent = 0
    for number, (what, size) in enumerate(steps):
        if what == "append":
            before = ear.waiting_us
            ear.heard({**SPEECH, "audio": "A" * size})
            assert ear.waiting_us - before >= size * 3 / 4 / 48_000 * 1_000_000
            sent += ear.waiting_us - before
        elif what in ("commit", "clear"):
            ear.heard({"type": f"input_audio_buffer.{what}"})
        elif what == "committed":
            taken += ear.takes(f"item_{number}")
        elif what == "heard":
            item = {"item_id": f"item_{number + 1}", "audio_start_ms": size // 2}
            ear.noted({"type": "input_audio_buffer.speech_started", **item, "audio_end_ms": size})
        else:
            ear.noted({"type": "input_audio_buffer.cleared"})
        assert ear.waiting_us >= 0 and taken + ear.waiting_us <= sent


async def test_how_long_audio_is() -> None:
    """By the format that the session hears; never less than either side says."""
    older: dict[str, Any] = {"input_audio_format": "g711_ulaw"}

    def newer(**named: Any) -> dict[str, Any]:
        return {"audio": {"input": {"format": named}}}

    for asked, confirmed, seconds in (
        ({}, {}, 1.2),
        (older, {}, 7.2),
        (older, older, 7.2),
        ({}, older, 7.2),
        (newer(type="audio/pcma"), newer(type="audio/pcma"), 7.2),
        (newer(type="audio/pcm", rate=24_000), newer(type="audio/pcm", rate=24_000), 1.2),
        (newer(type="audio/pcm", rate=16_000), {}, 1.8),
        (newer(type="audio/pcm", rate=10**12), {}, 1.2),
        (newer(type="audio/pcm", rate="x"), {}, 1.2),
        (newer(type="opus"), {}, 28.8),
        ({"input_audio_format": 5}, {}, 28.8),
    ):
        ear = Ear()
        ear.wants(asked)
        ear.is_set(confirmed)
        ear.heard(SPEECH)
        assert ear.waiting_us == pytest.approx(seconds * 1_000_000, abs=2), (asked, confirmed)
