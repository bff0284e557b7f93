"""Finding events: by account, time, type and what a log is filtered by.

Owns the queries. Promises that a user's queries stay inside the user's own account and keys, that
pages by cursor never repeat or skip an event that was there at the start, and that sums are exact.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import ValidationError

from admin.logbook import TYPES
from admin.schemas.ledger import cursor_of, end_of_second
from gateway.directory.directory import Directory
from gateway.directory.users import User
from ledger.store import Store

Query = dict[str, Any]
MOST_KEYS = 1_000


def about(account: str) -> Query:
    """Select the events that concern an account, also as the key or channel of a charge."""
    kind, _, number = account.partition(":")
    if kind in ("key", "channel"):
        return {"$or": [{"account": account}, {f"body.{kind}": int(number)}]}
    if kind == "code":
        return {"_id": {"$in": [f"redeem:{number}", f"revoke:{number}"]}}
    return {"account": account}


async def about_own(directory: Directory, user: User, account: str | None) -> Query:
    """Like `about`, for the user's own account or one of the user's keys, deleted ones included.

    Raises ValidationError for any other account, whether it exists or not.
    """
    if account is None or account == user.account:
        return {"account": user.account}
    kind, _, number = account.partition(":")
    if kind == "key":
        key = (await directory.keys.get_many([int(number)])).get(int(number))
        if key is not None and key.user_id == user.id:
            charges = {"account": user.account, "body.key": key.id}
            return {"$or": [charges, {"account": key.account}]}
    raise ValidationError({"account": ["Not your account nor one of your keys."]})


def between(from_us: int | None, to_us: int | None) -> Query:
    """Select events recorded from one time on and before another."""
    bounds = {"$gte": from_us, "$lt": to_us}
    given = {operator: value for operator, value in bounds.items() if value is not None}
    return {"ts": given} if given else {}


def page_after(query: Query, cursor: str | None, order: str) -> Query:
    """Go on after the event at the cursor, in the order of (time of recording, id)."""
    if cursor is None:
        return query
    ts, event_id = cursor_of(cursor)
    strict, loose = ("$gt", "$gte") if order == "asc" else ("$lt", "$lte")
    rest = {"$or": [{"ts": {strict: ts}}, {"ts": ts, "_id": {strict: event_id}}]}
    # The plain bound is implied by the rest; it is there so that an index can be used.
    return {"$and": [query, {"ts": {loose: ts}}, rest]}


async def log_query(directory: Directory, sent: Mapping[str, Any], own: User | None) -> Query:
    """Select what One API's log filters ask for; `own` keeps to one user's account."""
    query: Query = {} if own is None else {"account": own.account}
    if sent.get("username"):
        user = await directory.users.by_username(sent["username"])
        query["account"] = user.account if user else "user:0"
    if sent.get("type"):
        query["type"] = {"$in": list(TYPES[sent["type"]])}
    if sent.get("model_name"):
        query["body.model"] = sent["model_name"]
    if sent.get("channel"):
        query["body.channel"] = sent["channel"]
    if sent.get("token_name"):
        query["body.key"] = {"$in": await _keys_named(directory, sent["token_name"], own)}
    end_us = sent.get("end_timestamp")
    query.update(
        between(sent.get("start_timestamp") or None, end_of_second(end_us) if end_us else None)
    )
    return query


async def search_query(directory: Directory, keyword: str, own: User | None) -> Query:
    """Select events by id, request id, model, key name or (for admins) user name, exactly."""
    either: list[Query] = [
        {"_id": keyword},
        {"body.request_id": keyword},
        {"body.model": keyword},
    ]
    keys = await _keys_named(directory, keyword, own)
    if keys:
        either.append({"body.key": {"$in": keys}})
    if own is not None:
        return {"account": own.account, "$or": either}
    user = await directory.users.by_username(keyword)
    if user is not None:
        either.append({"account": user.account})
    return {"$or": either}


async def charged(store: Store, query: Query) -> tuple[int, int]:
    """Sum the charges among the selected events: nano-dollars and how many there are."""
    wanted = {"$and": [query, {"type": {"$in": list(TYPES[2])}}]}
    total = {"_id": None, "nano": {"$sum": "$amount"}, "count": {"$sum": 1}}
    rows = await store.aggregate("events", [{"$match": wanted}, {"$group": total}])
    return (-int(rows[0]["nano"]), int(rows[0]["count"])) if rows else (0, 0)


async def _keys_named(directory: Directory, name: str, own: User | None) -> Sequence[int]:
    """Ids of the keys with this name; several may share one."""
    filters = {} if own is None else {"user_id": own.id}
    found = await directory.keys.search(name, 0, MOST_KEYS, filters=filters)
    return [key.id for key in found.items if key.name == name]
