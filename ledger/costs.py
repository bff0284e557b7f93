"""What upstreams cost us, beside what we charge.

Owns the arithmetic and the record of costs: a channel's own cost prices, or its ratio to the list
price, give a quote like any other; each attempt of a request carries its cost and the factors it
follows from. Promises that a recorded cost can be derived again from the event alone, and that
`without_costs` leaves nothing from which a margin could be read. Refuses malformed prices when a
channel is saved; a channel that says nothing of its costs has no known cost, which is not zero.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ledger.errors import InvalidEvent, InvalidPrices, PriceMissing
from ledger.events import Document
from ledger.money import usd
from ledger.price_rows import Row, checked_row, price_text
from ledger.price_table import PriceTable
from ledger.price_variants import Variant
from ledger.quote import Quote, charge_from_factors

MAX_RATIO = 1_000
MAX_ROWS = 1_000
MAX_SCALED = 1_000
_FINGERPRINTS = ("req_hash", "prev", "hash")
_COST_FIELDS = ("cost_nano", "cost", "usage", "estimated")

Attempt = dict[str, Any]
Derive = Callable[[dict[str, Any], Mapping[str, int]], int]


@dataclass(frozen=True, slots=True)
class CostQuote:
    """The cost of one model on one channel. `by` is "prices" or "ratio"."""

    by: str
    quote: Quote

    def book(self, attempt: Attempt, usage: Mapping[str, int], *, estimated: bool) -> int:
        """Write the cost of `usage` into an attempt and return it, in nano-dollars.

        The usage is left for the caller to add where it is not the event's own. Raises
        InvalidEvent when the cost does not fit into the books.
        """
        cost = self.quote.charge_nano(usage)
        factors = self.quote.factors_for(usage)
        attempt["cost_nano"] = cost
        attempt["cost"] = {
            "by": self.by,
            "ratio": factors["group_ratio"],
            "rates": factors["rates"],
            "tier": factors.get("tier"),
        }
        if estimated:
            attempt["estimated"] = True
        return cost

    @property
    def per_call(self) -> bool:
        """Whether a delivered answer costs something by itself."""
        return "calls" in self.quote.factors["rates"]


class CostSheet:
    """What one channel costs: rows by model, and for other models a ratio to the list price."""

    def __init__(self, ratio: str, rows: Sequence[Row]) -> None:
        self._ratio = ratio
        self._table = PriceTable(0, {row["model"]: row for row in rows}, {})
        self._scaled: dict[Quote, Quote] = {}

    def quote(
        self, models: Sequence[str], listed: Quote, variant: Variant | None = None
    ) -> CostQuote | None:
        """Return the cost of the first of these names that has a row, else of the list price.

        `listed` is the quote that the request is charged with, `variant` what is made where costs
        may depend on it. None when the cost isn't known.
        """
        for model in models:
            try:
                return CostQuote("prices", self._table.quote(model, "", variant=variant))
            except PriceMissing:
                continue
        if not self._ratio or listed.factors.get("unpriced"):
            return None
        scaled = self._scaled.get(listed)
        if scaled is None:
            if len(self._scaled) >= MAX_SCALED:
                self._scaled.clear()
            scaled = self._scaled[listed] = listed.scaled(self._ratio)
        return CostQuote("ratio", scaled)


def checked_ratio(value: object) -> str:
    """Return a cost ratio as plain decimal text; None and "" mean that there is none.

    Raises InvalidPrices.
    """
    if value is None or value == "":
        return ""
    ratio = price_text(value.strip() if isinstance(value, str) else value, "cost_ratio")
    if Decimal(ratio) > MAX_RATIO:
        raise InvalidPrices(f"cost_ratio: {ratio} is larger than {MAX_RATIO:,}")
    return ratio


def checked_prices(rows: object) -> list[Row]:
    """Return cost prices in canonical form: rows as in the price book, one for each model.

    Raises InvalidPrices naming the row.
    """
    if not isinstance(rows, Sequence) or isinstance(rows, str | bytes):
        raise InvalidPrices("cost_prices: a list of price rows is needed")
    if len(rows) > MAX_ROWS:
        raise InvalidPrices(f"cost_prices: at most {MAX_ROWS:,} rows")
    checked = [checked_row(row) for row in rows]
    models = [row["model"] for row in checked]
    for model in models:
        if models.count(model) > 1:
            raise InvalidPrices(f"{model}: named twice in cost_prices")
    return checked


def by_channel(body: Document) -> dict[str, int]:
    """Add up the costs of a charge's attempts by channel account, in nano-dollars."""
    costs: dict[str, int] = {}
    for attempt in body.get("attempts") or ():
        if attempt.get("cost_nano"):
            channel = f"channel:{attempt['channel']}"
            costs[channel] = costs.get(channel, 0) + int(attempt["cost_nano"])
    return costs


def fault(event: Document, derive: Derive = charge_from_factors) -> str | None:
    """Say what is wrong with the costs of a usage.charged event; None when nothing is."""
    body, total = event["body"], 0
    for number, attempt in enumerate(body.get("attempts") or (), start=1):
        if "cost_nano" not in attempt:
            continue
        total += attempt["cost_nano"]
        try:
            factors = {**attempt["cost"], "group_ratio": attempt["cost"]["ratio"]}
            derived = derive(factors, attempt.get("usage", body["usage"]))
        except (InvalidEvent, KeyError, TypeError) as error:
            return f"the cost of attempt {number} can't be derived: {error!r}"
        if derived != attempt["cost_nano"]:
            said = usd(attempt["cost_nano"])
            return f"attempt {number} cost {usd(derived)} USD by its factors, the event says {said}"
    booked = body.get("cost_nano", 0)
    if total != booked:
        return f"the attempts cost {usd(total)} USD, the event says {usd(booked)} USD"
    return None


def without_costs(event: Document) -> Document:
    """Return an event, stored or in its outside form, as those may see it who pay the charge.

    Fingerprints over a cost go with it: who knows all the rest could try costs until they fit.
    """
    if event.get("type") != "usage.charged":
        return event
    body = {name: value for name, value in event["body"].items() if name != "cost_nano"}
    attempts = body.get("attempts") or ()
    body["attempts"] = [
        {name: value for name, value in attempt.items() if name not in _COST_FIELDS}
        for attempt in attempts
    ]
    known = any("cost_nano" in attempt for attempt in attempts)
    blank = {name: "" for name in _FINGERPRINTS if name in event} if known else {}
    return {**event, **blank, "body": body}
