"""What Stripe tells by webhook, read into payments and returns.

Field names are those of Stripe's API reference (Event, Checkout Session, Charge, Dispute). Events
that say nothing of a top-up are passed over, since an endpoint may be sent any; so are payments of
the same account that were not begun here, which lack our mark in their metadata.
"""

import re
from dataclasses import dataclass
from typing import Any, Literal

from admin.payments.amounts import from_units
from admin.payments.stripe_api import MARK

What = Literal["paid", "refunded", "charged_back", "won"]
_PAID = ("checkout.session.completed", "checkout.session.async_payment_succeeded")
_DISPUTED = ("charge.dispute.created", "charge.dispute.funds_withdrawn", "charge.dispute.closed")
_CURRENCY = re.compile(r"[A-Za-z]{3}", re.ASCII)
MAX_UNITS = 10**11


@dataclass(frozen=True, slots=True)
class Told:
    """Something about a payment. `order` is None where only `trade`, the payment intent, is told.

    `session` is only with payments.
    """

    what: What
    order: str | None
    trade: str
    amount: str
    currency: str
    session: str = ""


class Malformed(ValueError):
    """An event of a known type lacks what it must have."""


def read(event: Any) -> Told | None:
    """Read an event; None for one that is nothing to us. Raises Malformed."""
    if not isinstance(event, dict):
        raise Malformed("an event is a JSON object")
    kind, data = event.get("type"), event.get("data")
    thing = data.get("object") if isinstance(data, dict) else None
    if kind not in (*_PAID, *_DISPUTED, "charge.refunded"):
        return None
    if not isinstance(thing, dict):
        raise Malformed("data.object is missing")
    if kind in _PAID:
        return _paid(thing)
    return _refunded(thing) if kind == "charge.refunded" else _disputed(str(kind), thing)


def _paid(session: dict[str, Any]) -> Told | None:
    order = _mark(session)
    if order is None or session.get("payment_status") != "paid":
        return None
    if session.get("client_reference_id") != order:
        raise Malformed("client_reference_id is not the order of the metadata")
    amount, currency = _money(session, "amount_total")
    trade = _id(session, "payment_intent")
    return Told("paid", order, trade, amount, currency, session=_id(session, "id"))


def _refunded(charge: dict[str, Any]) -> Told | None:
    order = _mark(charge)
    amount, currency = _money(charge, "amount_refunded")
    return Told("refunded", order, _id(charge, "payment_intent"), amount, currency)


def _disputed(kind: str, dispute: dict[str, Any]) -> Told | None:
    status = str(dispute.get("status"))
    if status.startswith("warning_"):  # an inquiry: no money has moved
        return None
    what: What = "won" if kind == "charge.dispute.closed" and status == "won" else "charged_back"
    amount, currency = _money(dispute, "amount")
    return Told(what, None, _id(dispute, "payment_intent"), amount, currency)


def _mark(thing: dict[str, Any]) -> str | None:
    metadata = thing.get("metadata")
    mark = metadata.get(MARK) if isinstance(metadata, dict) else None
    return mark if isinstance(mark, str) and 0 < len(mark) <= 60 else None


def _id(thing: dict[str, Any], name: str) -> str:
    """Read an id, which Stripe may also send as the whole object that it names."""
    value = thing.get(name)
    if isinstance(value, dict):
        value = value.get("id")
    return value if isinstance(value, str) and len(value) <= 200 else ""


def _money(thing: dict[str, Any], name: str) -> tuple[str, str]:
    units, currency = thing.get(name), thing.get("currency")
    if isinstance(units, bool) or not isinstance(units, int) or not 0 < units <= MAX_UNITS:
        raise Malformed(f"{name} is not an amount")
    if not isinstance(currency, str) or _CURRENCY.fullmatch(currency) is None:
        raise Malformed("currency is not one")
    upper = currency.upper()
    return from_units(units, upper), upper
