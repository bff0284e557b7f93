"""Movements: what one event did to one account, as a person reads it.

Owns the row of a statement without its running balance, and what it says in words. Promises that
its amount is the effect of the event on that very account, also where the event's own amount is
another account's. Refuses to guess: an event of an unknown type raises.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ledger.accounts import balance_nano
from ledger.balances import effects_on
from ledger.events import Document
from ledger.quote import INPUT_CLASSES, OUTPUT_CLASSES

Body = Mapping[str, Any]


class Movement(NamedTuple):
    """One event, seen from one account. Times in microseconds, amounts in nano-dollars."""

    ts: int
    id: str
    at: int
    type: str
    what: str
    model: str | None
    key: int | None
    channel: int | None
    cost_nano: int | None
    input_tokens: int | None
    output_tokens: int | None
    amount_nano: int


def movement(account: str, event: Document) -> Movement | None:
    """Return what an event did to an account; None if it does not move it."""
    moved = list(effects_on(account, event))
    if not moved:
        return None
    body, kind = event["body"], str(event["type"])
    usage = body.get("usage") if kind == "usage.charged" else None
    return Movement(
        ts=int(event["ts"]),
        id=str(event["_id"]),
        at=int(event["at"]),
        type=kind,
        what=words(event),
        model=body.get("model"),
        key=_number(body.get("key")),
        channel=_number(body.get("channel")),
        cost_nano=_cost(account, body, moved),
        input_tokens=_tokens(usage, INPUT_CLASSES),
        output_tokens=_tokens(usage, OUTPUT_CLASSES),
        amount_nano=sum(balance_nano(dict(effect)) for effect in moved),
    )


def words(event: Document) -> str:
    """Say in a few words what happened."""
    describe = _WORDS.get(event["type"])
    return describe(event["body"]) if describe is not None else str(event["type"])


def _charge(body: Body) -> str:
    outcome = body["outcome"]
    return str(body["model"]) if outcome == "complete" else f"{body['model']} ({outcome})"


def _reversal(body: Body) -> str:
    model = body.get("model")
    return f"taken back{f', {model}' if model else ''}: {body.get('reason', '')}"


def _reason(body: Body) -> str:
    return str(body.get("reason", ""))


_WORDS: dict[str, Callable[[Body], str]] = {
    "usage.charged": _charge,
    "usage.reversed": _reversal,
    "recharge.credited": lambda body: body.get("remark") or f"recharge by {body['provider']}",
    "recharge.reversed": lambda body: f"recharge taken back: {_reason(body)}",
    "redemption.redeemed": lambda body: f"code {body['code']} ({body['name']})",
    "balance.adjusted": _reason,
    "balance.opened": lambda body: f"opening balance: {_reason(body)}",
    "lot.expired": lambda body: f"credit expired ({body['source']})",
    "grant.signup": _reason,
    "grant.invitee": _reason,
    "grant.inviter": _reason,
}


def _cost(account: str, body: Body, moved: list[Mapping[str, int]]) -> int | None:
    """A channel has the cost of its own attempts; who paid for the request, that of them all."""
    if account.startswith("channel:"):
        costs = [effect["cost"] for effect in moved if "cost" in effect]
        return int(sum(costs)) if costs else None
    return _number(body.get("cost_nano"))


def _number(value: object) -> int | None:
    return int(value) if isinstance(value, int) else None


def _tokens(usage: Mapping[str, int] | None, classes: tuple[str, ...]) -> int | None:
    return None if usage is None else sum(int(usage.get(name, 0)) for name in classes)
