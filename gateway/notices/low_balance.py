"""Writing to users whose balance runs low: once each time it falls below the threshold, which is
the user's own where there is one.

Who is below is kept as a document for each, made before the mail and marked after it, so that a
crash between loses no mail and sends none twice. Whoever was below when this began is not written
to: a gateway that takes over many users does not write to all of them.
"""

from contextlib import suppress

from gateway.directory.directory import Directory
from gateway.directory.mail_words import low
from gateway.directory.notices import MAIL
from ledger.accounts import balance_nano
from ledger.errors import Duplicate
from ledger.money import nano_from_quota

LOW = "low_balances"
_BEGUN = "begun"
_OWN = {"remind_quota": {"$gte": 0}}
_USERS = {"_id": {"$gte": "user:", "$lt": "user;"}}


async def remind(directory: Directory) -> int:
    """Look at all users' accounts; return how many were written to. Raises StoreError."""
    store, usual = directory.store, int(directory.options.get("QuotaRemindThreshold"))
    own = {f"user:{doc['_id']}": doc["remind_quota"] async for doc in store.find("users", _OWN)}
    if not (usual or any(own.values())) or not directory.options.get("SMTPServer"):
        return 0
    told = {doc["_id"]: doc["told"] async for doc in store.find(LOW, {})}
    begun, now_us = _BEGUN in told, await store.server_now_us()
    below: dict[str, int] = {}
    async for account in store.find("accounts", _USERS):
        name, left_nano = account["_id"], balance_nano(account)
        if not account.get("requests"):
            continue  # who never used it does not run out
        threshold = own.get(name, usual)
        if threshold and left_nano < nano_from_quota(threshold):
            if not told.get(name, False):
                below[name] = left_nano
        elif name in told:
            await store.delete_one(LOW, {"_id": name})
    for name in below:
        if name not in told:
            with suppress(Duplicate):
                await store.insert_one(LOW, {"_id": name, "since_us": now_us, "told": not begun})
    if not begun:
        with suppress(Duplicate):
            await store.insert_one(LOW, {"_id": _BEGUN, "since_us": now_us, "told": True})
        return 0
    return await _tell(directory, below)


async def _tell(directory: Directory, below: dict[str, int]) -> int:
    store, get = directory.store, directory.options.get
    link = get("TopUpLink") or get("ServerAddress")
    ids = {int(name.partition(":")[2]): name for name in below}
    users = await directory.users.get_many(list(ids))
    since = {doc["_id"]: doc["since_us"] for doc in await store.find_ids(LOW, below)}
    written = 0
    for user_id, name in ids.items():
        user = users.get(user_id)
        if name in since and user is not None and user.email and user.is_usable:
            words = low(get("SystemName"), link, below[name])
            notice_id = f"low:{name}:{since[name]}"
            written += await directory.notices.put(MAIL, user.email, words, notice_id=notice_id)
        await store.update_one(LOW, {"_id": name}, {"$set": {"told": True}})
    return written
