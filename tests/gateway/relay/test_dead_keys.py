"""Upstream keys that are refused: others first, then the channel is switched off, once."""

from typing import Any

import httpx
import pytest

from gateway.directory.channels import Channel
from ledger.errors import StoreError
from tests.fakes.upstream import Behaviour, FakeUpstream
from tests.gateway.relay.conftest import Gate
from tests.gateway.relay.upstreams import AUTOMATIC, DEAD, Upstreams, limited, upstreams
from tests.waiting import until

__all__ = ["upstreams"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

ONE, TWO = "sk-first-key", "sk-second-key"
REFUSES = Behaviour(status=401, error=DEAD)


def keys_of(fake: FakeUpstream) -> list[str]:
    return [each.headers["authorization"].removeprefix("Bearer ") for each in fake.received]


def current(gate: Gate, channel: Channel) -> Channel:
    found = gate.running.directory.channel(channel.id)
    assert found is not None
    return found


async def audits(gate: Gate, channel: Channel) -> list[Any]:
    """Wait for what runs in the background; return what is on record about the channel."""
    relay = gate.running.relay
    await until(lambda: not relay.background)
    found = {"type": "audit.recorded", "body.object": channel.account}
    return list(await gate.books.store.find_list("events", found))


async def test_keys_take_turns(upstreams: Upstreams) -> None:
    fake, _ = await upstreams.add(secret=f"{ONE}\n{TWO}")
    for _ in range(4):
        assert (await upstreams.ask()).status_code == 200
    assert keys_of(fake) == [ONE, TWO, ONE, TWO]


async def test_other_keys_are_tried_before_the_channel_is_switched_off(
    upstreams: Upstreams,
) -> None:
    gate = upstreams.gate
    await gate.running.directory.options.set(AUTOMATIC, True)
    fake, channel = await upstreams.add(secret=f"{ONE}\n{TWO}")
    fake.by_key[ONE] = REFUSES
    answer = await upstreams.ask()
    assert await upstreams.attempts(answer) == [(channel.id, 401), (channel.id, 200)]
    assert {each.status_code for each in await upstreams.ask_often(5)} == {200}
    assert keys_of(fake) == [ONE, TWO, *[TWO] * 5]
    assert current(gate, channel).status == 1 and not upstreams.rests(channel)
    assert not await audits(gate, channel)
    fake.by_key[TWO] = REFUSES
    answers = await upstreams.ask_often(20)
    assert {each.status_code for each in answers} <= {502, 503}
    await until(lambda: current(gate, channel).status == 3)
    (event,) = await audits(gate, channel)
    assert event["actor"] == "system" and event["body"]["action"] == "channel.disable"
    reason = "openai: status 401, code invalid_api_key"
    assert event["body"]["after"] == {"status": 3, "reason": reason}
    assert (await upstreams.ask()).status_code == 503


async def test_it_stays_on_where_operators_want_that(upstreams: Upstreams) -> None:
    fake, channel = await upstreams.add()
    spare, other = await upstreams.add(priority=-1)
    fake.behaviour = REFUSES
    answer = await upstreams.ask()
    assert await upstreams.attempts(answer) == [(channel.id, 401), (other.id, 200)]
    assert (await upstreams.ask()).status_code == 200 and len(fake.received) == 1
    assert current(upstreams.gate, channel).status == 1 and upstreams.rests(channel) > 50
    assert not await audits(upstreams.gate, channel) and len(spare.received) == 2


async def test_words_do_not_switch_a_channel_off(upstreams: Upstreams) -> None:
    await upstreams.gate.running.directory.options.set(AUTOMATIC, True)
    fake, channel = await upstreams.add()
    error = {"error": {"message": "invalid_api_key: your account is deactivated"}}
    fake.behaviour = Behaviour(status=400, error=error)
    assert (await upstreams.ask()).status_code == 400
    assert not await audits(upstreams.gate, channel) and not upstreams.rests(channel)
    assert current(upstreams.gate, channel).status == 1


async def test_a_limit_is_the_keys_and_the_channel_rests_when_all_are_limited(
    upstreams: Upstreams,
) -> None:
    fake, channel = await upstreams.add(secret=f"{ONE}\n{TWO}")
    _, other = await upstreams.add(priority=-1)
    fake.by_key[ONE] = limited(retry_after="30")
    answer = await upstreams.ask()
    assert await upstreams.attempts(answer) == [(channel.id, 429), (channel.id, 200)]
    assert not upstreams.rests(channel)
    fake.by_key[TWO] = limited(retry_after="20")
    answer = await upstreams.ask()
    assert await upstreams.attempts(answer) == [(channel.id, 429), (other.id, 200)]
    assert keys_of(fake) == [ONE, TWO, TWO] and 19 < upstreams.rests(channel) <= 20


async def test_a_key_that_an_upstream_quotes_is_not_kept_or_shown(upstreams: Upstreams) -> None:
    fake, _ = await upstreams.add(secret=ONE)
    upstreams.fakes[0].behaviour = Behaviour()
    await upstreams.add(priority=-1)
    fake.behaviour = Behaviour(status=500, error={"error": {"message": f"with {ONE}?"}})
    event = await upstreams.gate.charge_of(await upstreams.ask())
    assert ONE not in str(event) and "with ***?" in event["body"]["attempts"][0]["error"]
    fake.behaviour = Behaviour(status=400, error={"error": {"message": f"with {ONE}?"}})
    answer = await upstreams.ask()
    assert answer.status_code == 400 and "with ***?" in answer.text and ONE not in answer.text


async def test_a_database_that_is_away_does_not_matter_to_the_client(
    upstreams: Upstreams, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gate = upstreams.gate
    await gate.running.directory.options.set(AUTOMATIC, True)
    fake, channel = await upstreams.add()
    await upstreams.add(priority=-1)
    fake.behaviour = REFUSES

    async def away(*_: Any, **__: Any) -> None:
        raise StoreError("away")

    with monkeypatch.context() as patched:
        patched.setattr(gate.running.directory.channels, "set_status", away)
        assert (await upstreams.ask()).status_code == 200
        assert not await audits(gate, channel)
    assert "could not be switched off" in caplog.text
    caplog.clear()


async def test_a_test_that_succeeds_revives_what_a_machine_switched_off(
    upstreams: Upstreams,
) -> None:
    gate, directory = upstreams.gate, upstreams.gate.running.directory
    await directory.options.set(AUTOMATIC, True)
    fake, channel = await upstreams.add(secret=f"{ONE}\n{TWO}")
    fake.behaviour = REFUSES
    assert (await upstreams.ask()).status_code == 502
    await until(lambda: current(gate, channel).status == 3)
    fake.behaviour = Behaviour()
    async with httpx.AsyncClient(base_url=gate.url) as admin:
        who = {"username": "root", "password": "root-password"}
        assert (await admin.post("/api/user/login", json=who)).json()["success"]
        for option, status, after in ((False, 3, 3), (True, 2, 2), (True, 3, 1)):
            await directory.options.set("AutomaticEnableChannelEnabled", option)
            await directory.channels.update(channel.id, {"status": status})
            answer = await admin.get(f"/api/channel/test/{channel.id}")
            assert answer.json()["success"], answer.text
            assert current(gate, channel).status == after
    await directory.options.set("AutomaticEnableChannelEnabled", False)
    assert keys_of(fake)[-3:] == [ONE] * 3
    assert (await upstreams.ask()).status_code == 200
    enabled = [e for e in await audits(gate, channel) if e["body"]["action"] == "channel.enable"]
    assert len(enabled) == 1
