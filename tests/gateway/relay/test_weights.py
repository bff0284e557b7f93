"""Weights 1, 2 and 7 over real sockets, before, during and after a failure of the heaviest.

WEIGHT_REQUESTS says how many requests are sent in all: 10000 takes a minute or two.
"""

import math
import os

import pytest

from tests.fakes.upstream import Behaviour, FakeUpstream
from tests.gateway.relay.upstreams import BRIEF, Upstreams, upstreams
from tests.waiting import until

__all__ = ["upstreams"]

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

REQUESTS = int(os.environ.get("WEIGHT_REQUESTS", "800"))
WEIGHTS = (1, 2, 7)
# How many standard deviations a share may be away: more happen once in 150,000 runs.
SIGMAS = 4.5


async def shares(upstreams: Upstreams, fakes: list[FakeUpstream], times: int) -> list[int]:
    """Send requests, none of which may fail, and return how often each upstream was asked."""
    for fake in fakes:
        fake.received.clear()
    answers = await upstreams.ask_often(times, 16)
    assert {answer.status_code for answer in answers} == {200}
    return [len(fake.received) for fake in fakes]


def expected(count: int, times: int, share: float) -> bool:
    """Whether a count fits a binomial distribution."""
    return abs(count - times * share) <= SIGMAS * math.sqrt(times * share * (1 - share))


async def test_shares_before_during_and_after_a_failure(upstreams: Upstreams) -> None:
    made = [await upstreams.add(weight=weight) for weight in WEIGHTS]
    fakes, times = [fake for fake, _ in made], REQUESTS // 3
    upstreams.watched(BRIEF)
    counts = await shares(upstreams, fakes, times)
    assert sum(counts) == times
    assert all(expected(n, times, w / 10) for n, w in zip(counts, WEIGHTS, strict=True)), counts

    failing, channel = made[2]
    failing.behaviour = Behaviour(status=500)
    one, two, tried = await shares(upstreams, fakes, times)
    assert one + two == times and 3 <= tried < times / 2, "it rests most of the time"
    assert expected(one, times, 1 / 3), (one, two)
    metrics = upstreams.gate.running.observer.here()
    rests = metrics["channel_rests"][(str(channel.id), "upstream")]
    assert rests >= 2
    shown = (await upstreams.gate.http.get("/metrics")).text
    assert f'tollgate_channel_rests_total{{channel="{channel.id}",reason="upstream"}}' in shown

    failing.behaviour = Behaviour()
    await until(lambda: not upstreams.rests(channel))
    counts = await shares(upstreams, fakes, times)
    # During the trial after the rest the others go elsewhere; that is a handful.
    assert all(expected(n, times, w / 10) for n, w in zip(counts, WEIGHTS, strict=True)), counts
    assert not upstreams.rests(channel)
    metrics = upstreams.gate.running.observer.here()
    assert metrics["channel_rests"][(str(channel.id), "upstream")] == rests
