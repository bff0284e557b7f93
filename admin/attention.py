"""What needs an operator's eye now, as a short list; and how far a new gateway is set up.

Everything here is read from what others keep (the last audit, the newest seal, rollups, the
channels in memory), so that a dashboard may ask every minute. Promises bounded reads: of users only
those who used most lately are looked at.
"""

import math
from collections.abc import Iterable
from typing import Any

from admin.context import AdminContext
from admin.usage_report import Question, usage_by
from gateway.directory.channels import STATUS_AUTO_DISABLED, STATUS_ENABLED, Channel
from gateway.directory.notices import DEAD
from gateway.directory.option_table import OPTIONS
from gateway.directory.users import ROOT_ID
from ledger import reversals
from ledger.accounts import balance_nano, read_many
from ledger.audit import FAULT, SEAL_LATE_US, history
from ledger.cubes import DAY_US, HOUR_US
from ledger.money import nano_from_quota, usd
from ledger.price_check import Offer, unpriced
from ledger.seals import latest

Item = dict[str, Any]
DANGER, WARNING, INFO = "danger", "warning", "info"
#: How many of a kind are named; `count` says how many there are.
NAMED = 20
DAYS_OF_USE = 7
MOST_USERS = 1_000
AUDIT_LATE_US = SEAL_LATE_US


async def attention(context: AdminContext) -> list[Item]:
    """Return what to look at, the gravest first; an empty list when all is well."""
    channels = context.directory.all_channels()
    found = [
        *_channels(context, channels),
        *_prices(context, channels),
        *await _books(context),
        *await _users(context),
        *await _waiting(context),
    ]
    order = (DANGER, WARNING, INFO)
    return sorted(found, key=lambda item: order.index(item["level"]))


def _item(kind: str, level: str, named: Iterable[Item], count: int | None = None) -> list[Item]:
    items = list(named)
    total = len(items) if count is None else count
    if not total:
        return []
    return [{"kind": kind, "level": level, "count": total, "items": items[:NAMED]}]


def _channels(context: AdminContext, channels: list[Channel]) -> list[Item]:
    off = [channel for channel in channels if channel.status == STATUS_AUTO_DISABLED]
    on = [channel for channel in channels if channel.status == STATUS_ENABLED]
    pauses = context.care.resting()
    resting = [{**_named(c), "seconds": math.ceil(pauses[c.id])} for c in on if c.id in pauses]
    uncosted = [channel for channel in on if channel.costs is None]
    return [
        *_item("channels_none", DANGER, (), count=0 if on else 1),
        *_item("channels_off", WARNING, map(_named, off)),
        *_item("channels_resting", WARNING, resting),
        *_item("channels_uncosted", INFO, map(_named, uncosted)),
    ]


def _named(channel: Channel) -> Item:
    return {"id": channel.id, "name": channel.name}


def unpriced_models(context: AdminContext, channels: Iterable[Channel]) -> list[Item]:
    """Return the models that enabled channels offer and no price is for, each with one channel."""
    offers: dict[tuple[int, str], Channel] = {}
    for channel in channels:
        if channel.is_enabled:
            for model in channel.models:
                offers.setdefault((channel.type, model), channel)
    table = context.books.prices.table()
    asked = [Offer(kind, "", model) for kind, model in offers]
    # The table knows more ways to a price than a list of rows does.
    missing = [o for o in unpriced(asked, table.rows) if table.row(o.model, o.type) is None]
    return [
        {"name": offer.model, "channel": _named(offers[offer.type, offer.model])}
        for offer in sorted(missing, key=lambda offer: (offer.model, offer.type))
    ]


def _prices(context: AdminContext, channels: list[Channel]) -> list[Item]:
    return _item("models_unpriced", WARNING, unpriced_models(context, channels))


async def _books(context: AdminContext) -> list[Item]:
    store, now_us = context.books.store, context.clock.now_us()
    results = await history(store)
    if not results:
        return []
    last = results[0]
    level = WARNING if last["ok"] else DANGER
    unsealed = [f for f in last["findings"] if f["kind"] == "seals behind"]
    others = [f for f in last["findings"] if f["kind"] not in ("seals behind", "usage unpriced")]
    others.sort(key=lambda finding: finding["level"] != FAULT)
    said = [{"name": f"{f['kind']}: {f['subject']}", "message": f["message"]} for f in others]
    unnamed = last["found"] - len(last["findings"])
    seal = await latest(store) if unsealed else None
    sealed = [{"number": seal.number, "at": seal.sealed_us // 1_000_000}] if seal else []
    late = now_us - int(last["_id"]) > AUDIT_LATE_US
    return [
        *_item("audit_findings", level, said, count=unnamed + len(said)),
        *_item("books_unsealed", WARNING, sealed, count=len(unsealed)),
        *_item("audit_late", WARNING, [{"at": int(last["_id"]) // 1_000_000}] if late else ()),
    ]


async def _users(context: AdminContext) -> list[Item]:
    """Name users who used it lately and have less left than a usual day costs them, or than the
    threshold at which users are reminded."""
    store, now_us = context.books.store, context.clock.now_us()
    since_us = (now_us // DAY_US - DAYS_OF_USE + 1) * DAY_US
    asked = Question({}, since_us, now_us + HOUR_US, ["user"], costs=False)
    rows, _ = await usage_by(store, asked)
    spent = {row["user"]: row["charged_nano"] for row in rows[:MOST_USERS] if row["user"]}
    accounts = await read_many(store, [f"user:{user}" for user in spent])
    threshold_nano = nano_from_quota(context.directory.options.get("QuotaRemindThreshold"))
    low = {}
    for user, charged in spent.items():
        left = balance_nano(accounts[f"user:{user}"])
        if left < max(threshold_nano, charged // DAYS_OF_USE):
            low[user] = left
    users = await context.directory.users.get_many(list(low))
    named = [
        {"id": user, "name": users[user].username, "balance": usd(left)}
        for user, left in sorted(low.items(), key=lambda pair: pair[1])
        if user in users and users[user].is_usable
    ]
    return _item("users_low", WARNING, named)


async def _waiting(context: AdminContext) -> list[Item]:
    store = context.books.store
    dead = await context.directory.notices.page(DEAD, 0, NAMED)
    named = [{"id": doc["_id"], "name": doc["title"]} for doc in dead.items]
    proposed = await store.count(reversals.COLLECTION, {"state": reversals.PROPOSED})
    return [
        *_item("notices_dead", WARNING, named, count=dead.total),
        *_item("reversals_waiting", WARNING, (), count=proposed),
    ]


async def setup_state(context: AdminContext) -> dict[str, Any]:
    """Return what of the first steps is done, by what is there now."""
    directory, options = context.directory, context.directory.options
    channels = directory.all_channels()
    enabled = [channel for channel in channels if channel.is_enabled]
    missing = unpriced_models(context, channels)
    root = await directory.users.get(ROOT_ID)
    users = await directory.users.list(0, 1)
    a_key_that_was_used = {"_id": {"$gte": "key:", "$lt": "key;"}, "requests": {"$gt": 0}}
    asked = await context.books.store.find_one("accounts", a_key_that_was_used)
    return {
        # Every new password ends the sessions before it, so a second epoch is a changed password.
        "password": root.session_epoch > 1,
        "named": options.get("SystemName") != OPTIONS["SystemName"].default,
        "address": options.get("ServerAddress") != OPTIONS["ServerAddress"].default,
        "channels": len(enabled),
        "models": len({model for channel in enabled for model in channel.models}),
        "unpriced": [item["name"] for item in missing[:NAMED]],
        "users": users.total - 1,
        "requested": asked is not None,
    }
