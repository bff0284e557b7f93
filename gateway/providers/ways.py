"""How a channel's requests travel: through which proxy, and with how much patience.

Everything that a channel sends goes this way: calls, tests, balances, lists of models. What the
channel does not say is as the settings say.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from gateway.directory.channels import Channel

MAX_KNOWN = 10_000
CONNECT_S, FIRST_BYTE_S, IDLE_S = 10.0, 300.0, 300.0
#: The key of a request's extensions under which its way is.
EXTENSION = "tollgate.way"


@dataclass(frozen=True, slots=True)
class Way:
    """A way. Times in seconds: to connect, from the request to the first byte of its answer,
    between two bytes of it, and for all of it (0: no limit)."""

    proxy: str | None = None
    connect_s: float = CONNECT_S
    first_byte_s: float = FIRST_BYTE_S
    idle_s: float = IDLE_S
    total_s: float = 0.0


class Ways:
    """The ways of channels. `usual` is the way of those that say nothing."""

    def __init__(self, usual: Way, proxy_of: Callable[[Channel], str] = lambda channel: "") -> None:
        """`proxy_of` returns the address of a channel's own proxy; it may raise SecretsLocked."""
        self.usual = usual
        self._proxy_of = proxy_of
        self._known: dict[int, tuple[int, Way]] = {}

    def of(self, channel: Channel) -> Way:
        """Return the way of a channel. Raises SecretsLocked."""
        if not channel.proxy_enc and not channel.timeouts:
            return self.usual
        known = self._known.get(channel.id)
        if known is not None and known[0] == channel.changed_us:
            return known[1]
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        way = self._own(channel)
        self._known[channel.id] = (channel.changed_us, way)
        return way

    def _own(self, channel: Channel) -> Way:
        own = {f"{name}_s": float(seconds) for name, seconds in channel.timeouts.items()}
        way = replace(self.usual, **own)  # type: ignore[arg-type]
        proxy = self._proxy_of(channel)
        return replace(way, proxy=proxy) if proxy else way
