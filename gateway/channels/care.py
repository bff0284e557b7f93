"""Everything that looks after channels, in one hand: for jobs, handlers and metrics."""

from dataclasses import dataclass

from gateway.channels.accounts import ChannelBalances
from gateway.channels.model_diffs import ModelDiffs
from gateway.channels.testing import ChannelTests
from gateway.providers.fetch import Fetcher


@dataclass(frozen=True, slots=True)
class Care:
    """Tests of channels, what is left at their vendors, and how their models differ from the
    upstreams' lists. `fetcher` reads vendors' pages."""

    tests: ChannelTests
    balances: ChannelBalances
    models: ModelDiffs
    fetcher: Fetcher

    async def aclose(self) -> None:
        """End what runs in the background."""
        await self.tests.aclose()
        await self.balances.aclose()
