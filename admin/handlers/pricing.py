"""What models cost, for anybody: the price book in force, as far as it can be used."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from admin.base import ANYONE, ApiHandler
from admin.handlers.tokens import GROUPS
from gateway.directory.groups import offered
from ledger.price_rows import Row, prices_of, same_prices
from ledger.price_table import PriceTable

_KEPT_S = 60
_NEW_USERS = "default"


class PricingHandler(ApiHandler):
    """GET /api/pricing: models that enabled channels offer, and what they cost.

    `rates` are in USD: per million of tokens and characters, each for calls, images, seconds and
    searches; `tiers` replace them above so many input tokens, `variants` for images of a size or
    quality. A charge is the sum of usage by class times its rate, times the ratio of the group,
    rounded up once to the next nano-dollar. A model is there twice where the price depends on the
    channel that answers.
    """

    access: ClassVar[dict[str, int]] = {"GET": ANYONE}

    async def get(self) -> None:
        """Answer the models of the groups that one may use; strangers, those of new users."""
        prices = self.context.books.prices
        await prices.refresh()
        table, own = prices.table(), self._own_group()
        chosen = offered(str(self.context.directory.options.get(GROUPS)))
        says: Mapping[str, str] = {own: "", **chosen}
        groups = [
            {"name": name, "ratio": table.groups.get(name, "1"), "desc": desc}
            for name, desc in says.items()
        ]
        models = [entry for name in self._offers(says) for entry in self._entries(table, *name)]
        whose = "public" if self.principal is None else "private"
        self.set_header("Cache-Control", f"{whose}, max-age={_KEPT_S}")
        self.set_header("Vary", "Cookie, Authorization")
        self.ok(models, groups=groups, group=own, version=table.version)

    def _own_group(self) -> str:
        return self.principal.user.group if self.principal else _NEW_USERS

    def _offers(self, groups: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
        """Yield each model with those of the groups that can use it, by name."""
        found: dict[str, list[str]] = {}
        for group in groups:
            for model in self.context.models_for(group):
                found.setdefault(model, []).append(group)
        yield from sorted(found.items())

    def _entries(self, table: PriceTable, model: str, groups: list[str]) -> list[dict[str, Any]]:
        """Describe a model, once for each of its prices; none where it has no price."""
        directory = self.context.directory
        types = {c.type for group in groups for c in directory.channels_for(group, model)}
        rows: list[Row] = []
        chosen: list[int | None] = [*sorted(types)] or [None]
        for channel_type in chosen:
            row = table.row(model, channel_type)
            if row is not None and not any(_same(row, other) for other in rows):
                rows.append(row)
        vendor = directory.catalogue.owners.get(model, "")
        return [_entry(model, vendor, groups, row) for row in rows]


def _same(one: Row, other: Row) -> bool:
    return same_prices({**one, "model": None}, {**other, "model": None})


def _entry(model: str, vendor: str, groups: list[str], row: Row) -> dict[str, Any]:
    tiers = [
        {"above_input_tokens": tier["above_input_tokens"], "rates": prices_of(tier)}
        for tier in row.get("tiers", ())
    ]
    variants = [
        {"size": each.get("size"), "quality": each.get("quality"), "rates": prices_of(each)}
        for each in row.get("variants", ())
    ]
    return {
        "model": model,
        "vendor": vendor,
        "groups": groups,
        "rates": prices_of(row),
        "tiers": tiers,
        "variants": variants,
        "max_output_tokens": row.get("max_output_tokens"),
    }
