"""Which channel is chosen: tiers, exact weights, cool-downs, affinity and ordered groups."""

import random
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.channels.affinity import BY_KEY
from gateway.channels.affinity import affinity as affinity_of
from gateway.channels.select import choose, choose_in_groups, groups_of, share
from gateway.directory.channels import Channel

SEED = 20_261_122
PICKS = 10_000
# The chi-square distribution's 99.9th percentile, by degrees of freedom.
CRITICAL = {1: 10.83, 2: 13.82, 3: 16.27}


def channel(id: int, priority: int = 0, weight: int = 0) -> Channel:
    return Channel(id=id, type=1, priority=priority, weight=weight)


WEIGHTED = [channel(1, weight=1), channel(2, weight=2), channel(3, weight=7)]


def chi_square(picks: Counter[int], channels: Sequence[Channel]) -> float:
    total, count = sum(map(share, channels)), sum(picks.values())
    expected = {each.id: count * share(each) / total for each in channels}
    assert set(picks) <= set(expected)
    return sum((picks[id] - wanted) ** 2 / wanted for id, wanted in expected.items())


@pytest.mark.parametrize("weights", [(1, 2, 7), (0, 1, 1), (5, 5, 5, 5), (1, 1_000)])
def test_ten_thousand_picks_follow_the_weights(weights: tuple[int, ...]) -> None:
    print("seed", SEED)
    rng = random.Random(SEED)
    channels = [channel(number, weight=weight) for number, weight in enumerate(weights, 1)]
    picks = Counter(pick.id for _ in range(PICKS) if (pick := choose(channels, (), rng)))
    assert chi_square(picks, channels) < CRITICAL[len(weights) - 1]


def test_affinity_follows_the_weights_as_well() -> None:
    rng = random.Random(SEED)
    tokens = [affinity_of(BY_KEY, key, {}) for key in range(PICKS)]
    picks = Counter(
        pick.id for token in tokens if (pick := choose(WEIGHTED, (), rng, affinity=token))
    )
    assert chi_square(picks, WEIGHTED) < CRITICAL[2]


def test_every_single_weight_can_be_reached_exactly() -> None:
    class Counting(random.Random):
        def __init__(self) -> None:
            super().__init__(0)
            self.next = 0

        def randrange(self, stop: int) -> int:  # type: ignore[override]
            self.next += 1
            return (self.next - 1) % stop

    rng = Counting()
    picks = Counter(pick.id for _ in range(10) if (pick := choose(WEIGHTED, (), rng)))
    assert picks == {1: 1, 2: 2, 3: 7}


channels_of = st.lists(
    st.builds(channel, st.integers(1, 30), st.integers(-2, 2), st.integers(0, 5)),
    max_size=8,
    unique_by=lambda each: each.id,
)
some_ids = st.sets(st.integers(1, 30))
ends = st.dictionaries(st.integers(1, 30), st.floats(1, 1e6))
tokens = st.none() | st.binary(max_size=80)


@given(st.lists(channels_of, max_size=3), some_ids, ends, tokens, st.randoms())
def test_what_is_never_chosen(
    groups: list[list[Channel]],
    tried: set[int],
    cooling: dict[int, float],
    token: bytes | None,
    rng: random.Random,
) -> None:
    left = [each for group in groups for each in group if each.id not in tried]
    pick = choose_in_groups(groups, tried, rng, cooling=cooling, affinity=token)
    if pick is None:
        assert not left
        return
    assert pick.id not in tried
    ready = [[e for e in group if e.id not in tried and e.id not in cooling] for group in groups]
    first = next(filter(None, ready), None)
    if first is None:
        assert cooling[pick.id] == min(cooling[each.id] for each in left)
        return
    assert pick in first, "a later group, or one that cools down, while another was ready"
    assert pick.priority == max(each.priority for each in first)


@given(channels_of, some_ids, ends, tokens, st.randoms())
def test_one_group_is_like_no_groups(
    channels: list[Channel],
    tried: set[int],
    cooling: dict[int, float],
    token: bytes | None,
    rng: random.Random,
) -> None:
    pick = choose(channels, tried, rng, cooling=cooling, affinity=token)
    assert (pick is None) == all(each.id in tried for each in channels)
    assert pick is None or pick.id not in tried


def test_trying_on_and_on_goes_through_every_channel_in_order_of_priority() -> None:
    rng = random.Random(SEED)
    channels = [channel(n, priority=n % 3, weight=n) for n in range(1, 10)]
    tried: list[Channel] = []
    while pick := choose(channels, {each.id for each in tried}, rng):
        tried.append(pick)
    assert len(tried) == 9
    assert all(one.priority >= other.priority for one, other in pairwise(tried))


def test_the_least_bad_one_is_tried_rather_than_none() -> None:
    rng = random.Random(SEED)
    high, low = channel(1, priority=9), channel(2)
    assert choose([high, low], (), rng, cooling={1: 50.0}) is low
    assert choose([high, low], (), rng, cooling={1: 50.0, 2: 40.0}) is low
    assert choose([high, low], (), rng, cooling={1: 40.0, 2: 40.0}) is high
    assert choose([high, low], {2}, rng, cooling={1: 50.0, 2: 40.0}) is high
    assert choose([high], (), rng, cooling={1: 50.0}) is high


# -- affinity ---------------------------------------------------------------------------------


def homes(channels: Sequence[Channel], count: int = 2_000) -> dict[int, int]:
    rng = random.Random(SEED)
    found = {}
    for key in range(count):
        pick = choose(channels, (), rng, affinity=affinity_of(BY_KEY, key, {}))
        assert pick is not None
        found[key] = pick.id
    return found


def test_affinity_needs_no_chance_and_no_order() -> None:
    assert homes(WEIGHTED) == homes(WEIGHTED) == homes(WEIGHTED[::-1])


def test_only_the_share_of_a_channel_that_leaves_moves() -> None:
    before, after = homes(WEIGHTED), homes(WEIGHTED[:2])
    assert all(after[key] == home for key, home in before.items() if home != 3)
    assert set(after.values()) == {1, 2}


def test_a_channel_that_comes_takes_only_its_own_share() -> None:
    before = homes(WEIGHTED)
    after = homes([*WEIGHTED, channel(4, weight=5)])
    moved = {key: home for key, home in after.items() if home != before[key]}
    assert set(moved.values()) == {4} and 0.25 < len(moved) / 2_000 < 0.42


def test_a_greater_weight_only_attracts() -> None:
    before = homes(WEIGHTED)
    after = homes([channel(1, weight=4), *WEIGHTED[1:]])
    assert {home for key, home in after.items() if home != before[key]} == {1}


def test_one_that_cools_down_gets_its_callers_back() -> None:
    rng, token = random.Random(SEED), affinity_of(BY_KEY, 7, {})
    home = choose(WEIGHTED, (), rng, affinity=token)
    assert home is not None
    other = choose(WEIGHTED, (), rng, cooling={home.id: 9.0}, affinity=token)
    assert other is not None and other != home
    assert other == choose(WEIGHTED, {home.id}, rng, affinity=token)
    assert choose(WEIGHTED, (), rng, affinity=token) == home


def test_whose_channels_serve_a_group() -> None:
    chains = [("vip", "default"), ("trial", "free", "default")]
    assert groups_of("vip", chains) == ("vip", "default")
    assert groups_of("trial", chains) == ("trial", "free", "default")
    assert groups_of("default", chains) == ("default",)
    assert groups_of("vip", ()) == ("vip",)
