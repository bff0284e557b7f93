"""Realtime sessions: the official client, exact charges, and what passes."""

import asyncio
import base64
import json
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.fakes.realtime import CLASSES, FakeRealtime
from tests.gateway.relay.conftest import SECRET, Gate
from tests.gateway.relay.realtime.conftest import CREATE, TEXT, TURN, talk
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SPEECH = {"type": "input_audio_buffer.append", "audio": base64.b64encode(bytes(4_800)).decode()}


async def charges(gate: Gate, key: Any, count: int) -> list[dict[str, Any]]:
    await gate.settled()
    found = sorted(await gate.events_of(key), key=lambda event: event["_id"])
    assert len(found) == count, found
    return found


async def test_the_official_client(gate: Gate, realtime: FakeRealtime) -> None:
    key, secret = await gate.key("1")
    async with gate.client(secret).realtime.connect(model="speech") as connection:
        said, done = "", 0
        await connection.conversation.item.create(item=TEXT["item"])
        await connection.response.create()
        async for event in connection:
            if event.type == "response.output_text.delta":
                said += event.delta
            if event.type == "response.done":
                done += 1
                assert len(await gate.events_of(key)) == done  # charged before it came
                assert event.response.usage.input_tokens == 100
                if done == 2:
                    break
                await connection.response.create()
    assert said == "Hello from the fake." * 2
    first, second = await charges(gate, key, 2)
    assert first["_id"] == f"usage:{first['body']['request_id']}" and first["_id"].endswith(":1")
    assert second["_id"] == first["_id"].removesuffix("1") + "2"
    for event in (first, second):
        body = event["body"]
        assert event["amount"] == -TURN
        assert body["usage"] == CLASSES and body["usage_source"] == "upstream"
        assert (body["endpoint"], body["outcome"], body["stream"]) == ("realtime", "complete", True)
        assert body["latency_ms"]["first_token"] is not None
        assert json.loads(body["usage_frame"])["total_tokens"] == 140
    assert await gate.balance(key.account) == 10**9 - 2 * TURN


async def test_events_pass_as_they_came(gate: Gate, realtime: FakeRealtime) -> None:
    first = '{ "type":"x.unknown",  "n": 1.50, "t": "\\u4f60" }'
    realtime.manner.session = {"model": "speech-2025-08-28"}  # its own name for it
    realtime.manner.says_first = first
    _, secret = await gate.key()
    beta = {"OpenAI-Beta": "realtime=v1", "Cookie": "c=1"}
    async with talk(gate, secret, "voice", headers=beta) as client:
        assert await client.socket.recv() == first
        assert (await client.until("session.created"))["session"]["model"] == "speech-2025-08-28"
        await client.say(first, TEXT)
        named = {"type": "session.update", "session": {"model": "voice", "x": 1}}
        await client.say(named)
        await client.until("session.updated")
    assert realtime.raw[:2] == [first, json.dumps(TEXT)]
    assert realtime.received[2]["session"] == {"model": "speech", "x": 1}
    ((uri, headers),) = realtime.asked
    assert uri == "/v1/realtime?model=speech"
    assert headers["authorization"] == f"Bearer {SECRET}"
    assert headers["openai-beta"] == "realtime=v1" and "cookie" not in headers


@pytest.mark.parametrize("prefix", ["/v1", "/openai/v1"])
async def test_a_browser_has_its_key_in_a_subprotocol(
    gate: Gate, realtime: FakeRealtime, prefix: str
) -> None:
    from websockets.asyncio.client import connect

    key, secret = await gate.key()
    url = f"ws{gate.url[4:]}{prefix}/realtime?model=speech"
    offered: Any = ["realtime", f"openai-insecure-api-key.sk-{secret}", "openai-beta.realtime-v1"]
    async with connect(url, subprotocols=offered, origin="https://a.example") as socket:
        assert socket.subprotocol == "realtime"
        await socket.send(json.dumps(CREATE))
        while json.loads(await socket.recv())["type"] != "response.done":
            continue
    assert secret not in str(realtime.asked)
    assert realtime.asked[0][1]["openai-beta"] == "realtime=v1"
    await charges(gate, key, 1)


