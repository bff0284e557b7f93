"""The log: events as the rows that One API's clients know.

Owns the table between One API's log types and event types, and the row. Promises that nothing is
listed that is not an event, and that a row's amount is the event's.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from admin.times import seconds
from gateway.directory.directory import Directory
from ledger.money import quota_ceil, quota_floor, usd
from ledger.quote import INPUT_CLASSES, OUTPUT_CLASSES

Event = dict[str, Any]

TOPUP, CONSUME, MANAGE, SYSTEM, TEST = 1, 2, 3, 4, 5
TYPES: dict[int, tuple[str, ...]] = {
    TOPUP: (
        "recharge.credited",
        "recharge.reversed",
        "redemption.redeemed",
        "balance.opened",
    ),
    CONSUME: ("usage.charged", "usage.reversed"),
    MANAGE: ("balance.adjusted", "audit.recorded"),
    SYSTEM: (
        "grant.signup",
        "grant.invitee",
        "grant.inviter",
        "price.published",
        "epoch.closed",
        "redemption.issued",
        "redemption.revoked",
        "ledger.sealed",
        "ledger.archived",
        "lot.expired",
    ),
    TEST: (),
}
#: What the gateway asks itself is a charge of nothing, of root's, by no key, and listed as a test:
#: gateway/channels/trial_cost.py, gateway/relay/moderator.py.
TESTS = {"channel.test": "test of the channel", "moderation.check": "moderation of a request"}
TEST_KEY = 0
TYPE_OF = {name: number for number, names in TYPES.items() for name in names}


def _usage(body: Mapping[str, Any]) -> str:
    used = ", ".join(f"{count} {name}" for name, count in body["usage"].items() if count)
    return (
        f"{used or 'nothing used'}; prices of version {body['price']['version']}"
        f" × {body['price']['group_ratio']}; {body['outcome']}"
    )


#: What a row says in words, by event type.
CONTENT: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "usage.charged": _usage,
    "usage.reversed": lambda body: f"reversed: {body.get('reason', '')}",
    "recharge.credited": lambda b: b.get("remark") or f"recharge by {b['provider']}",
    "recharge.reversed": lambda b: f"recharge taken back: {b['reason']}",
    "redemption.redeemed": lambda b: f"redeemed code {b['code']} ({b['name']})",
    "redemption.issued": lambda b: f"issued {b['count']} codes ({b['name']})",
    "redemption.revoked": lambda b: f"withdrew code {b['code']}: {b['reason']}",
    "balance.opened": lambda b: f"opening balance: {b['reason']}",
    "balance.adjusted": lambda b: b["reason"],
    "lot.expired": lambda b: f"credit expired ({b['source']})",
    "grant.signup": lambda b: b["reason"],
    "grant.invitee": lambda b: b["reason"],
    "grant.inviter": lambda b: b["reason"],
    "price.published": lambda b: f"published price version {b['version']}: {b['note']}",
    "audit.recorded": lambda b: f"{b['action']} {b['object']}",
    "epoch.closed": lambda b: f"closed a writer's epoch: {b['reason']}",
}


@dataclass(frozen=True, slots=True)
class Names:
    """Names of the users, keys and channels that a page of events speaks of."""

    users: Mapping[int, str]
    keys: Mapping[int, str]
    channels: Mapping[int, str]


async def names_for(directory: Directory, events: Sequence[Event]) -> Names:
    """Look up the names in one go; deleted users and keys keep theirs."""
    used = {channel for event in events if (channel := event["body"].get("channel"))}
    channels = await directory.channels.get_many(sorted(used)) if used else {}
    users = await directory.users.get_many(sorted({_user_id(event) for event in events} - {0}))
    keys = await directory.keys.get_many(sorted({_key_id(event) for event in events} - {0}))
    return Names(
        {number: user.username for number, user in users.items()},
        {number: key.name for number, key in keys.items()},
        {number: channel.name for number, channel in channels.items()},
    )


def row(event: Event, names: Names, *, own: bool) -> dict[str, Any]:
    """Write one event as a row. `own` leaves out what is the operator's business."""
    body, amount = event["body"], event["amount"]
    usage = body.get("usage") or {}
    written = {
        "id": event["_id"],
        "event_id": event["_id"],
        "event_type": event["type"],
        "created_at": seconds(event["ts"]),
        "type": TEST if is_test(event) else TYPE_OF.get(event["type"], 0),
        "content": content(event),
        "username": names.users.get(_user_id(event), ""),
        "token_name": names.keys.get(_key_id(event), ""),
        "model_name": body.get("model", ""),
        "quota": quota_of(event),
        "amount": usd(amount),
        "amount_nano": amount,
        "prompt_tokens": tokens(usage, INPUT_CLASSES),
        "completion_tokens": tokens(usage, OUTPUT_CLASSES),
        "usage": usage,
        "outcome": body.get("outcome", ""),
        "request_id": body.get("request_id", ""),
        "elapsed_time": (body.get("latency_ms") or {}).get("total") or 0,
        "is_stream": bool(body.get("stream", False)),
    }
    if not own:
        written["user_id"] = _user_id(event)
        written["channel"] = body.get("channel", 0)
        written["channel_name"] = names.channels.get(written["channel"], "")
    return written


def is_test(event: Event) -> bool:
    """Whether an event is what the gateway asked itself."""
    return event["body"].get("endpoint") in TESTS


def content(event: Event) -> str:
    """Say in words what happened."""
    if is_test(event):
        return f"{TESTS[event['body']['endpoint']]}; {_usage(event['body'])}"
    describe = CONTENT.get(event["type"])
    return describe(event["body"]) if describe else ""


def quota_of(event: Event) -> int:
    """Show an event's amount in quota: charges rounded up, credits rounded down."""
    amount: int = event["amount"]
    if event["type"] == "usage.charged":
        return quota_ceil(-amount)
    return quota_floor(amount) if amount >= 0 else -quota_ceil(-amount)


def tokens(usage: Mapping[str, int], classes: Iterable[str]) -> int:
    """Sum the classes that One API knew as one number."""
    return sum(int(usage.get(name, 0)) for name in classes)


def _user_id(event: Event) -> int:
    """The user an event is about; where it is about none, the one who caused it."""
    for name in (event["account"], event["actor"]):
        kind, _, number = str(name).partition(":")
        if kind == "user" and number.isdigit():
            return int(number)
    return 0


def _key_id(event: Event) -> int:
    key = event["body"].get("key")
    if isinstance(key, int):
        return key
    kind, _, number = event["account"].partition(":")
    return int(number) if kind == "key" else 0
