"""Limits as clients meet them, over real sockets: what is refused, what is said, what is given
back."""

import asyncio
import re
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import openai
import pytest
from redis.asyncio import Redis

from gateway.app import build
from gateway.channels.blame import Blame
from gateway.directory.users import ROOT_ID
from gateway.limits.limits import Grant, Limits
from gateway.limits.line import Line
from gateway.limits.memory import Memory
from gateway.limits.rule import Rule
from gateway.limits.shared import Shared
from gateway.relay.limit import duration
from tests.fakes.redis import RedisServer
from tests.fakes.upstream import Behaviour
from tests.gateway.relay.conftest import Gate
from tests.gateway.relay.test_answers import ASK
from tests.gateway.relay.test_endings import hang_up_after, open_stream
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SLOW = Behaviour(words=("one", " two", " three", " four"), hang_after=2)
USED = 30  # tokens, by the fake's own report
GEMINI_ASK = {"contents": [{"parts": [{"text": "hi"}]}]}


@asynccontextmanager
async def option(gate: Gate, name: str, value: str) -> AsyncIterator[None]:
    await gate.running.directory.options.set(name, value)
    try:
        yield
    finally:
        await gate.running.directory.options.set(name, "{}")


def error_of(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 429, answer.text
    error: dict[str, Any] = answer.json()["error"]
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    return error


def limits_of(answer: Any) -> dict[str, str]:
    """The headers about limits, without what they have in common."""
    found = {name: value for name, value in answer.headers.items() if "x-ratelimit-" in name}
    return {name.removeprefix("x-ratelimit-"): value for name, value in found.items()}


async def test_requests_per_minute_of_a_key_as_the_official_client_sees_them(gate: Gate) -> None:
    _, secret = await gate.key(rpm=2)
    client = gate.client(secret)
    for left in ("1", "0"):
        answer = await client.chat.completions.with_raw_response.create(**ASK)
        assert limits_of(answer)["remaining-requests"] == left
    with pytest.raises(openai.RateLimitError) as caught:
        await client.chat.completions.create(**ASK)
    error, headers = caught.value, caught.value.response.headers
    assert error.code == "rate_limit_exceeded" and error.type == "rate_limit_error"
    assert "this key" in error.message and "2 requests per minute" in error.message
    assert 58 <= int(headers["retry-after"]) <= 60
    assert limits_of(error.response)["limit-requests"] == "2"
    assert re.fullmatch(r"1m0s|5\ds", headers["x-ratelimit-reset-requests"])
    assert "X-Ratelimit-Remaining-Tokens" in headers["access-control-expose-headers"]
    assert "x-ratelimit-limit-tokens" not in headers
    # The refusal of another dialect, and one that comes after admission.
    said = await gate.post(secret, {**ASK, "max_tokens": 5}, "/v1/messages")
    assert error_of(said)["type"] == "rate_limit_error"
    _, poor = await gate.key("0", rpm=5)
    refused = await gate.post(poor, ASK)
    assert refused.status_code == 402 and limits_of(refused)["remaining-requests"] == "4"
    assert len(gate.upstream.received) == 2


async def test_who_is_limited_is_named_and_a_refusal_consumes_nothing(gate: Gate) -> None:
    users, (_, secret) = gate.running.directory.users, await gate.key(rpm=50, tpm=100_000)
    await gate.channel("m-limited")
    await gate.price({"model": "m-limited", "input": "1", "output": "4"})
    ask = {**ASK, "model": "m-limited"}

    async def twice(says: str) -> dict[str, str]:
        assert (await gate.post(secret, ask)).status_code == 200
        answer = await gate.post(secret, ask)
        assert says in error_of(answer)["message"]
        return limits_of(answer)

    await users.update(ROOT_ID, {"rpm": 1})
    assert (await twice("your account"))["limit-requests"] == "1"
    await users.update(ROOT_ID, {"rpm": 0})
    async with option(gate, "ModelLimits", '{"m-limited": {"rpm": 1}}'):
        await twice("this model")
        assert (await gate.post(secret, ASK)).status_code == 200
    async with option(gate, "GroupLimits", '{"default": {"rpm": 1}}'):
        await twice("your group")
    async with option(gate, "GroupLimits", '{"default": {"each_user": {"rpm": 2}}}'):
        await twice("your account")  # whose first request is known from above
    # Of the key itself there is gone what was admitted: each first one, and the one besides.
    answer = await gate.post(secret, ask)
    assert limits_of(answer)["remaining-requests"] == str(50 - 6)
    counted = gate.running.observer.here()["limit_refusals"]
    assert counted[("user", "requests")] == 2 and counted[("group", "requests")] == 1


async def test_what_is_free_counts_as_a_request_and_has_no_tokens(gate: Gate) -> None:
    _, secret = await gate.key(rpm=3, tpm=50, concurrency=1)
    listed = {"authorization": f"Bearer sk-{secret}"}
    count = {"model": ASK["model"], "messages": ASK["messages"], "max_tokens": 5}
    models, counting = "/v1/models", "/v1/messages/count_tokens"
    answer = await gate.http.get(models, headers=listed)
    assert answer.status_code == 200 and limits_of(answer)["remaining-requests"] == "2"
    assert not [name for name in limits_of(answer) if "tokens" in name]
    gate.upstream.behaviour = SLOW
    async with open_stream(gate, secret) as stream:  # which takes all tokens, and is all at once
        assert limits_of(stream)["remaining-requests"] == "1"
        answer = await gate.post(secret, count, counting)
        assert answer.json()["input_tokens"] > 1 and answer.status_code == 200
        assert limits_of(answer)["remaining-requests"] == "0"
        refused = await gate.http.get(f"{models}/m", headers=listed)
        assert error_of(refused)["code"] == "rate_limit_exceeded"
        refused = await gate.http.get(models, headers={**listed, "anthropic-version": "1"})
        assert error_of(refused)["type"] == "rate_limit_error" and "code" not in refused.text
        refused = await gate.post(secret, count, counting)
        assert "3 requests per minute" in error_of(refused)["message"]
        gemini = await gate.post(secret, GEMINI_ASK, "/v1beta/models/m:countTokens")
        assert error_of(gemini)["status"] == "RESOURCE_EXHAUSTED"
        kept = await gate.http.get("/v1/responses/resp_1", headers=listed)
        error_of(kept)
        gate.upstream.released.set()
        await stream.aread()
    await gate.settled()
    # A user's and a group's limits hold too; a model's does not, and who has none is not counted.
    gate.upstream.behaviour = Behaviour()
    _, free = await gate.key()
    async with option(gate, "ModelLimits", '{"m": {"rpm": 1}}'):
        for _ in range(3):
            answer = await gate.post(free, count, counting)
            assert answer.status_code == 200 and not limits_of(answer)
    async with option(gate, "GroupLimits", '{"default": {"rpm": 1}}'):
        await gate.post(free, count, counting)  # refused already if a test before left one
        assert "your group" in error_of(await gate.post(free, ASK))["message"]


async def test_tokens_are_estimated_first_and_corrected_at_settlement(gate: Gate) -> None:
    _, secret = await gate.key(tpm=6_000)
    gate.upstream.behaviour = SLOW
    async with open_stream(gate, secret) as answer:
        first = limits_of(answer)
        assert first["limit-tokens"] == "6000" and int(first["remaining-tokens"]) < 1_950
        error = error_of(await gate.post(secret, ASK))
        assert "6000 tokens per minute" in error["message"]
        small = await gate.post(secret, {**ASK, "max_tokens": 5, "fake": {"hang_after": None}})
        assert small.status_code == 200
        gate.upstream.released.set()
        await answer.aread()
    await gate.settled()
    gate.upstream.behaviour = Behaviour()
    left = limits_of(await gate.post(secret, {**ASK, "max_tokens": 5}))
    assert 5_900 - 2 * USED - 20 <= int(left["remaining-tokens"]) < 6_000 - 2 * USED
    # What the upstream refused had no tokens; what is larger than the limit passes alone.
    _, secret = await gate.key(tpm=100)
    gate.upstream.behaviour = Behaviour(status=400)
    assert (await gate.post(secret, ASK)).status_code == 400
    gate.upstream.behaviour = Behaviour()
    assert (await gate.post(secret, ASK)).status_code == 200
    error_of(await gate.post(secret, ASK))


async def test_a_request_is_under_way_until_its_stream_ends(gate: Gate) -> None:
    _, secret = await gate.key(concurrency=1)
    gate.upstream.behaviour = SLOW
    async with open_stream(gate, secret) as answer:
        refused = await gate.post(secret, ASK)
        assert "1 requests at once" in error_of(refused)["message"]
        assert refused.headers["retry-after"] == "1" and not limits_of(refused)
        # The official client waits for as long as it is told, and then it is done.
        patient = gate.client(secret, max_retries=2)
        waiting = asyncio.create_task(patient.chat.completions.create(**ASK))
        await until(lambda: gate.running.relay.limits.refusals[("key", "concurrency")] > 1)
        gate.upstream.behaviour = Behaviour()
        gate.upstream.released.set()
        await answer.aread()
    await waiting
    # At once, however often: a stream's last byte comes after its limits were given back.
    for _ in range(20):
        async with open_stream(gate, secret) as answer:
            assert answer.status_code == 200
            await answer.aread()


async def test_a_request_ends_with_its_failure_or_when_nobody_reads_on(gate: Gate) -> None:
    _, secret = await gate.key(concurrency=1)
    for broken in (Behaviour(status=500), Behaviour(cut_after=1), Behaviour(status=400)):
        gate.upstream.behaviour = broken
        await gate.post(secret, ASK)
        await gate.post(secret, {**ASK, "stream": True})
    for policy in ("free", "drain"):
        gate.settings(disconnect_policy=policy)
        gate.upstream.behaviour = SLOW
        gate.upstream.released.clear()
        await hang_up_after(gate, secret, "two")
        if policy == "drain":  # it still is under way upstream
            await until(lambda: any(x.client_gone for x in gate.running.relay.exchanges))
            error_of(await gate.post(secret, ASK))
            gate.upstream.released.set()
        await gate.settled()
        gate.upstream.behaviour = Behaviour()
        assert (await gate.post(secret, ASK)).status_code == 200
    assert not gate.running.relay.limits.local._cells["key:" + _id(gate, secret)].leases


def _id(gate: Gate, secret: str) -> str:
    key = gate.running.directory.cached_key(secret)
    assert key is not None
    return str(key.id)


async def test_a_channel_at_its_limit_is_passed_over(gate: Gate) -> None:
    _, secret = await gate.key()
    await gate.price({"model": "m-full", "input": "1", "output": "4"})
    ask = {**ASK, "model": "m-full"}
    first = await gate.channel("m-full", priority=9, rpm=1)
    second = await gate.channel("m-full", priority=5, concurrency=1)
    third = await gate.channel("m-full", rpm=2)

    async def served() -> int:
        answer = await gate.post(secret, ask)
        assert answer.status_code == 200 and not limits_of(answer)
        return int((await gate.charge_of(answer))["body"]["channel"])

    assert [await served() for _ in range(3)] == [first.id, second.id, second.id]
    gate.upstream.behaviour = replace(SLOW, words=("a", " b"), hang_after=1)
    held = asyncio.create_task(gate.post(secret, {**ask, "stream": True}))
    await until(lambda: len(gate.upstream.received) == 4)
    gate.upstream.behaviour = Behaviour()
    assert [await served() for _ in range(2)] == [third.id, third.id]
    answer = await gate.post(secret, ask)
    assert "Every channel that serves `m-full`" in error_of(answer)["message"]
    assert answer.headers["retry-after"] == "1"  # the second one's may end any time
    gate.upstream.released.set()
    await held
    assert await served() == second.id
    # What is tried again does not go to a full one either.
    await gate.running.directory.options.set("RetryTimes", 3)
    gate.upstream.behaviour = Behaviour(status=500)
    gate.upstream.received.clear()
    assert (await gate.post(secret, ask)).status_code == 502
    await gate.running.directory.options.set("RetryTimes", 0)
    assert len(gate.upstream.received) == 1


async def test_without_limits_nothing_is_counted_or_asked(gate: Gate) -> None:
    def never() -> int:
        raise AssertionError("the clock of the limits was read")

    relay, (_, secret) = gate.running.relay, await gate.key()
    usual, relay.limits = relay.limits, Limits(Memory(never))
    try:
        assert (await gate.post(secret, ASK)).status_code == 200
    finally:
        relay.limits = usual


@asynccontextmanager
async def on_redis(gate: Gate, url: str) -> AsyncIterator[Line]:
    """Let the gateway count in Redis."""
    relay, line = gate.running.relay, Line(url, timeout_s=1.0)
    await line.open()
    usual = relay.limits
    relay.limits = Limits(Memory(lambda: int(time.monotonic() * 1000)), Shared(line, "gate"))
    try:
        yield line
    finally:
        relay.limits = usual
        await line.close()


async def test_limits_in_redis_and_while_it_is_away(
    gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    _, secret = await gate.key(rpm=3, tpm=100_000, concurrency=2)

    async def ask(expected: int) -> dict[str, str]:
        answer = await gate.post(secret, ASK)
        assert answer.status_code == expected, answer.text
        return limits_of(answer)

    with RedisServer() as redis:
        async with on_redis(gate, redis.url) as line:
            assert [(await ask(200))["remaining-requests"] for _ in range(3)] == ["2", "1", "0"]
            refused = await ask(429)
            # The last one's correction is on the line before this question.
            assert int(refused["remaining-tokens"]) == 100_000 - 3 * USED
            redis.kill()
            assert [(await ask(200))["remaining-requests"] for _ in range(3)] == ["2", "1", "0"]
            await ask(429)
            shown = (await gate.http.get("/metrics")).text
            assert "tollgate_redis_up 0.0" in shown and "tollgate_redis_errors_total" in shown
            assert 'tollgate_limit_refusals_total{limit="requests",of="key"}' in shown
            redis.start()
            await until(lambda: line.up)
            await ask(200)
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    caplog.clear()


async def test_a_gateway_with_redis_opens_shares_and_closes(gate: Gate, tmp_path: Path) -> None:
    with RedisServer() as redis:
        shutil.copy(gate.running.settings.data_dir / "secret.key", tmp_path)
        settings = replace(gate.running.settings, redis_url=redis.url, data_dir=tmp_path)
        node = await build(settings)
        try:
            limits = node.relay.limits
            taken = await limits.take([Rule("key", "key:1", requests=1)])
            assert limits.shared is not None and isinstance(taken, Grant)
            assert taken.backend is limits.shared
            now_s = node.relay.clock.monotonic_s()
            node.relay.watch.health.failed((1, ""), Blame.LIMIT, now_s, now_s, 30.0)
            async with Redis.from_url(redis.url) as client:
                name = f"{{tollgate:{settings.mongo_db}}}:rests"
                await until(lambda: client.hlen(name))
            assert node.observer.here()["redis_up"] == {(): 1.0}
        finally:
            await node.relay.drain(1)
            await node.close()


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(0, "0s"), (1, "1ms"), (999, "999ms"), (1_000, "1s"), (1_001, "2s"), (60_000, "1m0s")],
)
async def test_durations_are_written_as_openai_does(milliseconds: int, text: str) -> None:
    assert duration(milliseconds) == text
