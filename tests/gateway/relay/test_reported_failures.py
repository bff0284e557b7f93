"""Failures that users of such gateways reported, tried here; docs/failures.md lists them."""

import asyncio
import uuid
from typing import Any

import pytest

from ledger.events import Draft
from ledger.money import usd
from tests.fakes.upstream import USAGE, Behaviour
from tests.gateway.relay.conftest import Gate
from tests.gateway.relay.test_answers import ASK, COST, HI
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHORT = {**ASK, "max_tokens": 20}
# 8 tokens in and 20 out: the most that SHORT may cost, and what is held when credit is short.
PRECISE = 8 * 1_000 + 20 * 4_000


async def customer(gate: Gate, usd_nano: int) -> tuple[Any, str]:
    """A common user with so much credit and an unlimited key."""
    directory = gate.running.directory
    user = await directory.users.create(f"u{uuid.uuid4().hex[:8]}", "password-1")
    await credit(gate, user.account, usd_nano)
    _, secret = await directory.keys.create(user.id, {"unlimited": True})
    return user, secret


async def credit(gate: Gate, account: str, nano: int) -> None:
    reference = uuid.uuid4().hex
    body = {"provider": "test", "reference": reference}
    draft = Draft(f"recharge:{reference}", "recharge.credited", account, nano, "user:1", body)
    await gate.books.record(draft)


# -- what happens in the middle of a request -----------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
async def test_a_key_deleted_in_mid_request_is_charged_with_its_owner(
    gate: Gate, stream: bool
) -> None:
    how = {"hang_after": 2} if stream else {"hang": True}
    key, secret = await gate.key("1")
    owner_nano = await gate.balance("user:1")
    asking = asyncio.create_task(gate.post(secret, {**ASK, "stream": stream, "fake": how}))
    await until(lambda: gate.upstream.received)
    await gate.running.directory.keys.delete(key.id)
    gate.upstream.released.set()
    answer = await asking
    event = await gate.charge_of(answer)
    assert (answer.status_code, event["amount"]) == (200, -COST)
    assert await gate.balance(key.account) == 10**9 - COST
    assert await gate.balance("user:1") == owner_nano - COST
    assert (await gate.post(secret, ASK)).status_code == 401


async def test_a_user_deleted_in_mid_request_is_charged(gate: Gate) -> None:
    user, secret = await customer(gate, 10**9)
    asking = asyncio.create_task(gate.post(secret, {**ASK, "fake": {"hang": True}}))
    await until(lambda: gate.upstream.received)
    await gate.running.directory.users.delete(user.id)
    gate.upstream.released.set()
    event = await gate.charge_of(await asking)
    assert (event["account"], event["amount"]) == (user.account, -COST)
    assert await gate.balance(user.account) == 10**9 - COST


async def test_edits_of_a_user_and_top_ups_during_charges_lose_nothing(gate: Gate) -> None:
    user, secret = await customer(gate, 10**9)
    users = gate.running.directory.users
    gate.upstream.behaviour = Behaviour(latency_s=0.02)

    async def edit(number: int) -> None:
        await users.update(user.id, {"display_name": f"name {number}"})
        await users.make_access_token(user.id)
        await credit(gate, user.account, 1_000_000)

    asking = [gate.post(secret, SHORT) for _ in range(30)]
    answers, *_ = await asyncio.gather(asyncio.gather(*asking), *map(edit, range(10)))
    assert {answer.status_code for answer in answers} == {200}
    assert await gate.balance(user.account) == 10**9 + 10 * 1_000_000 - 30 * COST
    stored = await gate.books.store.find_one("users", {"_id": user.id})
    assert not {"quota", "used_quota", "request_count", "balance"} & set(stored)


# -- holds ---------------------------------------------------------------------------------------


