"""Half a sign-in: somebody whom another service vouched for, and who owes the second factor.

The ticket is a random text that only the browser has; its hash is stored. It lasts five minutes
and takes TRIES guesses at the code.
"""

from dataclasses import dataclass

from gateway.directory.randomness import hex_token
from gateway.directory.vault import Vault
from ledger.store import Store

TICKETS = "sign_in_tickets"
LIFETIME_S = 300
TRIES = 5
_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Ticket:
    """Whose it is, and the mark of the credentials of then."""

    user_id: int
    mark: str


class SignInTickets:
    """The tickets that are out. Raises StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def make(self, user_id: int, mark: str) -> str:
        """Return a new ticket's text."""
        text = hex_token() + hex_token()
        expires_us = await self._store.server_now_us() + LIFETIME_S * _US
        doc = {"_id": Vault.digest(text), "user_id": user_id, "mark": mark, "tries": 0}
        await self._store.insert_one(TICKETS, {**doc, "expires_us": expires_us})
        return text

    async def attempt(self, text: str) -> Ticket | None:
        """Count a guess at the code; None where there is no such ticket, or it is worn out."""
        now_us = await self._store.server_now_us()
        left = {
            "_id": Vault.digest(text),
            "expires_us": {"$gt": now_us},
            "tries": {"$lt": TRIES},
        }
        doc = await self._store.find_one_and_update(TICKETS, left, {"$inc": {"tries": 1}})
        return Ticket(doc["user_id"], doc["mark"]) if doc else None

    async def end(self, text: str) -> bool:
        """Void a ticket; of many calls one hears True."""
        return await self._store.delete_one(TICKETS, {"_id": Vault.digest(text)}) == 1

    async def sweep(self) -> int:
        """Delete what has expired; return how many there were."""
        now_us = await self._store.server_now_us()
        return await self._store.delete_many(TICKETS, {"expires_us": {"$lte": now_us}})