async def test_speech_that_the_upstream_answers_by_itself(
    gate: Gate, realtime: FakeRealtime
) -> None:
    realtime.manner.hears_after = 3
    key, secret = await gate.key("1")
    async with talk(gate, secret) as client:
        for _ in range(2):
            await client.say(SPEECH, SPEECH, SPEECH)
            await client.until("response.done")
    for event in await charges(gate, key, 2):
        assert event["amount"] == -TURN and event["body"]["shortfall_nano"] == 0


async def test_responses_beside_each_other(gate: Gate, realtime: FakeRealtime) -> None:
    realtime.manner.hang = True
    key, secret = await gate.key("1")
    beside = {"type": "response.create", "response": {"conversation": "none"}}
    async with talk(gate, secret) as client:
        await client.say(CREATE, beside)
        await client.until("response.created")
        await client.until("response.created")
        realtime.released.set()
        ids = {(await client.until("response.done"))["response"]["id"] for _ in range(2)}
    assert ids == {"resp_1", "resp_2"}
    assert [event["amount"] for event in await charges(gate, key, 2)] == [-TURN, -TURN]


async def test_refused_before_the_handshake(gate: Gate, realtime: FakeRealtime) -> None:
    _, poor = await gate.key("0.0001")
    _, secret = await gate.key()
    _, limited = await gate.key(models=["m"])
    await gate.channel("unpriced", base_url=realtime.url)
    for key, model, status, code in (
        ("nobody", "speech", 401, "invalid_api_key"),
        (poor, "speech", 402, "insufficient_quota"),
        (secret, "nothing", 404, "model_not_found"),
        (secret, "unpriced", 400, "model_price_missing"),
        (secret, "", 400, "missing_required_parameter"),
        (limited, "speech", 403, "model_not_allowed"),
    ):
        with pytest.raises(InvalidStatus) as refused:
            async with talk(gate, key, model):
                pass
        answer = refused.value.response
        assert answer.status_code == status
        assert json.loads(answer.body)["error"]["code"] == code
    assert not realtime.asked
    plain = await gate.http.get(
        "/v1/realtime?model=speech", headers={"authorization": f"Bearer sk-{secret}"}
    )
    assert (plain.status_code, plain.json()["error"]["code"]) == (426, "upgrade_required")


async def test_an_upstream_that_refuses(gate: Gate, realtime: FakeRealtime) -> None:
    _, secret = await gate.key()
    for status, seen in ((401, 502), (429, 429), (503, 503), (404, 404)):
        model = f"refused-{status}"
        await gate.price({"model": model, "input": "1"})
        await gate.channel(model, base_url=realtime.url)
        realtime.manner.refuse = status
        with pytest.raises(InvalidStatus) as refused:
            async with talk(gate, secret, model):
                pass
        assert refused.value.response.status_code == seen
        assert "error" in json.loads(refused.value.response.body)
    await gate.price({"model": "away", "input": "1"})
    await gate.channel("away", base_url="http://127.0.0.1:9")
    with pytest.raises(InvalidStatus) as refused:
        async with talk(gate, secret, "away"):
            pass
    assert refused.value.response.status_code == 502


async def test_another_channel_is_tried(gate: Gate, realtime: FakeRealtime) -> None:
    key, secret = await gate.key("1")
    await gate.price({"model": "twice", "input": "1"})
    await gate.channel("twice", base_url="http://127.0.0.1:9", priority=5)
    good = await gate.channel("twice", base_url=realtime.url)
    options = gate.running.directory.options
    await options.set("RetryTimes", 2)
    try:
        async with talk(gate, secret, "twice") as client:
            await client.say(CREATE)
            await client.until("response.done")
    finally:
        await options.set("RetryTimes", 0)
    (event,) = await charges(gate, key, 1)
    assert event["body"]["channel"] == good.id


@pytest.mark.parametrize("who", ["client", "upstream"])
async def test_close_codes_reach_the_other_side(
    gate: Gate, realtime: FakeRealtime, who: str
) -> None:
    _, secret = await gate.key()
    if who == "upstream":
        realtime.manner.close = (1, 4_123, "enough")
    async with talk(gate, secret) as client:
        await client.say(CREATE)
        await client.until("response.done")
        if who == "upstream":
            assert (await client.ending())[1:] == (4_123, "enough")
    await until(lambda: realtime.closed and not realtime.sessions)
    if who == "client":
        assert realtime.closed == [1_000]


