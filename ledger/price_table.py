"""The prices of one version.

Owns the lookup from (model, channel type, group) to a quote. Promises that a table never changes
once made, so its quotes are compiled once and shared by all requests. Refuses models without a
price unless the caller allows them, and then says so in the factors of the charge.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from ledger.errors import PriceMissing
from ledger.price_rows import Row, prices_of
from ledger.price_variants import Variant, prices_for
from ledger.quote import Factors, Quote

# Bounds the memory that odd combinations of model, channel type and group can take.
MAX_QUOTES = 20_000
_ONLINE = "-internet"
_ONLINE_FAMILIES = ("qwen-", "command-")


class PriceTable:
    """All rows and group ratios of one price version."""

    __slots__ = ("_quotes", "groups", "rows", "version")

    def __init__(self, version: int, rows: dict[str, Row], groups: dict[str, str]) -> None:
        self.version = version
        self.rows = rows
        self.groups = groups
        self._quotes: dict[tuple[str, int | None, str, Variant | None], Quote] = {}

    def changed(self, version: int, body: Mapping[str, Any]) -> "PriceTable":
        """Return the table after a version's changes. Lists of rows: names may hold dots and $."""
        rows = {**self.rows, **{row["model"]: row for row in body.get("set") or ()}}
        for model in body.get("unset") or ():
            rows.pop(model, None)
        groups = {**self.groups, **dict(_pairs(body.get("groups") or ()))}
        for name in body.get("unset_groups") or ():
            groups.pop(name, None)
        return PriceTable(version, rows, groups)

    def row(self, model: str, channel_type: int | None = None) -> Row | None:
        """Return the row that prices a model: `model(channel type)` first, then `model`.

        The search suffix `-internet` of qwen and command models costs what the model costs.
        """
        row = self._plain_row(model, channel_type)
        if row is None and model.endswith(_ONLINE) and model.startswith(_ONLINE_FAMILIES):
            row = self._plain_row(model.removesuffix(_ONLINE), channel_type)
        return row

    def quote(
        self,
        model: str,
        group: str,
        channel_type: int | None = None,
        *,
        variant: Variant | None = None,
        allow_unpriced: bool = False,
    ) -> Quote:
        """Return the quote for a model and a group; a group that the book lacks has ratio 1.

        `variant` says what is made, where a row has prices by size and quality; a charge's factors
        then name it. Raises PriceMissing when the book has no row for the model and unpriced
        ones aren't allowed.
        """
        key = (model, channel_type, group, variant)
        known = self._quotes.get(key)
        if known is not None:
            return known
        row = self.row(model, channel_type)
        if row is None:
            if not allow_unpriced:
                raise PriceMissing(model)
            return Quote([{**self._factors(model, group, {}), "unpriced": True}])
        if variant is not None and "variants" not in row:
            return self.quote(model, group, channel_type)
        if len(self._quotes) >= MAX_QUOTES:
            self._quotes.clear()
        quote = self._quotes[key] = self._compile(row, group, variant)
        return quote

    def _plain_row(self, model: str, channel_type: int | None) -> Row | None:
        typed = None if channel_type is None else self.rows.get(f"{model}({channel_type})")
        return self.rows.get(model) if typed is None else typed

    def _compile(self, row: Row, group: str, variant: Variant | None) -> Quote:
        own = {} if variant is None else prices_of(prices_for(row, variant))
        rates = {**prices_of(row), **own}
        base = self._factors(row["model"], group, rates)
        if variant is not None:
            base["variant"] = variant.label
        if "tiers" not in row:
            return Quote([base], row.get("max_output_tokens"))
        # Each tier carries all its rates, so that an event explains itself without the row.
        tiers = [
            {
                **base,
                "rates": {**rates, **prices_of(tier), **own},
                "tier": tier["above_input_tokens"],
            }
            for tier in row["tiers"]
        ]
        return Quote([{**base, "tier": None}, *tiers], row.get("max_output_tokens"))

    def _factors(self, model: str, group: str, rates: dict[str, str]) -> Factors:
        return {
            "version": self.version,
            "model": model,
            "group": group,
            "group_ratio": self.groups.get(group, "1"),
            "rates": rates,
        }


def _pairs(groups: Iterable[Iterable[str]]) -> Iterable[tuple[str, str]]:
    return ((name, ratio) for name, ratio in groups)