async def test_retries_neither_hold_nor_charge_twice(gate: Gate) -> None:
    await gate.price({"model": "thrice", "input": "1", "output": "4"})
    for priority in (9, 5):
        await gate.channel("thrice", priority=priority, model_mapping={"thrice": "fail-500"})
    await gate.channel("thrice", priority=1)
    gate.upstream.behaviour = Behaviour(usage={"prompt_tokens": 8, "completion_tokens": 20})
    key, secret = await gate.key(usd(PRECISE + 20_000))
    await gate.running.directory.options.set("RetryTimes", 2)
    try:
        answer = await gate.post(secret, {**SHORT, "model": "thrice"})
    finally:
        await gate.running.directory.options.set("RetryTimes", 0)
    event = await gate.charge_of(answer)
    assert [a["status"] for a in event["body"]["attempts"]] == [500, 500, 200]
    assert event["body"]["hold"]["nano"] == PRECISE
    assert [e["amount"] for e in await gate.events_of(key)] == [-PRECISE]
    assert await gate.balance(key.account) == 20_000


FAILURES = {
    "refused": Behaviour(status=500),
    "rate limited": Behaviour(status=429),
    "cut": Behaviour(cut_after=0),
    "error that calls itself 200": Behaviour(error={"error": {"message": "overloaded"}}),
}


@pytest.mark.parametrize("how", FAILURES)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_failed_request_gives_its_hold_back(gate: Gate, how: str, stream: bool) -> None:
    key, secret = await gate.key(usd(PRECISE + 20_000))
    for behaviour in (FAILURES[how],) * 3:
        gate.upstream.behaviour = behaviour
        assert (await gate.post(secret, {**SHORT, "stream": stream})).status_code != 402
    gate.upstream.behaviour = Behaviour()
    assert (await gate.post(secret, SHORT)).status_code == 200
    assert await gate.balance(key.account) == PRECISE + 20_000 - sum(
        -event["amount"] for event in await gate.events_of(key)
    )


async def test_a_fault_of_ours_gives_the_hold_back(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, secret = await gate.key(usd(PRECISE + 20_000))

    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("a fault of ours")

    with monkeypatch.context() as patched:
        patched.setattr(gate.running.relay.providers["openai"], "call", broken)
        for _ in range(3):
            assert (await gate.post(secret, SHORT)).status_code == 500
    assert not await gate.events_of(key)
    assert (await gate.post(secret, SHORT)).status_code == 200


@pytest.mark.parametrize("n", [-4, 0, 1.5, "2", True, 10**9])
async def test_n_must_make_sense_before_anything_is_sent(gate: Gate, n: Any) -> None:
    key, secret = await gate.key("1")
    answer = await gate.post(secret, {**ASK, "n": n})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "n")
    assert not gate.upstream.received and not await gate.events_of(key)


async def test_every_choice_is_held_for(gate: Gate) -> None:
    _, secret = await gate.key("1")
    event = await gate.charge_of(await gate.post(secret, {**SHORT, "n": 5}))
    assert event["body"]["hold"]["nano"] >= 8 * 1_000 + 5 * 20 * 4_000
    _, poor = await gate.key(usd(8_000 + 5 * 12 * 4_000))
    assert (await gate.post(poor, {**SHORT, "n": 5})).status_code == 402


# -- what upstreams report -----------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
async def test_negative_usage_gives_nothing_back(gate: Gate, stream: bool) -> None:
    report = {"prompt_tokens": -50_000, "completion_tokens": -1, "total_tokens": -50_001}
    gate.upstream.behaviour = Behaviour(usage=report)
    key, secret = await gate.key("1")
    event = await gate.charge_of(await gate.post(secret, {**ASK, "stream": stream}))
    # What makes no sense is not believed: it is counted here, and kept as it came.
    assert event["body"]["usage"] == {"input": 8, "output": 5}
    assert event["body"]["usage_source"] == "counted"
    assert "-50000" in event["body"]["usage_frame"]
    assert await gate.balance(key.account) == 10**9 + event["amount"] < 10**9


