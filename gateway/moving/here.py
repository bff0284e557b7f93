"""What this instance has already, and what of an import can therefore not come along."""

from typing import Any

from gateway.directory.codes import Codes
from gateway.directory.documents import Document
from gateway.directory.keys import Keys
from gateway.directory.users import ROOT_ID, Users
from gateway.moving.plan import Plan, drop
from ledger.store import Store

IMPORTS = "imports"
_KEYS_OF_ROOT = 1
# Of a user, what can be left away where somebody has it; a name can't.
_SPARE = ("access_token_hash", "aff_code", "github_id", "wechat_id", "lark_id", "oidc_id")


class Refused(Exception):
    """Nothing was written; the message says why and what to do."""


async def state_of(store: Store, source_id: str) -> Document | None:
    """Return what is known of an earlier import of a source."""
    return await store.find_one(IMPORTS, {"_id": source_id})


async def refuse_unless_new(store: Store) -> None:
    """Raise Refused where there is more than a first start leaves behind."""
    others: dict[str, dict[str, Any]] = {
        "users": {"_id": {"$ne": ROOT_ID}},
        "keys": {"_id": {"$ne": _KEYS_OF_ROOT}},
        "channels": {},
        "codes": {},
    }
    for collection, query in others.items():
        if await store.find_one(collection, query, projection={"_id": 1}):
            raise Refused(
                f"this instance is in use: it has {collection}. Import into a new one, or say"
                " --merge: then what is here stays, and ids that are taken are left out"
            )
    used = {"type": {"$in": ["usage.charged", "balance.adjusted", "recharge.credited"]}}
    if await store.find_one("events", used, projection={"_id": 1}):
        raise Refused("this instance is in use: its books have charges or credits; say --merge")


async def leave_conflicts_out(store: Store, plan: Plan, *, merge: bool) -> None:
    """Take from a plan what cannot be stored here beside what there is."""
    ids = await _taken(store, plan, merge)
    names = {user["username"] for user in plan.users}
    found = await store.find_list(Users.collection, {"username": {"$in": sorted(names)}})
    holders = {doc["username"]: doc["_id"] for doc in found}
    if not merge and any(user["_id"] == ROOT_ID for user in plan.users):
        holders = {name: number for name, number in holders.items() if number != ROOT_ID}
    await _spare(store, plan)
    left: set[int] = set()
    for user in list(plan.users):
        holder = holders.get(user["username"], user["_id"])
        if user["_id"] in ids["users"] or holder != user["_id"]:
            plan.users.remove(user)
            if user["_id"] == ROOT_ID:
                plan.report.note("root: stays as it is here, and gets the credit and keys of root")
                continue
            why = "a user here has this id" if user["_id"] in ids["users"] else "the name is taken"
            plan.report.leave(f"user {user['_id']} ({user['username']})", why)
            left.add(user["_id"])
            drop(plan, f"user:{user['_id']}")
    await _keys(store, plan, ids["keys"], left)
    for channel in list(plan.channels):
        if channel["_id"] in ids["channels"]:
            plan.channels.remove(channel)
            plan.report.leave(f"channel {channel['_id']}", "a channel here has this id")
    await _codes(store, plan, ids["codes"])


async def _keys(store: Store, plan: Plan, taken: set[int], without_user: set[int]) -> None:
    hashes = await _holders(store, Keys.collection, "hash", plan.keys)
    for key in list(plan.keys):
        why = ""
        if key["user_id"] in without_user:
            why = "its user is left out"
        elif key["_id"] in taken:
            why = "a key here has this id"
        elif hashes.get(key["hash"], key["_id"]) != key["_id"]:
            why = "a key here has this text"
        if why:
            plan.keys.remove(key)
            plan.report.leave(f"key {key['_id']}", why)
            drop(plan, f"key:{key['_id']}")


async def _codes(store: Store, plan: Plan, taken: set[int]) -> None:
    docs = [*plan.used_codes, *(doc for batch in plan.batches for doc in batch.docs)]
    hashes = await _holders(store, Codes.collection, "hash", docs)
    lists = [plan.used_codes, *(batch.docs for batch in plan.batches)]
    for codes in lists:
        for code in list(codes):
            if code["_id"] in taken or hashes.get(code["hash"], code["_id"]) != code["_id"]:
                codes.remove(code)
                plan.report.leave(f"code {code['_id']}", "a code here has this id or text")


async def _spare(store: Store, plan: Plan) -> None:
    for name in _SPARE:
        holders = await _holders(store, Users.collection, name, plan.users)
        for user in plan.users:
            if holders.get(user[name], user["_id"]) != user["_id"]:
                user[name] = ""
                plan.report.note(f"user {user['_id']}: {name} is that of somebody here; left away")


async def _holders(
    store: Store, collection: str, field: str, docs: list[Document]
) -> dict[str, int]:
    values = sorted({doc[field] for doc in docs if doc[field]})
    found: dict[str, int] = {}
    for start in range(0, len(values), 1_000):
        query = {field: {"$in": values[start : start + 1_000]}}
        rows = store.find(collection, query, projection={field: 1})
        found |= {doc[field]: doc["_id"] async for doc in rows}
    return found


async def _taken(store: Store, plan: Plan, merge: bool) -> dict[str, set[int]]:
    """Return the ids of what is here and did not come from this source, by collection."""
    wanted = {
        "users": plan.users,
        "keys": plan.keys,
        "channels": plan.channels,
        "codes": [*plan.used_codes, *(doc for batch in plan.batches for doc in batch.docs)],
    }
    taken = {}
    for collection, docs in wanted.items():
        ids = [doc["_id"] for doc in docs]
        there = await store.find_ids(collection, ids, projection={"imported": 1})
        taken[collection] = {d["_id"] for d in there if d.get("imported") != plan.source.id}
    if not merge:  # what the first start made becomes what it was there
        taken["users"].discard(ROOT_ID)
        taken["keys"].discard(_KEYS_OF_ROOT)
    return taken
