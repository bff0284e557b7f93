"""Several upstream keys in one channel: whose turn it is, and which one comes after a failure.

A channel's secret may hold one key on each line. They take turns; one that is limited or refused
is left alone like a channel is (health.py), by its fingerprint: keys themselves are in no log, no
metric and no representation of anything here.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from hashlib import sha256

from gateway.channels.blame import Blame
from gateway.channels.health import Health, Subject
from gateway.directory.upstream_secrets import MOST_KEYS, lines_of

#: Failures that say something about the upstream key rather than about the channel.
OF_THE_KEY = frozenset({Blame.CREDENTIAL, Blame.LIMIT})
# What is shorter is no secret, and would blot out words.
_SHORTEST_HIDDEN = 6


@dataclass(frozen=True, slots=True)
class UpstreamKey:
    """One key of a channel. `fingerprint` tells it apart without telling what it is."""

    channel: int
    secret: str = field(repr=False)
    fingerprint: str

    @property
    def subject(self) -> Subject:
        """Whose health this is."""
        return (self.channel, self.fingerprint)

    def hidden_in(self, text: str) -> str:
        """Return a text without the key: some upstreams quote it in their errors."""
        return text.replace(self.secret, "***") if len(self.secret) >= _SHORTEST_HIDDEN else text


def read_keys(channel: int, secret: str) -> tuple[UpstreamKey, ...]:
    """Return the keys of a channel's secret, at least one; repetitions and empty lines are left.

    A JSON document over several lines, such as a service account's, is a single key.
    """
    found = list(dict.fromkeys(lines_of(secret)))[:MOST_KEYS] or [""]
    return tuple(UpstreamKey(channel, each, _fingerprint(each)) for each in found)


def _fingerprint(secret: str) -> str:
    return sha256(b"tollgate upstream key\0" + secret.encode()).hexdigest()[:16]


class KeyRing:
    """The upstream keys of the channels that this process uses, and whose turn it is."""

    def __init__(self, health: Health) -> None:
        self._health = health
        # By channel: what its secret was made of, the keys, and the next one's number.
        self._rings: dict[int, tuple[str, tuple[UpstreamKey, ...], int]] = {}

    def __len__(self) -> int:
        return len(self._rings)

    def keys(self, channel: int, secret: str) -> tuple[UpstreamKey, ...]:
        """Return a channel's keys; the work is done once for each secret."""
        ring = self._rings.get(channel)
        if ring is None or ring[0] != secret:
            keys = read_keys(channel, secret)
            self._rings[channel] = (secret, keys, 0)
            self._health.keep_keys(channel, {key.fingerprint for key in keys})
            return keys
        return ring[1]

    def take(
        self, channel: int, secret: str, tried: Collection[Subject], now_s: float
    ) -> UpstreamKey | None:
        """Return the key whose turn it is, or None when all were tried.

        Keys that cool down are passed over, unless nothing else is left: then it is the one that
        is nearest to its end. The turn moves on.
        """
        keys = self.keys(channel, secret)
        first = self._rings[channel][2]
        turns = [(first + offset) % len(keys) for offset in range(len(keys))]
        left = [number for number in turns if keys[number].subject not in tried]
        if not left:
            return None
        # min() keeps the order of turns among those that are ready.
        number = min(left, key=lambda n: max(now_s, self._health.until(keys[n].subject, now_s)))
        self._rings[channel] = (secret, keys, (number + 1) % len(keys))
        return keys[number]

    def until(self, channel: int, secret: str, now_s: float) -> float:
        """Return when the first of a channel's keys may be used, at least now_s."""
        ends = (self._health.until(key.subject, now_s) for key in self.keys(channel, secret))
        return max(now_s, min(ends))

    def keep(self, channels: Collection[int]) -> None:
        """Forget every channel but these."""
        for channel in [each for each in self._rings if each not in channels]:
            del self._rings[channel]
