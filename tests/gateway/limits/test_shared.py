"""Limits in a real Redis: the same arithmetic, shared by processes, and never in the way."""

import asyncio
import multiprocessing
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from gateway.limits.limits import Grant, Limits, Refusal
from gateway.limits.line import Line
from gateway.limits.memory import Memory
from gateway.limits.rule import CONCURRENCY, REQUESTS, Away, Rule
from gateway.limits.scripts import TAKE
from gateway.limits.shared import Shared
from tests.fakes.redis import RedisServer
from tests.waiting import until

# A machine that is busy with other things must not look like a Redis that is away.
PATIENT_S = 5.0


def new_name() -> str:
    return uuid.uuid4().hex[:8]


@asynccontextmanager
async def limits_on(
    url: str,
    name: str,
    *,
    timeout_s: float = PATIENT_S,
    renew_s: float = 20.0,
    lease_ms: int = 60_000,
) -> AsyncIterator[Limits]:
    """The limits of one process of an installation."""
    line = Line(url, timeout_s=timeout_s)
    shared = Shared(line, name, renew_s=renew_s, lease_ms=lease_ms)
    await line.open()
    shared.start()
    try:
        yield Limits(Memory(lambda: int(time.monotonic() * 1000)), shared)
    finally:
        await shared.close()
        await line.close()


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["take", "take", "take", "end", "pause"]),
        st.integers(0, 600),
        st.integers(-600, 600),
        st.sampled_from([0, 1, 400, 999, 1_000, 20_000, 59_000, 60_000]),
    ),
    min_size=1,
    max_size=30,
)
NUMBERS = st.integers(0, 4)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS, rpm=NUMBERS, tpm=st.integers(0, 900), concurrency=NUMBERS)
def test_redis_decides_as_memory_does(
    redis: RedisServer,
    steps: list[tuple[str, int, int, int]],
    rpm: int,
    tpm: int,
    concurrency: int,
) -> None:
    now_ms = 1_700_000_000_000
    rules = [Rule("key", "key:1", rpm, tpm, concurrency), Rule("user", "user:1", 7, 2_000, 5)]

    async def compare() -> None:
        nonlocal now_ms
        line = Line(redis.url, timeout_s=PATIENT_S)
        await line.open()
        # Leases that outlive the whole history: memory's have no end.
        shared = Shared(line, new_name(), now_ms=lambda: now_ms, lease_ms=10**8)
        memory = Memory(lambda: now_ms)
        held: list[tuple[int, str]] = []
        try:
            for number, (what, tokens, more, pause_ms) in enumerate(steps):
                if what == "take":
                    theirs = await shared.take(rules, tokens, str(number))
                    ours = memory.take(rules, tokens, str(number))
                    assert theirs == ours
                    if ours.admitted:
                        held.append((ours.at_ms, str(number)))
                elif what == "end" and held:
                    at_ms, lease = held.pop(tokens % len(held))
                    for each in (shared, memory):
                        mores = [more if tpm else 0, more // 2]  # as Grant.end has it
                        each.give_back(rules, at_ms, lease, mores, tokens % 2)
                now_ms += pause_ms
        finally:
            await line.close()

    with asyncio.Runner() as runner:
        runner.run(compare())


def _spend(url: str, name: str, tries: int, into: "multiprocessing.Queue[int]") -> None:
    async def run() -> int:
        async with limits_on(url, name) as limits:
            rule = Rule("key", "key:1", requests=50, tokens=1_000)
            taken = await asyncio.gather(*(limits.take([rule], 10) for _ in range(tries)))
            assert limits.shared is not None and limits.shared.line.up
            return sum(isinstance(each, Grant) for each in taken)

    into.put(asyncio.run(run()))


def test_two_processes_and_this_one_share_one_limit(redis: RedisServer) -> None:
    context = multiprocessing.get_context("spawn")
    into: multiprocessing.Queue[int] = context.Queue()
    name = new_name()
    args = (redis.url, name, 200, into)
    others = [context.Process(target=_spend, args=args) for _ in range(2)]
    for other in others:
        other.start()
    _spend(*args)
    admitted = [into.get(timeout=60) for _ in range(3)]
    for other in others:
        other.join()
    assert sum(admitted) == 50


async def test_leases_are_shared_renewed_and_end_with_their_process(redis: RedisServer) -> None:
    rule, name = Rule("key", "key:1", concurrency=1), new_name()
    async with limits_on(redis.url, name) as other:
        async with limits_on(redis.url, name, lease_ms=400, renew_s=0.05) as alive:
            grant = await alive.take([rule])
            assert isinstance(grant, Grant)
            # Renewed, it outlives its length.
            began_s = time.monotonic()
            while time.monotonic() - began_s < 0.8:
                refusal = await other.take([rule])
                assert isinstance(refusal, Refusal)
                assert refusal.refusing[0][1].refused == CONCURRENCY
            grant.end()
            assert isinstance(await alive.take([rule]), Grant)  # at once: in order on the line
        # That process is gone without a word; its lease ends by itself.

        async def taken() -> bool:
            return isinstance(await other.take([rule]), Grant)

        await until(taken)


async def test_redis_killed_in_mid_run_and_started_again(caplog: pytest.LogCaptureFixture) -> None:
    rule = Rule("key", "key:1", requests=3, concurrency=5)
    with RedisServer() as redis:
        async with limits_on(redis.url, "x", renew_s=0.05) as limits:
            shared = limits.shared
            assert shared is not None
            held = [await limits.take([rule]) for _ in range(3)]
            assert all(isinstance(each, Grant) and each.backend is shared for each in held)
            assert isinstance(await limits.take([rule]), Refusal)
            redis.kill()
            # Open, by this process's own count.
            alone = [await limits.take([rule]) for _ in range(4)]
            assert [isinstance(each, Grant) for each in alone] == [True, True, True, False]
            assert not shared.line.up and shared.line.errors >= 1 and len(caplog.records) == 1
            for each in (*held, *alone):
                if isinstance(each, Grant):
                    each.end()  # also those that it got from Redis; nothing waits or raises
            redis.start()
            await until(lambda: shared.line.up)
            again = await limits.take([rule])
            assert isinstance(again, Grant) and again.backend is shared
    said = [record.message for record in caplog.records]
    assert len(said) == 2 and "away" in said[0] and "again" in said[1]
    caplog.clear()


async def test_a_redis_that_hangs_costs_one_short_wait_and_no_more(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rule = Rule("key", "key:1", requests=1_000)
    with RedisServer() as redis:
        async with limits_on(redis.url, "x", timeout_s=0.2) as limits:
            assert limits.shared is not None
            redis.freeze(True)
            began_s = time.monotonic()
            taken = await asyncio.gather(*(limits.take([rule]) for _ in range(300)))
            waited_s = time.monotonic() - began_s
            assert all(isinstance(each, Grant) for each in taken) and waited_s < 2
            began_s = time.monotonic()
            for _ in range(200):
                await limits.take([rule])
            assert time.monotonic() - began_s < 0.2
            redis.freeze(False)
            await until(lambda: limits.shared is not None and limits.shared.line.up)
            assert isinstance(await limits.take([rule]), Grant)
    caplog.clear()


async def test_what_redis_forgot_and_what_nobody_waits_for(redis: RedisServer) -> None:
    rule, name = Rule("key", "key:1", requests=5, concurrency=1), new_name()
    async with limits_on(redis.url, name) as limits, Redis.from_url(redis.url) as client:
        await client.script_flush()
        grant = await limits.take([rule])
        assert isinstance(grant, Grant) and grant.backend is limits.shared
        # One whose caller left while it was asked for holds nothing.
        grant.end()
        waiting = asyncio.create_task(limits.take([rule]))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        last = await limits.take([rule])
        assert isinstance(last, Grant) and last.standings[0].in_flight == 1
        # Nothing stays behind for ever.
        keys = [key async for key in client.scan_iter(f"*{name}*")]
        assert len(keys) == 2 and all([0 < await client.pttl(key) <= 61_000 for key in keys])


async def test_a_wrong_address_or_password_is_said_once_and_stops_nothing(
    caplog: pytest.LogCaptureFixture, redis: RedisServer
) -> None:
    for url in ("redis://127.0.0.1:1/0", redis.url.replace("//", "//user:hunter22@")):
        async with limits_on(url, "x") as limits:
            rule = Rule("key", "key:1", requests=1)
            assert isinstance(await limits.take([rule]), Grant)
            refusal = await limits.take([rule])
            assert isinstance(refusal, Refusal) and refusal.refusing[0][1].refused == REQUESTS
            with pytest.raises(Away):
                assert limits.shared is not None
                await limits.shared.line.call(TAKE, [], [])
        assert len(caplog.records) == 1 and "hunter22" not in caplog.text
        caplog.clear()


async def test_what_nobody_asked_about_counts_from_its_end(redis: RedisServer) -> None:
    rule = Rule("key", "k", tokens=100, concurrency=1)
    turn = Rule("key", "k", tokens=100)  # of a session that holds the concurrency
    async with limits_on(redis.url, new_name()) as shared:
        for limits in (shared, Limits(Memory(lambda: 1_000))):
            session = await limits.take([rule])
            assert isinstance(session, Grant)
            owed = limits.owed([turn])
            assert isinstance(await limits.take([turn], 60), Grant)
            owed.end(70)
            owed.end(70)  # once
            refused = await limits.take([turn], 1)
            assert isinstance(refused, Refusal) and refused.judged[0][1].tokens == 130
            another = await limits.take([Rule("key", "k", concurrency=1)])
            assert isinstance(another, Refusal)  # the session goes on
