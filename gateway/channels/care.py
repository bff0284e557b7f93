"""Everything that looks after channels, in one hand: for jobs, handlers and metrics."""

from dataclasses import dataclass

from gateway.channels.testing import ChannelTests


@dataclass(frozen=True, slots=True)
class Care:
    """Tests of channels."""

    tests: ChannelTests

    async def aclose(self) -> None:
        """End what runs in the background."""
        await self.tests.aclose()
