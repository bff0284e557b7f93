"""How many invitations of one inviter are rewarded in a day.

A place is taken under the invited user's name, so that taking it again after a crash is harmless
and no two nodes give away the same one. The day is that of the sign-up, in UTC.
"""

from contextlib import suppress
from datetime import UTC, datetime

from gateway.directory.users import User
from ledger.errors import Duplicate
from ledger.store import Store

INVITES = "invites"


async def take_place(store: Store, inviter_id: int, user: User, most: int) -> bool:
    """Tell whether the inviter of a new user is rewarded; `most` a day, 0 for any number.

    Raises StoreError.
    """
    if not most:
        return True
    day = datetime.fromtimestamp(user.created_s, UTC).date().isoformat()
    name = f"{inviter_id}:{day}"
    with suppress(Duplicate):
        await store.insert_one(INVITES, {"_id": name, "count": 0, "users": []})
    free = {"_id": name, "count": {"$lt": most}, "users": {"$ne": user.id}}
    taken = {"$inc": {"count": 1}, "$push": {"users": user.id}}
    if await store.update_one(INVITES, free, taken):
        return True
    return await store.find_one(INVITES, {"_id": name, "users": user.id}) is not None
