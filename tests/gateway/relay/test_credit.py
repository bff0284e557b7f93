"""Nobody overspends: holds, shorter answers, refusals that clients do not retry."""

import asyncio
import json
import uuid
from typing import Any

import openai
import pytest

from ledger.events import Draft
from ledger.money import usd
from tests.fakes.upstream import Behaviour
from tests.gateway.relay.conftest import Gate
from tests.gateway.relay.test_answers import ASK, COST, HI

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_an_empty_key_is_402_and_the_client_does_not_retry(gate: Gate) -> None:
    key, secret = await gate.key("0.000001")
    with pytest.raises(openai.APIStatusError) as caught:
        await gate.client(secret, max_retries=3).chat.completions.create(**ASK)
    assert caught.value.status_code == 402
    assert caught.value.code == "insufficient_quota"
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert "0.000001 USD is available" in caught.value.message
    assert not gate.upstream.received
    assert await gate.balance(key.account) == 1_000


async def test_a_balance_that_is_short_makes_the_answer_shorter(gate: Gate) -> None:
    # 8 tokens in cost 8,000; the rest, 100,000, is 25 tokens of output.
    _, secret = await gate.key(usd(108_000))
    answer = await gate.post(secret, {**ASK, "max_tokens": 1000})
    assert answer.status_code == 200
    assert gate.upstream.received[-1].body["max_tokens"] == 25
    event = await gate.charge_of(answer)
    assert event["body"]["hold"]["nano"] == 108_000
    assert event["amount"] == -COST and event["body"]["shortfall_nano"] == 0


async def test_the_newer_field_is_shortened_where_it_is_used(gate: Gate) -> None:
    _, secret = await gate.key(usd(108_000))
    body = {**ASK, "max_completion_tokens": 1000, "n": 1}
    assert (await gate.post(secret, body)).status_code == 200
    assert gate.upstream.received[-1].body["max_completion_tokens"] == 25
    assert "max_tokens" not in gate.upstream.received[-1].body


async def test_an_answer_that_costs_more_than_there_is_takes_what_is_left(gate: Gate) -> None:
    gate.upstream.behaviour = Behaviour(usage={"prompt_tokens": 10, "completion_tokens": 10_000})
    key, secret = await gate.key(usd(108_000))
    answer = await gate.post(secret, ASK)
    event = await gate.charge_of(answer)
    assert event["amount"] == -108_000
    assert event["body"]["shortfall_nano"] == 10_000 + 10_000 * 4_000 - 108_000
    assert answer.headers["x-tollgate-cost"] == usd(108_000)
    assert await gate.balance(key.account) == 0


async def test_a_hold_grows_when_the_answer_is_longer_than_expected(gate: Gate) -> None:
    gate.upstream.behaviour = Behaviour(usage={"prompt_tokens": 10, "completion_tokens": 10_000})
    _, secret = await gate.key("1")
    event = await gate.charge_of(await gate.post(secret, {**ASK, "max_tokens": 20}))
    assert event["amount"] == -(10_000 + 10_000 * 4_000)
    assert event["body"]["shortfall_nano"] == 0


async def test_a_stream_that_outgrows_the_credit_ends_like_a_short_answer(gate: Gate) -> None:
    gate.upstream.behaviour = Behaviour(words=("word ",) * 500, usage=None)
    key, secret = await gate.key(usd(108_000))
    body = {**ASK, "stream": True, "stream_options": {"include_usage": True}}
    answer = await gate.post(secret, body)
    lines = [line[6:] for line in answer.text.splitlines() if line.startswith("data: ")]
    assert lines[-1] == "[DONE]"
    first, ending, usage = (json.loads(lines[n]) for n in (0, -3, -2))
    assert ending["choices"][0]["finish_reason"] == "length"
    assert ending["notice"]["code"] == "insufficient_quota"
    assert ending["id"] == first["id"] and ending["model"] == first["model"]
    assert usage["choices"] == [] and usage["usage"]["completion_tokens"] >= 20
    (event,) = await gate.events_of(key)
    assert event["body"]["outcome"] == "credit_exhausted"
    assert event["amount"] >= -108_000


async def test_many_at_once_never_spend_more_than_there_is(gate: Gate) -> None:
    # 10 answers cost 900,000; every request asks for at most what its answer costs.
    key, secret = await gate.key(usd(10 * COST))
    gate.upstream.behaviour = Behaviour(
        latency_s=0.02, usage={"prompt_tokens": 8, "completion_tokens": 20}
    )
    body = {**ASK, "max_tokens": 20}
    answers = await asyncio.gather(*(gate.post(secret, body) for _ in range(60)))
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) <= {200, 402}
    assert 8 <= statuses.count(200) <= 10
    spent = sum(-event["amount"] for event in await gate.events_of(key))
    assert await gate.balance(key.account) == 10 * COST - spent >= 0


async def test_the_owners_balance_counts_too(gate: Gate) -> None:
    user = await gate.running.directory.users.create(f"u{uuid.uuid4().hex[:8]}", "password-1")
    body: dict[str, Any] = {"provider": "test", "reference": uuid.uuid4().hex}
    await gate.books.record(
        Draft(
            f"recharge:{body['reference']}",
            "recharge.credited",
            user.account,
            COST + 8_000,
            "user:1",
            body,
        )
    )
    _, secret = await gate.running.directory.keys.create(user.id, {"unlimited": True})
    first = await gate.post(secret, {**ASK, "max_tokens": 20})
    assert first.status_code == 200
    assert await gate.balance(user.account) == 8_000
    second = await gate.post(secret, ASK)
    assert second.status_code == 402
    assert "The balance does not cover" in second.json()["error"]["message"]
    assert await gate.balance(user.account) == 8_000


async def test_a_free_model_needs_no_credit(gate: Gate) -> None:
    await gate.price({"model": "free", "input": "0", "output": "0"})
    await gate.channel("free")
    key, secret = await gate.key("0.000001")
    answer = await gate.post(secret, {"model": "free", "messages": HI})
    event = await gate.charge_of(answer)
    assert (answer.status_code, event["amount"]) == (200, 0)
    assert event["body"]["hold"] == {"nano": 0, "accounts": []}
    assert await gate.balance(key.account) == 1_000
