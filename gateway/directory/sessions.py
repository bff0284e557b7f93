"""Sign-ins that go on: a document for each, so that they can be listed, and ended one by one.

The cookie has the session's secret; what is stored is its hash, which is also its name.
"""

from dataclasses import dataclass
from typing import Any

from gateway.directory.errors import NotFound
from gateway.directory.randomness import hex_token
from gateway.directory.vault import Vault
from ledger.clock import Clock
from ledger.store import Store

COLLECTION = "sessions"
LASTS_S = 30 * 86_400
#: Of a user; the one that was used longest ago makes room.
MOST = 50
_NOTED_EVERY_S = 60
_MAX_AGENT = 300


@dataclass(frozen=True, slots=True)
class SignIn:
    """A session as stored. Times are unix seconds; `mark` is of the credentials of then."""

    id: str
    user_id: int
    mark: str
    address: str
    agent: str
    created_s: int
    seen_s: int


class Sessions:
    """All users' sessions. One that was ended is nobody's from that moment on, on every node."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def begin(self, user_id: int, mark: str, address: str, agent: str) -> str:
        """Store a new session and return its secret."""
        secret, now_s = hex_token() + hex_token(), self._now_s()
        await self._make_room(user_id, now_s)
        doc = {
            "_id": Vault.digest(secret),
            "user_id": user_id,
            "mark": mark,
            "address": address,
            "agent": agent[:_MAX_AGENT],
            "created_s": now_s,
            "seen_s": now_s,
        }
        await self._store.insert_one(COLLECTION, doc)
        return secret

    async def find(self, secret: str, address: str) -> SignIn | None:
        """Return the session with this secret, if it goes on, and note from where it was seen."""
        doc = await self._store.find_one(COLLECTION, {"_id": Vault.digest(secret)})
        now_s = self._now_s()
        if doc is None or doc["created_s"] + LASTS_S <= now_s:
            return None
        if now_s - doc["seen_s"] >= _NOTED_EVERY_S or doc["address"] != address:
            seen = {"$set": {"seen_s": now_s, "address": address}}
            await self._store.update_one(COLLECTION, {"_id": doc["_id"]}, seen)
        return _read(doc)

    async def of_user(self, user_id: int, mark: str) -> list[SignIn]:
        """Return a user's sessions that go on, those seen last first.

        `mark` is the state of the user's credentials now: what began under another one has ended.
        """
        query = {"user_id": user_id, "created_s": {"$gt": self._now_s() - LASTS_S}, "mark": mark}
        docs = await self._store.find_list(COLLECTION, query)
        return sorted(map(_read, docs), key=lambda each: (-each.seen_s, each.id))

    async def end(self, user_id: int, session_id: str) -> None:
        """End a user's session at once. Raises NotFound."""
        mine = {"_id": session_id, "user_id": user_id}
        if not await self._store.delete_one(COLLECTION, mine):
            raise NotFound("session", session_id[:16])

    async def end_others(self, user_id: int, kept: str) -> None:
        """End all of a user's sessions but one ("" for none)."""
        await self._store.delete_many(COLLECTION, {"user_id": user_id, "_id": {"$ne": kept}})

    async def _make_room(self, user_id: int, now_s: int) -> None:
        mine = await self._store.find_list(COLLECTION, {"user_id": user_id})
        by_use = sorted(mine, key=lambda doc: doc["seen_s"], reverse=True)
        ended = [doc["_id"] for doc in by_use if doc["created_s"] + LASTS_S <= now_s]
        ended += [doc["_id"] for doc in by_use[MOST - 1 :]]
        if ended:
            await self._store.delete_many(COLLECTION, {"_id": {"$in": ended}})

    def _now_s(self) -> int:
        return self._clock.now_us() // 1_000_000


def _read(doc: dict[str, Any]) -> SignIn:
    known = {name: doc[name] for name in SignIn.__slots__ if name != "id"}
    return SignIn(id=doc["_id"], **known)