async def test_more_cached_tokens_than_there_were_never_lower_a_charge(gate: Gate) -> None:
    report = {**USAGE, "prompt_tokens_details": {"cached_tokens": 99_999}}
    gate.upstream.behaviour = Behaviour(usage=report)
    _, secret = await gate.key("1")
    event = await gate.charge_of(await gate.post(secret, ASK))
    assert event["body"]["usage"] == {"input": 0, "cached": 10, "output": 20}
    assert event["amount"] == -(10 * 500 + 20 * 4_000)


@pytest.mark.parametrize(
    "frames",
    [
        ['{"prompt_tokens":10,"completion_tokens":20}'] * 2,
        ['{"prompt_tokens":10,"completion_tokens":1}', '{"completion_tokens":20}'],
    ],
    ids=["repeated", "in two parts"],
)
async def test_usage_that_comes_twice_is_charged_once(gate: Gate, frames: list[str]) -> None:
    said = "".join(f'data: {{"choices":[],"usage":{frame}}}\n\n' for frame in frames)
    gate.upstream.behaviour = Behaviour(say_instead=f"{said}data: [DONE]\n\n")
    key, secret = await gate.key("1")
    await gate.post(secret, {**ASK, "stream": True})
    assert [event["amount"] for event in await gate.events_of(key)] == [-COST]


@pytest.mark.parametrize("stream", [False, True])
async def test_an_empty_answer_costs_its_input(gate: Gate, stream: bool) -> None:
    gate.upstream.behaviour = Behaviour(
        words=(), usage={"prompt_tokens": 10, "completion_tokens": 0}
    )
    _, secret = await gate.key("1")
    event = await gate.charge_of(await gate.post(secret, {**ASK, "stream": stream}))
    assert event["amount"] == -10 * 1_000


@pytest.mark.parametrize("length", [65_536, 2_000_000])
async def test_streams_pass_lines_of_any_length(gate: Gate, length: int) -> None:
    gate.upstream.behaviour = Behaviour(words=("x" * length, " end"))
    key, secret = await gate.key("1")
    answer = await gate.post(secret, {**ASK, "stream": True})
    assert answer.text.count("x" * length) == 1 and '" end"' in answer.text
    assert answer.text.endswith("data: [DONE]\n\n")
    assert [event["amount"] for event in await gate.events_of(key)] == [-COST]


# -- who may reach what --------------------------------------------------------------------------


async def test_a_common_user_reaches_no_channel_by_its_number(gate: Gate) -> None:
    _, secret = await customer(gate, 10**9)
    channel = await gate.channel("m", groups=["elsewhere"])
    answer = await gate.post(f"{secret}-{channel.id}", ASK)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "channel_not_allowed")
    for path in (f"/v1/oneapi/proxy/{channel.id}/v1/chat/completions", "/v1/oneapi/proxy/1/x"):
        assert (await gate.post(secret, ASK, path)).status_code == 403
    assert not gate.upstream.received


async def test_images_by_address_are_not_fetched_here(gate: Gate) -> None:
    visits: list[bool] = []
    inside = await asyncio.start_server(lambda *_: visits.append(True), "127.0.0.1", 0)
    port = inside.sockets[0].getsockname()[1]
    picture = {"type": "image_url", "image_url": {"url": f"http://127.0.0.1:{port}/secret"}}
    _, secret = await gate.key("1")
    answer = await gate.post(secret, {**ASK, "messages": [{"role": "user", "content": [picture]}]})
    inside.close()
    assert answer.status_code == 200 and not visits
    assert gate.upstream.received[-1].body["messages"][0]["content"] == [picture]


async def test_an_unlimited_key_shows_what_it_used(gate: Gate) -> None:
    key, secret = await gate.key()
    await gate.post(secret, {"model": "m", "messages": HI})
    await gate.balance(key.account)
    headers = {"authorization": f"Bearer sk-{secret}"}
    used = await gate.http.get("/v1/dashboard/billing/usage", headers=headers)
    assert used.json()["total_usage"] == 0.009
