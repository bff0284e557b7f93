"""All parts together, as the relay asks them, in made-up time: many requests over few channels."""

import heapq
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from gateway.channels.failure import Failure, of_answer, of_call
from gateway.channels.health import Rules, Subject
from gateway.channels.numbers import put_health
from gateway.channels.retry import Retries
from gateway.channels.select import choose
from gateway.channels.watch import Watch
from gateway.directory.channels import Channel
from gateway.metrics import Counts
from tests.gateway.channels.anything import vendor

SEED = 20_261_122
REQUESTS = 10_000
EVERY_S = 0.01
TAKES_S = 0.2
CHI_SQUARE_2 = 13.82  # 99.9th percentile
SECRET = "sk-one\nsk-two"

CHANNELS = [Channel(id=n, type=1, weight=weight) for n, weight in ((1, 1), (2, 2), (3, 7))]
#: What an attempt on a channel at a time comes to; None is a good answer.
World = Callable[[int, float, random.Random], Failure | None]


@dataclass
class Run:
    """What became of the requests."""

    watch: Watch
    served: Counter[int] = field(default_factory=Counter)
    attempts: list[tuple[float, int]] = field(default_factory=list)
    errors: int = 0
    slowest_s: float = 0.0


@dataclass(order=True)
class Request:
    """One request on its way: when its next step is due, and what was tried."""

    due_s: float
    number: int
    began_s: float
    tried: set[int] = field(compare=False, default_factory=set)
    channel: Channel | None = field(compare=False, default=None)
    keys: set[Subject] = field(compare=False, default_factory=set)


def run(world: World, retries: Retries, rules: Rules) -> Run:
    """Send requests at a steady pace; each attempt takes a while, so that many overlap."""
    print("seed", SEED)
    rng, watch = random.Random(SEED), Watch(rules)
    result = Run(watch)
    waiting: list[Request] = [Request(n * EVERY_S, n, n * EVERY_S) for n in range(REQUESTS)]
    ended: list[tuple[float, int, Callable[[], None]]] = []
    steps = 0
    while waiting or ended:
        if ended and (not waiting or ended[0][0] <= waiting[0].due_s):
            heapq.heappop(ended)[2]()
            continue
        request = heapq.heappop(waiting)
        now_s = request.due_s
        if request.channel is None:
            cooling = watch.cooling([each.id for each in CHANNELS], now_s)
            request.channel = choose(CHANNELS, request.tried, rng, cooling=cooling)
        assert request.channel is not None
        steps += 1
        end = _attempt(result, request, request.channel, world, retries, rng, waiting)
        heapq.heappush(ended, (now_s + TAKES_S, steps, end))
    return result


def _attempt(
    result: Run,
    request: Request,
    channel: Channel,
    world: World,
    retries: Retries,
    rng: random.Random,
    waiting: list[Request],
) -> Callable[[], None]:
    watch, began_s = result.watch, request.due_s
    key = watch.begin(channel, SECRET, request.keys, began_s)
    assert key is not None
    failure = world(channel.id, began_s, rng)
    result.attempts.append((began_s, channel.id))

    def end() -> None:
        now_s = began_s + TAKES_S
        if failure is None:
            watch.succeeded(key, began_s)
            result.served[channel.id] += 1
            result.slowest_s = max(result.slowest_s, now_s - request.began_s)
            return
        watch.failed(channel, SECRET, key, failure, began_s, now_s)
        request.tried.add(channel.id)
        cooling = watch.cooling([each.id for each in CHANNELS], now_s)
        request.channel = choose(CHANNELS, request.tried, rng, cooling=cooling)
        pause_s = None
        if request.channel is not None:
            asked_s = watch.asked_s(request.channel, now_s)
            elapsed_s = now_s - request.began_s
            pause_s = retries.pause_s(failure, len(request.tried), elapsed_s, rng, asked_s)
        if pause_s is None:
            result.errors += 1
            return
        request.due_s = now_s + pause_s
        heapq.heappush(waiting, request)

    return end


