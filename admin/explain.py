"""Why an event has its amount, in words and numbers.

Owns the explanation of one event and what of an event its owner may see. Promises that the numbers
come from the event itself (a charge is derived again from the factors it holds), from its price
version and from its reversal, and that an owner is shown nothing of the operator's business:
channels, upstream costs and ids, the errors of attempts.
"""

from decimal import Context
from typing import Any

from admin.logbook import content
from gateway.directory.directory import Directory
from ledger.books import Books
from ledger.cohort import reversals_of
from ledger.costs import without_costs
from ledger.errors import InvalidEvent, InvalidPrices
from ledger.events import rfc3339
from ledger.money import usd
from ledger.parts import RECHARGE, next_step, takings
from ledger.public import HIDDEN_IN_BODY
from ledger.quote import charge_from_factors, exact_text, explain
from ledger.reversals import REVERSIBLE

Event = dict[str, Any]

_CHARGE = "usage.charged"
_EXACT = Context(prec=200)


def for_owner(event: Event) -> Event:
    """Return an event, stored or in its outside form, as its owner may see it.

    The names of what is left out are in `withheld`: the hash covers that as well.
    """
    body = event["body"]
    hidden = sorted(name for name in body if name in HIDDEN_IN_BODY)
    if not hidden:
        return event
    bare = without_costs(event)
    kept = {name: value for name, value in bare["body"].items() if name not in hidden}
    return {**bare, "body": kept, "withheld": hidden}


async def explanation(
    books: Books, directory: Directory, event: Event, *, own: bool
) -> dict[str, Any]:
    """Explain an event; `own` for the user it belongs to, else for admins."""
    said: dict[str, Any] = {"text": content(event)}
    if event["type"] in REVERSIBLE:
        said["reversal"] = await _reversal(books, event)
    if event["type"] != _CHARGE:
        return said
    body = event["body"]
    said |= _derived(event)
    said["usage"] = {
        "source": body["usage_source"],
        "classes": body["usage"],
        "frame": body.get("usage_frame"),
    }
    said["price"] = await _price(books, directory, body["price"], own=own)
    said["hold"] = _hold(body["hold"])
    said["settlement"] = _settlement(event)
    said["attempts"] = await _attempts(directory, body.get("attempts") or [], own=own)
    if not own:
        said["upstream_request_id"] = body.get("upstream_request_id")
        said["cost"] = _cost(event)
    return said


def _derived(event: Event) -> dict[str, Any]:
    """The formula with its numbers, what it comes to before and after rounding, and a check."""
    body = event["body"]
    try:
        formula = explain(body["price"], body["usage"])
        priced_nano = charge_from_factors(body["price"], body["usage"])
        exact = exact_text(body["price"], body["usage"])
    except InvalidEvent as error:
        return {"formula": None, "agrees": False, "fault": str(error)}
    charged_nano = -event["amount"]
    shortfall_nano = body.get("shortfall_nano", 0)
    priced = usd(priced_nano)
    by = _EXACT.subtract(_EXACT.create_decimal(priced), _EXACT.create_decimal(exact))
    return {
        "formula": formula,
        "price_version": body["price"]["version"],
        "exact": exact,
        "rounding": {"exact": exact, "rounded_up_by": f"{by:f}" if by else "0", "priced": priced},
        "priced": priced,
        "charged": usd(charged_nano),
        "shortfall": usd(shortfall_nano),
        "agrees": _owed(event, priced_nano) == charged_nano + shortfall_nano,
    }


def _owed(event: Event, priced_nano: int) -> int:
    """A failed request owes nothing, whatever its usage would have cost."""
    return 0 if event["body"]["outcome"] == "failed" else priced_nano


async def _price(
    books: Books, directory: Directory, factors: dict[str, Any], *, own: bool
) -> dict[str, Any]:
    """The factors, and who published their version, when, and why."""
    try:
        version = books.prices.body(factors["version"])
    except InvalidPrices:  # version 0: unpriced models on an empty book
        return dict(factors)
    published = await books.store.find_one(
        "events", {"_id": f"price:{factors['version']}"}, projection={"ts": 1}
    )
    said = {
        **factors,
        "author": version["author"],
        "note": version["note"],
        "effective": rfc3339(version["effective_us"]),
        "published": rfc3339(published["ts"]) if published else None,
    }
    if not own:
        said["username"] = await _username(directory, version["author"])
    return said


def _hold(held: dict[str, Any]) -> dict[str, Any]:
    return {"amount": usd(held["nano"]), "amount_nano": held["nano"], "accounts": held["accounts"]}


def _settlement(event: Event) -> dict[str, Any]:
    """What became of the hold: charged, given back, missing; and from which lots it was paid."""
    body, charged_nano = event["body"], -event["amount"]
    lots = body.get("lots") or []
    amounts = {
        "charged": charged_nano,
        "released": max(0, body["hold"]["nano"] - charged_nano),
        "shortfall": body.get("shortfall_nano", 0),
        "from_balance": charged_nano - sum(nano for _, nano in lots),
    }
    return {
        **{name: usd(nano) for name, nano in amounts.items()},
        **{f"{name}_nano": nano for name, nano in amounts.items()},
        "lots": [{"account": lot, "amount": usd(nano), "amount_nano": nano} for lot, nano in lots],
    }


async def _attempts(
    directory: Directory, attempts: list[dict[str, Any]], *, own: bool
) -> list[dict[str, Any]]:
    if own:
        return [{"status": attempt["status"]} for attempt in attempts]
    channels = await directory.channels.get_many(sorted({a["channel"] for a in attempts}))
    told = []
    for attempt in attempts:
        channel, nano = channels.get(attempt["channel"]), attempt.get("cost_nano")
        cost = {} if nano is None else {"cost_usd": usd(nano)}
        told.append({**attempt, **cost, "channel_name": channel.name if channel else ""})
    return told


def _cost(event: Event) -> dict[str, Any] | None:
    nano = event["body"].get("cost_nano")
    if nano is None:
        return None
    return {"total": usd(nano), "total_nano": nano, "margin": usd(-event["amount"] - nano)}


async def _reversal(books: Books, event: Event) -> dict[str, Any] | None:
    """The event that took this one back, by whom and why; the newest of several, and their sum."""
    if event["type"] == RECHARGE:
        taken = await takings(books.store, event["_id"])
        whole = next_step(event, taken, None) is None
    else:
        taken, whole = list((await reversals_of(books.store, [event])).values()), True
    if not taken:
        return None
    found, nano = taken[-1], sum(abs(each["amount"]) for each in taken)
    return {
        "event": found["_id"],
        "at": rfc3339(found["at"]),
        "by": found["actor"],
        "approver": found["body"].get("approver"),
        "reason": found["body"]["reason"],
        "amount": usd(nano),
        "amount_nano": nano,
        "whole": whole,
    }


async def _username(directory: Directory, account: str) -> str:
    kind, _, number = account.partition(":")
    if kind != "user" or not number.isdigit():
        return ""
    user = (await directory.users.get_many([int(number)])).get(int(number))
    return user.username if user else ""
