"""How realtime sessions end, and that what was begun is charged in any case."""

import asyncio
import json
from typing import Any

import pytest

from ledger.errors import BooksUnavailable
from ledger.money import usd
from tests.fakes.realtime import WORDS, FakeRealtime
from tests.gateway.relay.conftest import Gate
from tests.gateway.relay.dialects.conftest import with_books
from tests.gateway.relay.realtime.conftest import CREATE, TEXT, TURN, talk
from tests.waiting import until

__all__ = ["with_books"]
pytestmark = pytest.mark.asyncio(loop_scope="module")

# A first turn's hold: 1,000 tokens of whatever kind in and 100 out, at the dearest.
FIRST_HOLD = 1_000 * 10_000 + 100 * 20_000
SPEECH = {"type": "input_audio_buffer.append", "audio": "A" * 6_400}


async def only_charge(gate: Gate, key: Any) -> dict[str, Any]:
    await gate.settled()
    (event,) = await gate.events_of(key)
    return event


async def test_a_session_ends_when_the_credit_does(gate: Gate, realtime: FakeRealtime) -> None:
    gate.settings(hold_wait_s=0)
    key, secret = await gate.key(usd(FIRST_HOLD + 2 * TURN))
    async with talk(gate, secret) as client:
        turns = 0
        await client.say(CREATE)
        events, code, reason = [], 0, ""
        while not code:
            event = json.loads(await client.socket.recv())
            if event["type"] == "response.done":
                turns += 1
                await client.say({**TEXT, "padding": "x" * 1_000}, CREATE)
            if event["type"] == "error":
                assert event["error"]["code"] == "insufficient_quota"
                events, code, reason = await client.ending()
    assert (events, code, reason) == ([], 1_000, "insufficient_quota")
    await gate.settled()
    charges = await gate.events_of(key)
    assert len(charges) == turns >= 1
    assert all(e["amount"] == -TURN and not e["body"]["shortfall_nano"] for e in charges)
    asked = [e for e in realtime.received if e["type"] == "response.create"]
    assert len(asked) == turns  # the last one was never sent


async def test_what_one_response_holds_another_waits_for(
    gate: Gate, realtime: FakeRealtime
) -> None:
    realtime.manner.hang = True
    key, secret = await gate.key(usd(FIRST_HOLD + 100_000 * 10))
    async with talk(gate, secret) as client:
        await client.say(CREATE)
        await client.until("response.created")
        await client.say(TEXT, CREATE, CREATE)  # not covered until the first one is charged
        await until(lambda: {"type": "input_audio_buffer.clear"} in realtime.received)
        assert TEXT not in realtime.received
        realtime.released.set()
        for _ in range(3):
            await client.until("response.done")
    await gate.settled()
    charges = await gate.events_of(key)
    assert [(e["amount"], e["body"]["shortfall_nano"]) for e in charges] == [(-TURN, 0)] * 3


async def test_a_response_that_nothing_covers_is_cancelled(
    gate: Gate, realtime: FakeRealtime
) -> None:
    realtime.manner.hang, realtime.manner.hears_after = True, 1
    key, secret = await gate.key(usd(FIRST_HOLD + 500_000))
    async with talk(gate, secret) as client:
        await client.say(SPEECH)
        await client.until("response.created")
        # The upstream begins another one by itself, although nothing more was sent.
        await until(lambda: len(realtime.sessions) == 1)  # those of earlier tests are over
        next(iter(realtime.sessions)).respond("conv_1")
        await until(lambda: any(e["type"] == "response.cancel" for e in realtime.received))
        for _ in range(2):
            await client.until("response.done")
    await gate.settled()
    assert len(await gate.events_of(key)) == 2
    assert await gate.balance(key.account) >= 0


