"""Why an event has its amount, in words and numbers."""

from typing import Any

from admin.logbook import content
from ledger.errors import InvalidEvent
from ledger.money import usd
from ledger.quote import charge_from_factors, explain

Event = dict[str, Any]


def explanation(event: Event) -> dict[str, Any]:
    """Explain an event; a charge is derived again from the factors that it holds itself."""
    said: dict[str, Any] = {"text": content(event)}
    body = event["body"]
    if event["type"] != "usage.charged":
        return said
    try:
        formula = explain(body["price"], body["usage"])
        priced_nano = charge_from_factors(body["price"], body["usage"])
    except InvalidEvent as error:
        return {**said, "formula": None, "agrees": False, "fault": str(error)}
    charged_nano = -event["amount"]
    shortfall_nano = body.get("shortfall_nano", 0)
    return {
        **said,
        "formula": formula,
        "price_version": body["price"]["version"],
        "priced": usd(priced_nano),
        "charged": usd(charged_nano),
        "shortfall": usd(shortfall_nano),
        "agrees": priced_nano == charged_nano + shortfall_nano,
    }
