"""Words that the operator does not want sent: events that hold them do not go on."""

from typing import Any

import pytest

from gateway.dialects.realtime import texts_of
from gateway.relay.filter import PIECE
from tests.fakes.realtime import FakeRealtime
from tests.gateway.relay.conftest import Gate
from tests.gateway.relay.realtime.conftest import CREATE, TEXT, talk

pytestmark = pytest.mark.asyncio(loop_scope="module")


def item(*content: Any, **fields: Any) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": list(content), **fields}


def said(text: str) -> dict[str, Any]:
    return {"type": "input_text", "text": text}


BAD: tuple[dict[str, Any], ...] = (
    {"type": "conversation.item.create", "item": item(said("hi"), said("so TopSecret!"))},
    {"type": "conversation.item.create", "item": item(said("x" * (PIECE - 3) + "topsecret"))},
    {"type": "conversation.item.create", "item": item({"transcript": "topsecret", "audio": "AA"})},
    {
        "type": "conversation.item.create",
        "item": {"type": "function_call_output", "output": '{"a": "topsecret"}'},
    },
    {"type": "response.create", "response": {"instructions": "topsecret"}},
    {"type": "response.create", "response": {"input": [item(said("a red \n button"))]}},
    {"type": "session.update", "session": {"instructions": "topsecret"}},
    {"type": "session.update", "session": {"tools": [{"name": "f", "description": "topsecret"}]}},
    {
        "type": "session.update",
        "session": {"audio": {"input": {"transcription": {"prompt": "topsecret"}}}},
    },
    {"type": "conversation.item.create", "item": item(said("data: topsecret"))},
    {"type": "of.tomorrow", "deep": [{"er": ["topsecret"]}]},
)
GOOD: tuple[dict[str, Any], ...] = (
    TEXT,
    {"type": "input_audio_buffer.append", "audio": "topsecret"},
    {
        "type": "conversation.item.create",
        "item": item({"type": "input_image", "image_url": "data:image/png;base64,topsecret"}),
    },
)


async def test_words_do_not_go_on(gate: Gate, realtime: FakeRealtime) -> None:
    options = gate.running.directory.options
    await options.set("SensitiveWords", "topsecret\nred button")
    await options.set("CheckSensitiveEnabled", True)
    key, secret = await gate.key("1")
    try:
        async with talk(gate, secret) as client:
            for event in BAD:
                await client.say({**event, "event_id": "mine"})
                error = (await client.until("error"))["error"]
                assert (error["code"], error["event_id"]) == ("content_blocked", "mine")
                assert "topsecret" not in error["message"]
            assert not realtime.received
            await client.say(*GOOD, CREATE)
            await client.until("response.done")
            assert len(realtime.received) == len(GOOD) + 1
            await options.set("CheckSensitiveEnabled", False)
            await client.say(BAD[0], CREATE)
            await client.until("response.done")
            assert BAD[0] in realtime.received
    finally:
        await options.set("CheckSensitiveEnabled", False)
        await options.set("SensitiveWords", "")
    await gate.settled()
    assert len(await gate.events_of(key)) == 2


async def test_texts_of_odd_events() -> None:
    deep: Any = "x"
    for _ in range(100_000):
        deep = [deep]
    assert texts_of({"a": deep, "b": [None, 1, True, {"c": "y"}], "audio": "z"}) == ["y", "x"]
