"""Which channel serves a request, which one is tried next, and which rest; over real sockets."""

import asyncio
import inspect
import time
import uuid
from typing import Any

import pytest

from gateway.channels.health import Rules
from ledger.store import Store
from tests.fakes.upstream import Behaviour
from tests.gateway.relay.conftest import DEADLINE_S, Gate
from tests.gateway.relay.test_answers import COST
from tests.gateway.relay.upstreams import BRIEF, Upstreams, limited, upstreams
from tests.waiting import until

__all__ = ["upstreams"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

BROKEN = Behaviour(status=500)


async def three(upstreams: Upstreams) -> list[Any]:
    """Three channels with weights 1, 2 and 7."""
    return [await upstreams.add(weight=weight) for weight in (1, 2, 7)]


async def test_no_client_sees_that_one_of_three_channels_fails(upstreams: Upstreams) -> None:
    (one, _), (two, _), (bad, channel) = await three(upstreams)
    upstreams.watched(BRIEF)
    bad.behaviour = BROKEN
    answers = await upstreams.ask_often(300)
    assert {answer.status_code for answer in answers} == {200}
    assert 3 <= len(bad.received) < 150, "it rests most of the time"
    assert len(one.received) + len(two.received) == 300
    assert 60 < len(one.received) < 140, "a third of them"
    counts = upstreams.gate.running.observer.here()
    assert counts["channel_rests"][(str(channel.id), "upstream")] >= 2
    shown = (await upstreams.gate.http.get("/metrics")).text
    assert f'tollgate_channel_rests_total{{channel="{channel.id}",reason="upstream"}}' in shown


async def test_a_channel_that_recovers_has_its_share_again(upstreams: Upstreams) -> None:
    (_, _), (_, _), (bad, channel) = await three(upstreams)
    upstreams.watched(Rules(tolerated=0, first_s=0.3))
    bad.behaviour = BROKEN
    async with asyncio.timeout(DEADLINE_S):
        while not bad.received:
            assert (await upstreams.ask()).status_code == 200
    assert 0 < upstreams.rests(channel) <= 0.3
    shown = (await upstreams.gate.http.get("/metrics")).text
    assert f'tollgate_channel_rest_seconds{{channel="{channel.id}"}} 0.' in shown
    bad.behaviour = Behaviour()
    bad.received.clear()
    await upstreams.ask_often(5)
    assert not bad.received, "not before its time"
    await until(lambda: not upstreams.rests(channel))
    answers = await upstreams.ask_often(300)
    assert {answer.status_code for answer in answers} == {200}
    assert 175 < len(bad.received) < 245 and not upstreams.rests(channel)


async def test_a_limited_channel_is_left_alone_for_as_long_as_it_asks(upstreams: Upstreams) -> None:
    full, channel = await upstreams.add(priority=5)
    spare, other = await upstreams.add()
    full.behaviour = limited(retry_after="30")
    answer = await upstreams.ask()
    assert await upstreams.attempts(answer) == [(channel.id, 429), (other.id, 200)]
    assert 29 < upstreams.rests(channel) <= 30
    assert {each.status_code for each in await upstreams.ask_often(5)} == {200}
    assert len(full.received) == 1 and len(spare.received) == 6


async def test_a_short_wait_is_waited_out_and_a_long_one_is_told(upstreams: Upstreams) -> None:
    full, channel = await upstreams.add(priority=5)
    spare, other = await upstreams.add()
    full.behaviour = limited(retry_after_ms="400")
    assert (await upstreams.ask()).status_code == 200
    began = time.monotonic()
    left = upstreams.rests(channel)
    full.behaviour, spare.behaviour = Behaviour(), BROKEN
    answer = await upstreams.ask()
    assert time.monotonic() - began >= left > 0
    assert await upstreams.attempts(answer) == [(other.id, 500), (channel.id, 200)]
    full.behaviour, spare.behaviour = limited(retry_after="100"), Behaviour()
    assert (await upstreams.ask()).status_code == 200
    full.received.clear()
    spare.behaviour, began = BROKEN, time.monotonic()
    assert (await upstreams.ask()).status_code == 502
    assert time.monotonic() - began < 5 and not full.received


async def test_a_request_that_is_wrong_is_not_tried_again(upstreams: Upstreams) -> None:
    made = await three(upstreams)
    for fake, _ in made:
        fake.behaviour = Behaviour(status=400)
    assert (await upstreams.ask()).status_code == 400
    assert sum(len(fake.received) for fake, _ in made) == 1
    assert not any(upstreams.rests(channel) for _, channel in made)


async def test_retries_are_counted_and_end_in_time(upstreams: Upstreams) -> None:
    made = await three(upstreams)
    for fake, _ in made:
        fake.behaviour = BROKEN
    await upstreams.gate.running.directory.options.set("RetryTimes", 1)
    assert (await upstreams.ask()).status_code == 502
    assert sum(len(fake.received) for fake, _ in made) == 2
    await upstreams.gate.running.directory.options.set("RetryTimes", 2)
    upstreams.gate.settings(retry_deadline_s=1, retry_status=((503, 503),))
    assert (await upstreams.ask()).status_code == 502
    assert sum(len(fake.received) for fake, _ in made) == 3, "500 is not in the list now"
    upstreams.gate.settings(retry_status=((500, 599),))
    for fake, _ in made:
        fake.behaviour = Behaviour(status=500, latency_s=1.1)
    assert (await upstreams.ask()).status_code == 502
    assert sum(len(fake.received) for fake, _ in made) == 4


async def test_a_pinned_channel_is_the_only_one(upstreams: Upstreams) -> None:
    made = await three(upstreams)
    bad, channel = made[0]
    bad.behaviour = BROKEN
    upstreams.key += f"-{channel.id}"
    assert (await upstreams.ask()).status_code == 502
    assert [len(fake.received) for fake, _ in made] == [1, 0, 0]


OVERLOADED = {"error": {"message": "overloaded", "type": "overloaded_error"}}
BEGINNINGS: list[tuple[Behaviour | None, bool, int | None]] = [
    (Behaviour(say_instead='data: {"error":{"message":"overloaded"}}\n\n'), True, 200),
    (Behaviour(say_instead=""), True, None),
    (Behaviour(error=OVERLOADED), False, 200),
    (Behaviour(error=OVERLOADED), True, 200),
    (Behaviour(status=408), True, 408),
    (Behaviour(status=409), False, 409),
    (Behaviour(status=429), False, 429),
    (Behaviour(status=503), True, 503),
    (Behaviour(status=401), False, 401),
    (Behaviour(status=404), False, 404),
    (None, True, None),
]


async def test_whatever_fails_before_the_first_byte_goes_elsewhere(upstreams: Upstreams) -> None:
    bad, channel = await upstreams.add(priority=5)
    _, other = await upstreams.add()
    directory = upstreams.gate.running.directory
    for behaviour, stream, status in BEGINNINGS:
        if behaviour is None:  # nobody listens there
            await directory.channels.update(channel.id, {"base_url": "http://127.0.0.1:9"})
        else:
            bad.behaviour = behaviour
        upstreams.watched(Rules())
        answer = await upstreams.ask(stream=stream)
        assert answer.status_code == 200 and "fake" in answer.text, (behaviour, answer.text)
        tried = await upstreams.attempts(answer)
        assert tried == [(channel.id, status), (other.id, 200)], behaviour


@pytest.mark.parametrize(("why", "window"), [("upstream", 0), ("breaker", 2)])
async def test_a_stream_that_breaks_is_not_begun_again_but_counts(
    upstreams: Upstreams, why: str, window: int
) -> None:
    cut, channel = await upstreams.add(priority=5)
    spare, _ = await upstreams.add()
    upstreams.watched(Rules(tolerated=1 if why == "upstream" else 5, first_s=30.0, window=window))
    cut.behaviour = Behaviour(cut_after=2)
    for number in (1, 2):
        answer = await upstreams.ask(stream=True)
        assert answer.status_code == 200 and "upstream_cut" in answer.text
        assert len(cut.received) == number and not spare.received
    assert upstreams.rests(channel) > 20
    counts = upstreams.gate.running.observer.here()["channel_rests"]
    assert {each: times for each, times in counts.items() if each[0] == str(channel.id)} == {
        (str(channel.id), why): 1
    }
    assert (await upstreams.ask(stream=True)).status_code == 200 and len(spare.received) == 1


async def test_a_stream_that_ends_well_forgives_those_that_broke(upstreams: Upstreams) -> None:
    fake, channel = await upstreams.add()
    watch = upstreams.watched(Rules(tolerated=1, first_s=30.0))
    for _ in range(3):
        fake.behaviour = Behaviour(cut_after=2)
        assert "upstream_cut" in (await upstreams.ask(stream=True)).text
        fake.behaviour = Behaviour()
        assert "upstream_cut" not in (await upstreams.ask(stream=True)).text
    assert not upstreams.rests(channel) and not len(watch.health)


async def test_a_client_that_leaves_says_nothing_of_the_channel(upstreams: Upstreams) -> None:
    fake, channel = await upstreams.add()
    watch = upstreams.watched(Rules(tolerated=0, first_s=0.01, trial_s=60.0))
    upstreams.gate.settings(disconnect_policy="free")
    fake.behaviour = BROKEN
    assert (await upstreams.ask()).status_code == 502
    await until(lambda: not upstreams.rests(channel))
    fake.behaviour = Behaviour(hang=True)
    asking = asyncio.create_task(upstreams.ask())
    await until(lambda: len(fake.received) == 2)
    assert upstreams.rests(channel) > 50, "others wait for the trial"
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await upstreams.gate.settled()
    assert not upstreams.rests(channel) and len(watch.health)


async def test_further_groups_serve_when_the_own_one_cannot(upstreams: Upstreams) -> None:
    gate, directory = upstreams.gate, upstreams.gate.running.directory
    own, mine = await upstreams.add(groups=["vip"])
    _, common = await upstreams.add(priority=9)
    user = await directory.users.create(f"u{uuid.uuid4().hex[:8]}", "password-1")
    await directory.users.update(user.id, {"group": "vip"})
    _, upstreams.key = await directory.keys.create(user.id, {"unlimited": True})
    await gate.books.prices.publish(gate.books, author="user:1", note="", groups=[("vip", "0")])
    gate.settings(group_fallback=(("vip", "default"),))
    try:
        assert await upstreams.attempts(await upstreams.ask()) == [(mine.id, 200)]
        own.behaviour = limited(retry_after="30")
        answer = await upstreams.ask()
        assert await upstreams.attempts(answer) == [(mine.id, 429), (common.id, 200)]
        assert await upstreams.attempts(await upstreams.ask()) == [(common.id, 200)]
        event = await gate.charge_of(answer)
        assert (event["amount"], event["body"]["group"]) == (0, "vip")
        await directory.channels.update(mine.id, {"status": 2})
        assert await upstreams.attempts(await upstreams.ask()) == [(common.id, 200)]
        assert upstreams.model in await listed(upstreams)
        await directory.channels.update(common.id, {"status": 2})
        assert (await upstreams.ask()).status_code == 503
        await directory.channels.update(common.id, {"status": 1})
        gate.settings(group_fallback=())
        assert (await upstreams.ask()).status_code == 503
        assert upstreams.model not in await listed(upstreams)
    finally:
        await gate.books.prices.publish(gate.books, author="user:1", note="", unset_groups=["vip"])


async def listed(upstreams: Upstreams) -> list[str]:
    headers = {"authorization": f"Bearer {upstreams.key}"}
    answer = await upstreams.gate.http.get("/v1/models", headers=headers)
    return [model["id"] for model in answer.json()["data"]]


async def test_a_conversation_stays_on_its_channel(upstreams: Upstreams) -> None:
    made = {channel.id: fake for fake, channel in await three(upstreams)}
    upstreams.gate.settings(channel_affinity="conversation")
    used = {}
    for name in map(str, range(20)):
        said: list[dict[str, str]] = []
        for turn in ("Hello", "and then?", "I see."):
            said = [*said, {"role": "user", "content": f"{name}: {turn}"}]
            ((channel, _),) = await upstreams.attempts(await upstreams.ask(said))
            assert used.setdefault(name, channel) == channel
            said = [*said, {"role": "assistant", "content": "Well."}]
    assert set(used.values()) >= {c for c, fake in made.items() if len(fake.received)}
    assert len(set(used.values())) > 1
    gone = used["0"]
    made[gone].behaviour = limited(retry_after="30")
    for name, before in used.items():
        told = await upstreams.ask([{"role": "user", "content": f"{name}: Hello"}])
        assert ((await upstreams.attempts(told))[-1][0] == before) == (before != gone)


async def test_a_request_that_goes_well_asks_no_database(
    upstreams: Upstreams, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    await three(upstreams)
    gate.settings(channel_affinity="conversation")
    assert {each.status_code for each in await upstreams.ask_often(5)} == {200}
    asked: list[str] = []
    relay = gate.running.relay

    def counting(name: str, real: Any) -> Any:
        def call(*args: Any, **named: Any) -> Any:
            if asyncio.current_task() in {exchange.task for exchange in relay.exchanges}:
                asked.append(name)
            return real(*args, **named)

        return call

    for name, real in inspect.getmembers(Store, inspect.isfunction):
        if not name.startswith("_"):
            monkeypatch.setattr(Store, name, counting(name, real))
    answer = await upstreams.ask()
    assert answer.status_code == 200 and not asked
    assert (await gate.charge_of(answer))["amount"] == -COST


async def test_a_key_in_another_group_is_served_and_charged_as_that_group(gate: Gate) -> None:
    await gate.channel("grouped", groups=["fast"])
    await gate.price({"model": "grouped", "input": "1", "output": "4"})
    await gate.books.prices.publish(gate.books, author="user:1", note="", groups=[("fast", "2")])
    options = gate.running.directory.options
    _, secret = await gate.key(group="fast")
    body = {"model": "grouped", "messages": [{"role": "user", "content": "hi"}]}
    refused = await gate.post(secret, body)
    assert refused.status_code == 403
    assert refused.json()["error"]["code"] == "group_not_allowed"
    await options.set("UserUsableGroups", '{"fast": ""}')
    try:
        answer = await gate.post(secret, body)
        assert answer.status_code == 200, answer.text
        event = await gate.charge_of(answer)
        assert event["body"]["group"] == "fast"
        usage = event["body"]["usage"]
        charged = 2 * (usage["input"] * 1_000 + usage["output"] * 4_000)
        assert -event["amount"] == charged
        _, plain = await gate.key()
        assert (await gate.post(plain, body)).status_code == 404
    finally:
        await options.set("UserUsableGroups", "{}")
        publish = gate.books.prices.publish
        await publish(gate.books, author="user:1", note="", unset_groups=["fast"])
