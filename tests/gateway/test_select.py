"""Which channel is chosen."""

import random
from collections import Counter

from gateway.channels.select import choose
from gateway.directory.channels import Channel


def channel(id: int, priority: int = 0, weight: int = 0) -> Channel:
    return Channel(id=id, type=1, priority=priority, weight=weight)


def chosen(channels: list[Channel], times: int = 4_000) -> Counter[int]:
    rng = random.Random(7)
    picks = (choose(channels, (), rng) for _ in range(times))
    return Counter(pick.id for pick in picks if pick is not None)


def test_the_highest_priority_comes_first() -> None:
    assert set(chosen([channel(1, 1), channel(2, 9), channel(3, 9)])) == {2, 3}


def test_weights_share_a_priority_and_none_counts_as_one() -> None:
    shares = chosen([channel(1, weight=3), channel(2, weight=0)])
    assert 0.70 < shares[1] / 4_000 < 0.80


def test_what_was_tried_is_not_tried_again() -> None:
    rng = random.Random(7)
    channels = [channel(1, 9), channel(2, 5)]
    second = choose(channels, {1}, rng)
    assert second is not None and second.id == 2
    assert choose(channels, {1, 2}, rng) is None
    assert choose(channels[:1], {1}, rng) is None
    assert choose([], (), rng) is None
