"""Codes and tokens that prove who reads a mailbox: short-lived, single-use, on every node.

What is kept is an HMAC under a key of the vault, never the code: a copy of the database can't be
searched for codes. A mailbox has one code for each purpose, and TRIES guesses at it.
"""

import hashlib
import hmac
import secrets

from gateway.directory.randomness import hex_token
from gateway.directory.vault import Vault
from ledger.store import Store

PROOFS = "proofs"
LIFETIME_S = 600
TRIES = 5
_US = 1_000_000
# Without those that look alike.
_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_CODE_LENGTH = 6

#: The purposes: an address belongs to who signs up or binds it; a password may be replaced.
ADDRESS, PASSWORD = "address", "password"


class Proofs:
    """The codes that are out. Raises StoreError."""

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self._key = vault.derive("proofs of mailboxes")

    async def code(self, mailbox: str) -> str:
        """Make a code for a person to copy; the one before is void."""
        made = "".join(secrets.choice(_LETTERS) for _ in range(_CODE_LENGTH))
        await self._keep(ADDRESS, mailbox, made)
        return made

    async def token(self, mailbox: str) -> str:
        """Make a token for a link; the one before is void."""
        made = hex_token()
        await self._keep(PASSWORD, mailbox, made)
        return made

    async def _keep(self, purpose: str, mailbox: str, made: str) -> None:
        now_us = await self._store.server_now_us()
        fields = {
            "hash": self._mac(purpose, mailbox, made),
            "tries": 0,
            "expires_us": now_us + LIFETIME_S * _US,
        }
        name = {"_id": self._name(purpose, mailbox)}
        await self._store.update_one(PROOFS, name, {"$set": fields}, upsert=True)

    async def spend(self, purpose: str, mailbox: str, given: str) -> bool:
        """Tell whether this is the code, which then is void: of many calls one hears True.

        A guess counts before it is looked at, so that many at once have no more of them.
        """
        now_us = await self._store.server_now_us()
        known = {"_id": self._name(purpose, mailbox), "expires_us": {"$gt": now_us}}
        left = {**known, "tries": {"$lt": TRIES}}
        found = await self._store.find_one_and_update(PROOFS, left, {"$inc": {"tries": 1}})
        mac = self._mac(purpose, mailbox, given.strip())
        if found is None or not hmac.compare_digest(found["hash"], mac):
            return False
        return await self._store.delete_one(PROOFS, {**known, "hash": mac}) == 1

    async def sweep(self) -> int:
        """Delete what has expired; return how many there were."""
        now_us = await self._store.server_now_us()
        return await self._store.delete_many(PROOFS, {"expires_us": {"$lte": now_us}})

    def _name(self, purpose: str, mailbox: str) -> str:
        return self._mac(purpose, mailbox, "")

    def _mac(self, purpose: str, mailbox: str, made: str) -> str:
        made = made.upper() if purpose == ADDRESS else made
        message = "\0".join((purpose, mailbox, made)).encode("utf-8", "surrogatepass")
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()
