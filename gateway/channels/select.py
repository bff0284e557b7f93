"""Choosing a channel: highest priority first, weighted at random inside a priority."""

import random
from collections.abc import Collection, Sequence

from gateway.directory.channels import Channel


def choose(
    channels: Sequence[Channel], tried: Collection[int], rng: random.Random
) -> Channel | None:
    """Return one of the untried channels with the highest priority, or None when there is none.

    A channel's share is its weight; a weight of 0 counts as 1.
    """
    if len(channels) == 1:
        return None if channels[0].id in tried else channels[0]
    left = [channel for channel in channels if channel.id not in tried]
    if not left:
        return None
    top = max(channel.priority for channel in left)
    best = [channel for channel in left if channel.priority == top]
    if len(best) == 1:
        return best[0]
    return rng.choices(best, [channel.weight or 1 for channel in best])[0]
