"""Sign-ins through others that have begun: one browser's, for ten minutes, good once on any node.

A state is a random text; all that belongs to it (the browser's cookie, the PKCE verifier, the
nonce) is an HMAC of it under a key of the vault, so none of it is stored. The database has the
state's own HMAC, and what to do when it comes back.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass, field

from gateway.directory.randomness import hex_token
from gateway.directory.vault import Vault
from ledger.store import Store

STATES = "oauth_states"
LIFETIME_S = 600
_US = 1_000_000
_STATE = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Started:
    """A sign-in that has begun.

    `browser` is the cookie's secret, `verifier` is of PKCE (RFC 7636), `nonce` comes back in an
    id_token. `service` is "" where the page did not say which; `user_id` is who was signed in, 0
    for nobody; `aff` is an invitation code.
    """

    state: str = field(repr=False)
    browser: str = field(repr=False)
    verifier: str = field(repr=False)
    nonce: str = field(repr=False)
    service: str = ""
    user_id: int = 0
    aff: str = ""

    @property
    def challenge(self) -> str:
        """The verifier as the service sees it first (method S256)."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


class OAuthStates:
    """The states that are out. Raises StoreError."""

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self._key = vault.derive("states of signing in through others")

    async def begin(self, service: str, user_id: int, aff: str) -> Started:
        """Make a state."""
        made = self._started(hex_token() + hex_token(), service, user_id, aff)
        now_us = await self._store.server_now_us()
        doc = {
            "_id": self._mac("name", made.state),
            "service": service,
            "user_id": user_id,
            "aff": aff,
            "expires_us": now_us + LIFETIME_S * _US,
        }
        await self._store.insert_one(STATES, doc)
        return made

    async def spend(self, state: str, browser: str) -> Started | None:
        """Return what began with a state, which then is void: of many calls one hears it.

        None for a state that is wrong, used or too old, or that another browser began.
        """
        if _STATE.fullmatch(state) is None:
            return None
        right = self._mac("browser", state).encode()
        if not hmac.compare_digest(right, browser.encode("utf-8", "replace")):
            return None
        now_us = await self._store.server_now_us()
        known = {"_id": self._mac("name", state), "expires_us": {"$gt": now_us}}
        doc = await self._store.find_one(STATES, known)
        if doc is None or await self._store.delete_one(STATES, known) != 1:
            return None
        return self._started(state, doc["service"], doc["user_id"], doc["aff"])

    async def sweep(self) -> int:
        """Delete what has expired; return how many there were."""
        now_us = await self._store.server_now_us()
        return await self._store.delete_many(STATES, {"expires_us": {"$lte": now_us}})

    def _started(self, state: str, service: str, user_id: int, aff: str) -> Started:
        return Started(
            state=state,
            browser=self._mac("browser", state),
            verifier=self._mac("verifier", state),
            nonce=self._mac("nonce", state),
            service=service,
            user_id=user_id,
            aff=aff,
        )

    def _mac(self, purpose: str, state: str) -> str:
        return hmac.new(self._key, f"{purpose}\0{state}".encode(), hashlib.sha256).hexdigest()
