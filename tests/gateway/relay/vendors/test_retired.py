"""A type whose vendor is gone: PaLM. What there is of it can be seen, and nothing is sent to it."""

from typing import Any

import pytest

from gateway.channels.probe import Probe
from gateway.directory.channels import Channel
from gateway.directory.errors import Invalid
from tests.gateway.relay.conftest import Gate

pytestmark = pytest.mark.asyncio(loop_scope="module")
PALM, SAYS = 11, "Google has switched PaLM off. Use Gemini: a channel of type 24"
HI: Any = {"model": "PaLM-2", "messages": [{"role": "user", "content": "hi"}]}


async def imported(gate: Gate) -> Channel:
    """Put a channel into the database as a migration would."""
    channel = await gate.channel("PaLM-2")
    await gate.books.store.update_one("channels", {"_id": channel.id}, {"$set": {"type": PALM}})
    return await gate.running.directory.channels.update(channel.id, {"name": "of One API"})


async def test_who_asks_for_what_is_gone_is_told_so_and_nothing_is_sent(gate: Gate) -> None:
    await gate.price({"model": "PaLM-2", "input": "1"}, {"model": "proxy", "calls": "1"})
    key, secret = await gate.key("1")
    before = await gate.balance(key.account)
    channel = await imported(gate)
    assert channel.type == PALM
    for stream in (False, True):
        answer = await gate.post(secret, {**HI, "stream": stream})
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")
        assert f"The model `PaLM-2` is gone: {SAYS}" in answer.json()["error"]["message"]
    pinned = f"{secret}-{channel.id}"
    for body, path in ((HI, "/v1/chat/completions"), ({}, f"/v1/oneapi/proxy/{channel.id}/x")):
        answer = await gate.post(pinned, body, path)
        assert answer.status_code == 403, answer.text
        assert f"Channel {channel.id} can't be used: {SAYS}" in answer.json()["error"]["message"]
    running, relay = gate.running, gate.running.relay
    probe = Probe(running.directory, relay.catalogue, relay.providers, relay.clock, "Say hi.")
    trial = await probe.test(channel)
    assert not trial.ok and SAYS in trial.message and not trial.attempts
    assert not gate.upstream.received and await gate.balance(key.account) == before


async def test_nobody_makes_one_and_one_can_become_another(gate: Gate) -> None:
    channels, channel = gate.running.directory.channels, await imported(gate)
    for sent in (
        channels.create({"type": PALM, "models": ["PaLM-2"]}, "key"),
        channels.update(channel.id, {"base_url": "https://x"}),
        channels.update(channel.id, {}, "new key"),
    ):
        with pytest.raises(Invalid, match="type") as caught:
            await sent
        assert caught.value.field == "type" and SAYS in str(caught.value)
    assert (await channels.update(channel.id, {"status": 2})).status == 2
    assert (
        await channels.update(channel.id, {"type": 24, "models": ["gemini-2.5-flash"]})
    ).type == 24
    await channels.delete((await imported(gate)).id)
