"""Re-pricing: a period under other prices, on paper.

Owns the comparison of what was charged with what another price table would have charged for the
same usage. Promises to write nothing at all, to charge exactly as a request would have been, and
constant memory: one sum for each user and model, whatever the number of events. Refuses to guess:
a charge that the table has no price for is counted apart and is in no sum.

Charges that were given back are left out, and so are requests that failed and cost nothing by that.
A difference is what would be charged less what was; what users could not pay then (the shortfall)
was not charged and is told separately.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from ledger.cohort import reversals_of
from ledger.errors import InvalidEvent, PriceMissing
from ledger.events import Document
from ledger.history import History
from ledger.money import usd
from ledger.price_table import PriceTable
from ledger.price_variants import Variant

PAGE = 500
SHOWN = 1_000
FAILED = "failed"
NO_KEY = 0

Progress = Callable[[int], None]


@dataclass(slots=True)
class Compared:
    """Sums in nano-dollars over some charges."""

    count: int = 0
    charged_nano: int = 0
    would_nano: int = 0
    shortfall_nano: int = 0
    changed: int = 0

    def add(self, charged_nano: int, would_nano: int, shortfall_nano: int) -> None:
        """Count one more charge."""
        self.count += 1
        self.charged_nano += charged_nano
        self.would_nano += would_nano
        self.shortfall_nano += shortfall_nano
        self.changed += would_nano != charged_nano + shortfall_nano

    def to_json(self) -> dict[str, Any]:
        """Return the sums in USD and in nano-dollars."""
        amounts = {
            "charged": self.charged_nano,
            "would_be": self.would_nano,
            "difference": self.would_nano - self.charged_nano,
            "shortfall": self.shortfall_nano,
        }
        return {
            "count": self.count,
            "changed": self.changed,
            **{name: usd(nano) for name, nano in amounts.items()},
            **{f"{name}_nano": nano for name, nano in amounts.items()},
        }


@dataclass(slots=True)
class Left:
    """Charges that are in no sum: how many, and what was charged for them."""

    count: int = 0
    nano: int = 0

    def add(self, nano: int) -> None:
        """Count one more."""
        self.count += 1
        self.nano += nano

    def to_json(self) -> dict[str, Any]:
        """Return the count and the sum."""
        return {"count": self.count, "charged": usd(self.nano), "charged_nano": self.nano}


@dataclass(slots=True)
class Repriced:
    """What re-pricing found. `by` holds the sums for each (user, model)."""

    whole: Compared = field(default_factory=Compared)
    by: dict[tuple[str, str], Compared] = field(default_factory=dict)
    unpriced: dict[tuple[str, str], Left] = field(default_factory=dict)
    reversed: Left = field(default_factory=Left)
    failed: Left = field(default_factory=Left)

    def to_json(self) -> dict[str, Any]:
        """Return the totals and the largest differences, at most SHOWN of each kind."""
        return {
            "totals": self.whole.to_json(),
            "users": self._grouped(0, "account"),
            "models": self._grouped(1, "model"),
            "users_and_models": [
                {"account": user, "model": model, **sums.to_json()}
                for (user, model), sums in sorted(self.by.items(), key=_by_difference)[:SHOWN]
            ],
            "not_priced": [
                {"model": model, "reason": reason, **left.to_json()}
                for (model, reason), left in sorted(self.unpriced.items())
            ],
            "reversed": self.reversed.to_json(),
            "failed": self.failed.to_json(),
        }

    def _grouped(self, part: int, name: str) -> list[dict[str, Any]]:
        sums: dict[Any, Compared] = {}
        for key, each in self.by.items():
            group = sums.setdefault(key[part], Compared())
            group.count += each.count
            group.changed += each.changed
            group.charged_nano += each.charged_nano
            group.would_nano += each.would_nano
            group.shortfall_nano += each.shortfall_nano
        ordered = sorted(sums.items(), key=_by_difference)[:SHOWN]
        return [{name: key, **each.to_json()} for key, each in ordered]


def _by_difference(item: tuple[Any, Compared]) -> tuple[int, Any]:
    return -abs(item[1].would_nano - item[1].charged_nano), item[0]


async def reprice(
    history: History,
    table: PriceTable,
    channel_types: Mapping[int, int],
    *,
    from_us: int | None = None,
    to_us: int | None = None,
    progress: Progress | None = None,
) -> Repriced:
    """Price the charges recorded in a period again; `progress` is told how many were read.

    `channel_types` gives the type of a channel, for prices that differ by it. Raises StoreError,
    and ArchiveMissing when charges of the period are not at hand.
    """
    result, read = Repriced(), 0
    pages = _pages(history, from_us, to_us)
    async with aclosing(pages):
        async for page in pages:
            given_back = await reversals_of(history.store, page)
            for event in page:
                _compare(event, table, channel_types, result, event["_id"] in given_back)
            read += len(page)
            if progress is not None:
                progress(read)
            await asyncio.sleep(0)  # a server that does this goes on serving
    return result


async def _pages(
    history: History, from_us: int | None, to_us: int | None
) -> AsyncGenerator[Sequence[Document], None]:
    page: list[Document] = []
    found = history.read([{"type": "usage.charged"}], from_us=from_us, to_us=to_us)
    async with aclosing(found):
        async for event in found:
            page.append(event)
            if len(page) == PAGE:
                yield page
                page = []
    if page:
        yield page


def _compare(
    event: Document,
    table: PriceTable,
    channel_types: Mapping[int, int],
    result: Repriced,
    given_back: bool,
) -> None:
    body, charged_nano = event["body"], -int(event["amount"])
    if body["outcome"] == FAILED:
        result.failed.add(charged_nano)
    elif given_back:
        result.reversed.add(charged_nano)
    else:
        model = body["model"]
        try:
            would_nano = price_again(body, table, channel_types.get(body["channel"]))
        except (PriceMissing, InvalidEvent) as error:
            left = result.unpriced.setdefault((model, _why(error)), Left())
            left.add(charged_nano)
            return
        key = (event["account"], model)
        for sums in (result.whole, result.by.setdefault(key, Compared())):
            sums.add(charged_nano, would_nano, int(body["shortfall_nano"]))


def _why(error: PriceMissing | InvalidEvent) -> str:
    return "no price" if isinstance(error, PriceMissing) else "more than the books can hold"


def price_again(body: Document, table: PriceTable, channel_type: int | None) -> int:
    """Return what a charge's usage costs under a table, in nano-dollars.

    As at admission: the price of the model that served, else of the model asked for. What the
    gateway asked by itself, by no key, costs nobody anything under any table. Raises PriceMissing,
    InvalidEvent.
    """
    if body.get("key") == NO_KEY:
        return 0
    served, model, group = body["served_model"], body["model"], body["group"]
    made = body.get("price", {}).get("variant")
    variant = Variant.named(made) if made else None
    if served != model:
        try:
            quote = table.quote(served, group, channel_type, variant=variant)
            return quote.charge_nano(body["usage"])
        except PriceMissing:
            pass
    return table.quote(model, group, channel_type, variant=variant).charge_nano(body["usage"])