BROKEN = of_answer(vendor(), 500, {}, None, 0.0)
LIMITED = of_answer(vendor(), 429, {"retry-after": "5"}, None, 0.0)
DEAD = of_answer(vendor(), 401, {}, {"error": {"code": "invalid_api_key"}}, 0.0)
GONE = of_call(vendor(), "upstream_unreachable")


def test_weights_hold_when_all_is_well() -> None:
    result = run(lambda *_: None, Retries(0), Rules())
    expected = {1: 1_000, 2: 2_000, 3: 7_000}
    found = sum((result.served[n] - wanted) ** 2 / wanted for n, wanted in expected.items())
    assert found < CHI_SQUARE_2 and result.errors == 0 and len(result.watch.health) == 0


@pytest.mark.parametrize("failure", [BROKEN, LIMITED, DEAD, GONE])
@pytest.mark.parametrize("rules", [Rules(), Rules(window=10)])
def test_one_that_always_fails_is_not_noticed_by_anyone(failure: Failure, rules: Rules) -> None:
    result = run(lambda id, now_s, rng: failure if id == 3 else None, Retries(2), rules)
    assert result.errors == 0 and sum(result.served.values()) == REQUESTS
    assert 1.7 < result.served[2] / result.served[1] < 2.3
    wasted = sum(id == 3 for _, id in result.attempts)
    # Those that were under way when it began to rest, and a few trials in 100 seconds.
    assert 1 <= wasted < 120, wasted


def test_one_that_recovers_gets_its_share_back() -> None:
    result = run(
        lambda id, now_s, rng: BROKEN if id == 3 and 20 <= now_s < 40 else None,
        Retries(2),
        Rules(),
    )
    assert result.errors == 0
    during = Counter(id for now_s, id in result.attempts if 25 <= now_s < 40)
    after = Counter(id for now_s, id in result.attempts if now_s >= 60)
    assert during[3] <= 10
    assert 0.65 < after[3] / after.total() < 0.75
    assert result.watch.cooling([1, 2, 3], 100.0) == {}


def test_a_few_failures_do_not_drive_anyone_away() -> None:
    result = run(
        lambda id, now_s, rng: BROKEN if id == 3 and rng.random() < 0.02 else None,
        Retries(2),
        Rules(),
    )
    assert result.errors == 0
    assert 0.66 < sum(id == 3 for _, id in result.attempts) / len(result.attempts) < 0.74


def test_when_all_fail_for_a_while_everyone_is_served_again_afterwards() -> None:
    result = run(lambda id, now_s, rng: BROKEN if 20 <= now_s < 40 else None, Retries(2), Rules())
    assert 1_900 <= result.errors <= 2_100, "as many as there were, and nobody before or after"
    after = Counter(id for now_s, id in result.attempts if now_s >= 80)
    assert set(after) == {1, 2, 3} and 0.6 < after[3] / after.total() < 0.8


def test_users_faults_leave_every_channel_as_it_is() -> None:
    wrong = of_answer(vendor(), 400, {}, None, 0.0)
    result = run(
        lambda id, now_s, rng: wrong if rng.random() < 0.5 else None, Retries(2), Rules(window=10)
    )
    assert len(result.attempts) == REQUESTS and 4_700 < result.errors < 5_300
    assert not result.watch.health.cooldowns
    assert result.watch.health.rates() == {1: 1.0, 2: 1.0, 3: 1.0}


def test_cooling_down_and_recovering_show_in_the_metrics() -> None:
    counts, watch = Counts(), Watch(Rules(tolerated=0, window=1))
    key = watch.begin(CHANNELS[2], SECRET, (), 0.0)
    assert key is not None
    watch.failed(CHANNELS[2], SECRET, key, BROKEN, 0.0, 0.0)
    put_health(counts, watch.health, 0.5)
    during = counts.snapshot()
    assert during["channel_rest_seconds"] == {("3",): 29.5}
    assert during["channel_rests"] == {("3", "upstream"): 1, ("3", "breaker"): 1}
    watch.succeeded(key, 31.0)
    put_health(counts, watch.health, 31.0)
    after = counts.snapshot()
    assert after["channel_rest_seconds"] == {} and after["channel_success_rate"] == {("3",): 1.0}
    assert after["channel_rests"] == during["channel_rests"]
