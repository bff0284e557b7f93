"""Everything that looks after channels, in one hand: for jobs, handlers and metrics."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.channels.accounts import ChannelBalances
from gateway.channels.model_diffs import ModelDiffs
from gateway.channels.testing import ChannelTests
from gateway.providers.pages import VendorPages


@dataclass(frozen=True, slots=True)
class Care:
    """Tests of channels, what is left at their vendors, and how their models differ from the
    upstreams' lists. `pages` reads what vendors show. `resting` tells for how many seconds each
    channel that cools down is left alone, `rates` the share of successes where that is measured:
    both as this process knows it."""

    tests: ChannelTests
    balances: ChannelBalances
    models: ModelDiffs
    pages: VendorPages
    resting: Callable[[], Mapping[int, float]]
    rates: Callable[[], Mapping[int, float]]

    async def aclose(self) -> None:
        """End what runs in the background."""
        await self.tests.aclose()
        await self.balances.aclose()
        await self.models.aclose()
