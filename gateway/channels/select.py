"""Choosing a channel: highest priority first, by weight inside a priority.

What was tried is never chosen again, what cools down only when nothing else is left. Inside a
priority the choice is at random, or by affinity: then the same caller or conversation comes back to
the same channel, where its prompt is cached, and moves only when that channel is not to be had.
"""

import math
import random
from collections.abc import Collection, Mapping, Sequence
from hashlib import blake2b

from gateway.directory.channels import Channel

#: Channels to leave alone, and until when (see Health.cooling).
Cooling = Mapping[int, float]
_NONE: Cooling = {}


def choose(
    channels: Sequence[Channel],
    tried: Collection[int],
    rng: random.Random,
    *,
    cooling: Cooling = _NONE,
    affinity: bytes | None = None,
) -> Channel | None:
    """Return one of the untried channels, or None when there is none.

    A channel's share is its weight; a weight of 0 counts as 1. When all that are left cool down it
    is the one that is nearest to its end: trying it is better than refusing.
    """
    if len(channels) == 1:
        return None if channels[0].id in tried else channels[0]
    return choose_in_groups((channels,), tried, rng, cooling=cooling, affinity=affinity)


def choose_in_groups(
    groups: Sequence[Sequence[Channel]],
    tried: Collection[int],
    rng: random.Random,
    *,
    cooling: Cooling = _NONE,
    affinity: bytes | None = None,
) -> Channel | None:
    """Like choose, from the first of several groups' channels that has one which is ready."""
    for channels in groups:
        ready = [each for each in channels if each.id not in tried and each.id not in cooling]
        if ready:
            return _of_the_best(ready, rng, affinity)
    left = [each for channels in groups for each in channels if each.id not in tried]
    return min(left, key=lambda each: (cooling[each.id], -each.priority), default=None)


def groups_of(group: str, chains: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Return whose channels serve a group, in order: its own first (setting GROUP_FALLBACK)."""
    return next((tuple(chain) for chain in chains if chain[0] == group), (group,))


def _of_the_best(ready: list[Channel], rng: random.Random, affinity: bytes | None) -> Channel:
    top = max(channel.priority for channel in ready)
    best = [channel for channel in ready if channel.priority == top]
    if len(best) == 1:
        return best[0]
    if affinity is not None:
        return min(best, key=lambda channel: _distance(channel, affinity))
    return _weighted(best, rng)


def share(channel: Channel) -> int:
    """Return a channel's share among those of its priority."""
    return channel.weight or 1


def _weighted(channels: Sequence[Channel], rng: random.Random) -> Channel:
    """Choose by whole numbers: the shares are exact."""
    number = rng.randrange(sum(map(share, channels)))
    for channel in channels:
        number -= share(channel)
        if number < 0:
            return channel
    raise AssertionError("the number is below the sum of the shares")


def _distance(channel: Channel, affinity: bytes) -> float:
    """Weighted rendezvous hashing: the smallest of these wins in proportion to its share.

    Each channel's is independent of the others', so one that leaves moves only what it had.
    """
    digest = blake2b(channel.id.to_bytes(8, "big"), key=affinity[:64], digest_size=8).digest()
    uniform = ((int.from_bytes(digest, "big") >> 11) + 0.5) / 2.0**53
    return -math.log(uniform) / share(channel)
