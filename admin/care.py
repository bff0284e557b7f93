"""What the management API asks of whoever looks after channels, and what it is told.

The product's own is gateway/channels/care.py, passed in by the composition root.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from gateway.directory.channels import Channel


class TestResult(Protocol):
    """How a test went: the reply in a few words or the error, and the time it took."""

    @property
    def ok(self) -> bool: ...

    @property
    def message(self) -> str: ...

    @property
    def seconds(self) -> float: ...

    @property
    def model(self) -> str: ...


class Tests(Protocol):
    """Tests of channels. What an upstream does is an answer and never raised. Raises StoreError."""

    async def test(
        self,
        channel: Channel,
        by: str,
        *,
        model: str | None = None,
        stream: bool | None = None,
        kind: str | None = None,
    ) -> TestResult:
        """Send one small request; what is None is as the channel says."""
        ...

    async def begin(self, scope: str, by: str) -> Any:
        """Begin a round over "all" or the "disabled" channels; return how many. Raises NotNow."""
        ...


class Left(Protocol):
    """What is left at a vendor, as decimal text, and in what; or why that is not known."""

    @property
    def balance(self) -> str: ...

    @property
    def currency(self) -> str: ...

    @property
    def error(self) -> str: ...


class Balances(Protocol):
    """What is left at the vendors. Raises StoreError."""

    async def ask(self, channel: Channel) -> Left:
        """Ask for one channel."""
        ...

    async def begin(self, by: str) -> Any:
        """Begin to ask for all in the background; return for how many. Raises NotNow."""
        ...


class Models(Protocol):
    """How channels' models differ from their upstreams' lists. Raises StoreError."""

    async def look(self, channel: Channel) -> dict[str, Any]:
        """Ask the upstream now, and return the difference; `error` is "" or why there is none."""
        ...

    async def apply(self, channel: Channel, add: Sequence[str], remove: Sequence[str]) -> Channel:
        """Change the channel's models by the newest difference. Raises Invalid, NotNow."""
        ...


class Care(Protocol):
    """Everything that looks after channels."""

    @property
    def tests(self) -> Tests: ...

    @property
    def balances(self) -> Balances: ...

    @property
    def models(self) -> Models: ...

    def resting(self) -> Mapping[int, float]:
        """Return for how many seconds each channel that cools down is left alone."""
        ...

    def rates(self) -> Mapping[int, float]:
        """Return the share of successes, 0 to 1, of the channels of which it is measured."""
        ...
