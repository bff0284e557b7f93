"""What the relay tells of each attempt, and what it asks before the next one.

Puts the parts together: whose fault a failure was (blame.py), what cools down for it, channel or
upstream key (health.py, upstream_keys.py). Nothing here waits, writes or reads a clock.
"""

from collections.abc import Collection, Iterable

from gateway.channels import dead
from gateway.channels.blame import Blame, blame
from gateway.channels.failure import Failure
from gateway.channels.health import Health, Rules, Subject
from gateway.channels.upstream_keys import OF_THE_KEY, KeyRing, UpstreamKey
from gateway.directory.channels import Channel


class Watch:
    """The health of everything that this process calls. Times are monotonic seconds."""

    def __init__(self, rules: Rules) -> None:
        self.health = Health(rules)
        self._ring = KeyRing(self.health)
        # By channel: as of which change to it, and which of its keys are dead.
        self._dead: dict[int, tuple[int, set[str]]] = {}

    def cooling(self, channels: Iterable[int], now_s: float) -> dict[int, float]:
        """Return, of these channels, those to leave alone, and until when."""
        return self.health.cooling(channels, now_s)

    def begin(
        self, channel: Channel, secret: str, tried: Collection[Subject], now_s: float
    ) -> UpstreamKey | None:
        """Take the upstream key for an attempt that begins now; None when all were tried."""
        key = self._ring.take(channel.id, secret, tried, now_s)
        if key is not None:
            self.health.begin((channel.id, ""), now_s)
            self.health.begin(key.subject, now_s)
        return key

    def delivers(self, key: UpstreamKey, began_s: float) -> None:
        """Note that a stream begins well; `succeeded` or `failed` says how it ended."""
        self.health.delivers((key.channel, ""), began_s)
        self.health.delivers(key.subject, began_s)

    def succeeded(self, key: UpstreamKey, began_s: float) -> None:
        """Note that an attempt delivered a good answer."""
        self.health.succeeded((key.channel, ""), began_s)
        self.health.succeeded(key.subject, began_s)
        if key.channel in self._dead:
            self._dead[key.channel][1].discard(key.fingerprint)

    def abandoned(self, key: UpstreamKey, began_s: float) -> None:
        """Note that an attempt ended without telling anything: the client left, say."""
        self.health.abandoned((key.channel, ""), began_s)
        self.health.abandoned(key.subject, began_s)

    def failed(
        self,
        channel: Channel,
        secret: str,
        key: UpstreamKey,
        failure: Failure,
        began_s: float,
        now_s: float,
    ) -> Blame:
        """Note a failed attempt and return whose fault it was.

        What is the key's cools the key down, and the channel only when that leaves it none: then
        until the first of its keys is ready again.
        """
        whose = blame(failure)
        whole = (channel.id, "")
        if whose not in OF_THE_KEY:
            self.health.abandoned(key.subject, began_s)
            self.health.failed(whole, whose, began_s, now_s, failure.wait_s)
            return whose
        if dead.find(failure) is not None:
            self._dead_keys(channel).add(key.fingerprint)
        self.health.failed(key.subject, whose, began_s, now_s, failure.wait_s)
        left_s = self._ring.until(channel.id, secret, now_s) - now_s
        if left_s > 0:
            asked_s = None if failure.wait_s is None else left_s
            self.health.rest(whole, whose, began_s, now_s, left_s, asked_s)
        else:
            self.health.abandoned(whole, began_s)
        return whose

    def keys_left(self, channel: Channel, secret: str) -> bool:
        """Whether a channel has upstream keys that are not known to be dead."""
        keys = {key.fingerprint for key in self._ring.keys(channel.id, secret)}
        return not keys <= self._dead_keys(channel)

    def another_key(self, channel: Channel, secret: str, tried: Collection[Subject]) -> bool:
        """Whether a channel has an upstream key that was not tried."""
        return any(key.subject not in tried for key in self._ring.keys(channel.id, secret))

    def asked_s(self, channel: Channel, now_s: float) -> float:
        """Return for how long a channel's upstream still asks to be left alone, in seconds."""
        return self.health.asked_s((channel.id, ""), now_s)

    def keep(self, channels: Collection[int]) -> None:
        """Forget every channel but these."""
        self.health.keep(channels)
        self._ring.keep(channels)
        for gone in [each for each in self._dead if each not in channels]:
            del self._dead[gone]

    def _dead_keys(self, channel: Channel) -> set[str]:
        """Return those known to be dead; a change to the channel may have cured them."""
        known = self._dead.get(channel.id)
        if known is None or known[0] != channel.changed_us:
            known = self._dead[channel.id] = (channel.changed_us, set())
        return known[1]
