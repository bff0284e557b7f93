"""Limits of requests and tokens a minute inside of realtime sessions."""

import pytest
from websockets.exceptions import InvalidStatus

from tests.fakes.realtime import FakeRealtime
from tests.gateway.relay.conftest import Gate, until
from tests.gateway.relay.realtime.conftest import CREATE, TEXT, talk
from tests.gateway.relay.realtime.test_transcripts import COMMIT, KIND, ROW, SPEECH, wants

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMITED = "rate_limit_exceeded"
HAD = 140  # tokens of a response, by the fake's own report


def created(realtime: FakeRealtime) -> int:
    return sum(event["type"] == "response.create" for event in realtime.received)


async def test_each_response_is_a_request(gate: Gate, realtime: FakeRealtime) -> None:
    key, secret = await gate.key("1", rpm=3)
    async with talk(gate, secret) as client:  # one, and two responses
        realtime.manner.rejects = 2
        for _ in range(2):  # what the upstream did not begin is none
            await client.say(CREATE)
            assert (await client.until("error"))["error"]["code"] == "rejected"
        for _ in range(2):
            await client.say(CREATE)
            await client.until("response.done")
        await client.say({**CREATE, "event_id": "mine"})
        error = (await client.until("error"))["error"]
        assert (error["code"], error["event_id"]) == (LIMITED, "mine")
        assert "3 requests per minute" in error["message"] and created(realtime) == 4
        await client.say(TEXT, {"type": "session.update", "session": {}})  # the session goes on
        await client.until("session.updated")
        assert realtime.received[-2] == TEXT
        with pytest.raises(InvalidStatus):
            async with talk(gate, secret):
                pass
    await gate.settled()
    assert len(await gate.events_of(key)) == 2


async def test_tokens_are_counted_as_they_were(gate: Gate, realtime: FakeRealtime) -> None:
    _, secret = await gate.key("1", tpm=3 * HAD)
    async with talk(gate, secret) as client, talk(gate, secret) as other:
        realtime.manner.hang = True
        await client.say(CREATE)
        await client.until("response.created")
        # Nobody knows how much it will be, so it takes all.
        await other.say(CREATE)
        assert (await other.until("error"))["error"]["code"] == LIMITED
        realtime.released.set()
        await client.until("response.done")
        await other.say(CREATE)
        error = (await other.until("error"))["error"]
        assert error["code"] == LIMITED and f"{3 * HAD} tokens per minute" in error["message"]
    assert created(realtime) == 1
    # Under a limit that leaves room for what may be read and said.
    _, secret = await gate.key("1", tpm=2_500)
    async with talk(gate, secret) as client:
        for _ in range(5):
            await client.say(CREATE)
            await client.until("response.done")
        assert created(realtime) == 6


async def test_what_the_upstream_begins_by_itself(gate: Gate, realtime: FakeRealtime) -> None:
    realtime.manner.hears_after = 1
    key, secret = await gate.key("1", rpm=2, concurrency=1)
    async with talk(gate, secret) as client:
        await client.say(SPEECH)
        await client.until("response.done")
        with pytest.raises(InvalidStatus):  # a response that ended does not end the session
            async with talk(gate, secret):
                pass
        realtime.manner.hang = True
        await client.say(SPEECH)
        assert (await client.until("error"))["error"]["code"] == LIMITED
        done = await client.until("response.done")
        assert done["response"]["status"] == "cancelled"
        await until(lambda: any(e["type"] == "response.cancel" for e in realtime.received))
    await gate.settled()
    assert len(await gate.events_of(key)) == 2


async def test_tokens_of_transcripts_count(gate: Gate, realtime: FakeRealtime) -> None:
    await gate.price(ROW)
    _, secret = await gate.key("1", tpm=100)
    async with talk(gate, secret) as client:
        await client.say(wants("scribe"), SPEECH, COMMIT)
        await client.until(f"{KIND}.completed")
        await client.say(CREATE)  # takes all, and 26 are counted
        assert (await client.until("error"))["error"]["code"] == LIMITED