@pytest.mark.parametrize(
    ("policy", "source", "outcome"),
    [
        ("drain", "upstream", "complete"),
        ("estimate", "upstream", "cancelled"),
        ("input", "upstream", "cancelled"),
        ("free", "upstream", "cancelled"),
    ],
)
async def test_a_client_that_leaves(
    gate: Gate, realtime: FakeRealtime, policy: str, source: str, outcome: str
) -> None:
    gate.settings(disconnect_policy=policy)
    realtime.manner.hang = True
    key, secret = await gate.key("1")
    async with talk(gate, secret) as client:
        await client.say(CREATE)
        await client.until("response.output_text.delta")
    await until(
        lambda: policy == "drain" or any(e["type"] == "response.cancel" for e in realtime.received)
    )
    if policy == "drain":
        assert gate.running.relay.exchanges
        realtime.released.set()
    body = (event := await only_charge(gate, key))["body"]
    assert (body["usage_source"], body["outcome"]) == (source, outcome)
    due = {"input": 30 * 1_000 + 30 * 100 + 40 * 10_000, "free": 0}.get(policy, TURN)
    assert event["amount"] == -due


async def test_an_upstream_that_breaks_off(gate: Gate, realtime: FakeRealtime) -> None:
    realtime.manner.cut = True
    key, secret = await gate.key("1")
    async with talk(gate, secret) as client:
        await client.say(TEXT, CREATE)
        assert (await client.until("error"))["error"]["code"] == "upstream_cut"
        assert (await client.ending())[1] == 1_011
    event = await only_charge(gate, key)
    body = event["body"]
    assert (body["usage_source"], body["outcome"]) == ("estimated", "upstream_cut")
    assert body["usage"]["output"] == len(WORDS) and body["usage"]["input"] > 10


async def test_a_key_that_is_disabled(gate: Gate, realtime: FakeRealtime) -> None:
    key, secret = await gate.key("1")
    async with talk(gate, secret) as client:
        await client.say(CREATE)
        await client.until("response.done")
        realtime.manner.hang = True
        await gate.running.directory.keys.update(key.id, {"status": 2})
        await client.say(CREATE)
        events, code, reason = await client.ending()
    assert (code, reason) == (1_008, "invalid_api_key")
    assert any(event["type"] == "error" for event in events)
    await gate.settled()
    charged = await gate.events_of(key)
    assert len(charged) == 2  # the hold of the second turn was there already
    assert {event["amount"] for event in charged} == {-TURN}


async def test_no_receipt_no_end(gate: Gate, realtime: FakeRealtime, with_books: Any) -> None:
    key, secret = await gate.key("1")
    async with talk(gate, secret) as client:
        await client.until("session.created")
        with_books(BooksUnavailable("gone", 7), "charge")
        await client.say(CREATE)
        events, code, _ = await client.ending()
    assert code == 1_013
    kinds = [event["type"] for event in events]
    assert "response.done" not in kinds and kinds[-1] == "error"
    assert await gate.balance(key.account) == 10**9


async def test_draining(gate: Gate, realtime: FakeRealtime) -> None:
    """Sessions that are idle end at once, others after their response, or when time is up."""
    relay = gate.running.relay
    key, secret = await gate.key("1")
    realtime.manner.hang = True
    async with (
        talk(gate, secret) as idle,
        talk(gate, secret) as busy,
        talk(gate, secret) as endless,
    ):
        for client in (busy, endless):
            await client.say(CREATE)
            await client.until("response.output_text.delta")
        await idle.until("session.created")
        draining = asyncio.create_task(relay.drain(1.0))
        try:
            events, code, _ = await idle.ending()
            assert (events[-1]["error"]["code"], code) == ("shutting_down", 1_001)
            _, code, _ = await busy.ending()
            assert code == 1_001
            _, code, _ = await endless.ending()
            assert code == 1_001
            await draining
        finally:
            relay.accepting = True
    await gate.settled()
    charged = await gate.events_of(key)
    assert [event["amount"] for event in charged] == [-TURN, -TURN]
    assert {event["body"]["outcome"] for event in charged} == {"cancelled"}
