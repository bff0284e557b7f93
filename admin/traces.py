"""What users left behind, for admins' lists: who invited them, how many keys, when last seen."""

from typing import Any

from admin.context import AdminContext
from gateway.directory.sessions import COLLECTION as SESSIONS


async def add_traces(context: AdminContext, rows: list[dict[str, Any]]) -> None:
    """Add `inviter_username`, `key_count` and `seen_time` (the last sign-in seen or key used, in
    unix seconds; 0 for never) to rows of users, read at once."""
    ids = [row["id"] for row in rows]
    counts, seen = dict.fromkeys(ids, 0), dict.fromkeys(ids, 0)
    store = context.directory.store
    keys = {"user_id": {"$in": ids}, "deleted": False}
    async for doc in store.find("keys", keys, projection={"user_id": 1, "accessed_s": 1}):
        user = doc["user_id"]
        counts[user] += 1
        seen[user] = max(seen[user], int(doc.get("accessed_s") or 0))
    sessions = {"user_id": {"$in": ids}}
    async for doc in store.find(SESSIONS, sessions, projection={"user_id": 1, "seen_s": 1}):
        seen[doc["user_id"]] = max(seen[doc["user_id"]], int(doc["seen_s"]))
    inviters = {row["inviter_id"] for row in rows if row["inviter_id"]}
    names = await context.directory.users.get_many(sorted(inviters))
    for row in rows:
        inviter = names.get(row["inviter_id"])
        row["inviter_username"] = inviter.username if inviter else ""
        row["key_count"] = counts[row["id"]]
        row["seen_time"] = seen[row["id"]]