async def test_messages_have_a_limit_and_are_text(gate: Gate, realtime: FakeRealtime) -> None:
    _, secret = await gate.key()
    async with talk(gate, secret) as client:
        await client.until("session.created")
        await client.say(json.dumps({"type": "x", "x": "y" * 250_000}))
        assert (await client.ending())[1] == 1_009
    async with talk(gate, secret) as client:
        await client.until("session.created")
        await client.socket.send(b"\x00\x01")
        assert (await client.ending())[1] == 1_003
    assert realtime.received == []


async def test_hostile_events(gate: Gate, realtime: FakeRealtime) -> None:
    key, secret = await gate.key("1")
    odd: tuple[Any, ...] = (None, 3, "x", [], {}, [[]], {"a": None}, True, 2**14, 1.5)
    async with talk(gate, secret) as client:
        for raw in ("", "nonsense", "[]", '"x"', "3", '{"type": "x", "y": NaN}', "[" * 5_000):
            await client.say(raw)
            assert (await client.until("error"))["error"]["code"] == "invalid_json"
        for value in odd:
            for event in (
                {"type": value},
                {"type": "conversation.item.create", "item": value},
                {"type": "conversation.item.create", "item": {"content": value}},
                {"type": "conversation.item.create", "item": {"content": [value]}},
                {"type": "x", "response": value},
                {"type": "x", "response": {"input": value}},
                {"type": "x", "response": {"max_output_tokens": value}},
            ):
                if isinstance(event["type"], str):
                    await client.say(event)
                else:
                    await client.say({**event, "event_id": value})
                    error = (await client.until("error"))["error"]
                    assert (error["code"], error["param"]) == ("invalid_value", "type")
        for value in odd:  # some of these go on, some are answered
            for inner in (value, {"transcription": value}, {"format": value}):
                await client.say(
                    {"type": "session.update", "session": {"audio": {"input": inner}}},
                    {"type": "session.update", "session": {"input_audio_transcription": value}},
                    {"type": "input_audio_buffer.append", "audio": value},
                    {"type": "input_audio_buffer.commit", "item_id": value},
                )
        (theirs,) = realtime.sessions
        for value in odd:
            for kind in (value, "input_audio_buffer.speech_stopped", "conversation.item.done"):
                event = {"type": kind, "item_id": value, "audio_end_ms": value, "response": value}
                await theirs.write_message(json.dumps(event))
        await client.say(CREATE)
        await client.until("response.done")
        for value in odd:
            realtime.manner.usage = {"input_tokens": value, "input_token_details": value}
            await client.say(CREATE)
            await client.until("response.done")
    assert len(await gate.events_of(key)) == 1 + len(odd)


async def test_settings_whose_cost_would_not_be_seen(gate: Gate, realtime: FakeRealtime) -> None:
    _, secret = await gate.key()
    async with talk(gate, secret) as client:
        for session in ({"model": "other"}, {"type": "transcription"}):
            event = {"type": "session.update", "event_id": "mine", "session": session}
            await client.say(event)
            error = (await client.until("error"))["error"]
            assert (error["code"], error["event_id"]) == ("invalid_value", "mine")
    assert not realtime.received


async def test_many_sessions_at_once(gate: Gate, realtime: FakeRealtime) -> None:
    key, secret = await gate.key("1")

    async def one() -> None:
        async with talk(gate, secret) as client:
            for _ in range(3):
                await client.say(TEXT, CREATE)
                await client.until("response.done")

    await asyncio.gather(*(one() for _ in range(5)))
    assert {event["amount"] for event in await charges(gate, key, 15)} == {-TURN}
    assert await gate.balance(key.account) == 10**9 - 15 * TURN


async def test_a_session_counts_in_the_limits_of_its_key(
    gate: Gate, realtime: FakeRealtime
) -> None:
    _, secret = await gate.key(concurrency=1)
    async with talk(gate, secret, "speech"):
        with pytest.raises(InvalidStatus) as refused:
            async with talk(gate, secret, "speech"):
                pass
        assert refused.value.response.status_code == 429
        assert refused.value.response.headers["retry-after"]
    await gate.settled()
    async with talk(gate, secret, "speech") as client:
        await client.say(CREATE)
        await client.until("response.done")
