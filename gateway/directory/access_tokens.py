"""Access tokens for scripts: several for a user, each with a scope, stored as hashes only.

The one token of One API (`GET /api/user/token`) is a field of the user, and has scope "full".
"""

from dataclasses import dataclass
from typing import Any

from gateway.directory.errors import NotFound, NotNow
from gateway.directory.randomness import hex_token
from gateway.directory.vault import Vault
from ledger.clock import Clock
from ledger.store import Store

COLLECTION = "access_tokens"
READ, MANAGE, FULL = "read", "manage", "full"
SCOPES = (READ, MANAGE, FULL)
NEVER = 0
MOST = 50
# When a token was used last is written down this often, in seconds.
_NOTED_EVERY_S = 60


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token as stored. Times are unix seconds; `expires_s` may be NEVER."""

    id: str
    user_id: int
    name: str
    scope: str
    created_s: int
    used_s: int
    expires_s: int


class AccessTokens:
    """All users' tokens. A token that is revoked or expired is nobody's from that moment on."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def create(
        self, user_id: int, name: str, scope: str, expires_s: int = NEVER
    ) -> tuple[AccessToken, str]:
        """Store a new token; returns it with its text, which can never be read again.

        Raises NotNow where the user has too many.
        """
        if await self._store.count(COLLECTION, {"user_id": user_id}) >= MOST:
            raise NotNow(f"a user has at most {MOST} access tokens; revoke one that is not used")
        text = hex_token() + hex_token()
        doc = {
            "_id": hex_token()[:16],
            "hash": Vault.digest(text),
            "user_id": user_id,
            "name": name,
            "scope": scope,
            "created_s": self._now_s(),
            "used_s": 0,
            "expires_s": expires_s,
        }
        await self._store.insert_one(COLLECTION, doc)
        return _read(doc), text

    async def of_user(self, user_id: int) -> list[AccessToken]:
        """Return a user's tokens, newest first, expired ones included."""
        docs = await self._store.find_list(COLLECTION, {"user_id": user_id})
        return sorted(map(_read, docs), key=lambda token: (-token.created_s, token.id))

    async def by_text(self, text: str) -> AccessToken | None:
        """Return the token with this text, if it is good now, and note that it was used."""
        doc = await self._store.find_one(COLLECTION, {"hash": Vault.digest(text)})
        now_s = self._now_s()
        if doc is None or (doc["expires_s"] != NEVER and doc["expires_s"] <= now_s):
            return None
        if now_s - doc["used_s"] >= _NOTED_EVERY_S:
            older = {"_id": doc["_id"], "used_s": doc["used_s"]}
            await self._store.update_one(COLLECTION, older, {"$set": {"used_s": now_s}})
        return _read(doc)

    async def revoke(self, user_id: int, token_id: str) -> AccessToken:
        """End a user's token at once, on every node. Raises NotFound."""
        mine = {"_id": token_id, "user_id": user_id}
        doc = await self._store.find_one(COLLECTION, mine)
        if doc is None or not await self._store.delete_one(COLLECTION, mine):
            raise NotFound("access token", token_id)
        return _read(doc)

    async def revoke_all(self, user_id: int) -> None:
        """End all of a user's tokens."""
        await self._store.delete_many(COLLECTION, {"user_id": user_id})

    def _now_s(self) -> int:
        return self._clock.now_us() // 1_000_000


def _read(doc: dict[str, Any]) -> AccessToken:
    known = {name: doc[name] for name in AccessToken.__slots__ if name != "id"}
    return AccessToken(id=doc["_id"], **known)
