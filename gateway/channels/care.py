"""Everything that looks after channels, in one hand: for jobs, handlers and metrics."""

from dataclasses import dataclass

from gateway.channels.accounts import ChannelBalances
from gateway.channels.model_diffs import ModelDiffs
from gateway.channels.testing import ChannelTests
from gateway.providers.pages import VendorPages


@dataclass(frozen=True, slots=True)
class Care:
    """Tests of channels, what is left at their vendors, and how their models differ from the
    upstreams' lists. `pages` reads what vendors show."""

    tests: ChannelTests
    balances: ChannelBalances
    models: ModelDiffs
    pages: VendorPages

    async def aclose(self) -> None:
        """End what runs in the background."""
        await self.tests.aclose()
        await self.balances.aclose()
        await self.models.aclose()
