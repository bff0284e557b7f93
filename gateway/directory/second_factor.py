"""A second factor for signing in: codes of an authenticator (TOTP, RFC 6238), and recovery codes.

Each code counts once: the step of the last one is kept with the user, and moves forward only by a
guarded update, so that two sign-ins with one code cannot both succeed, on whichever nodes. The
authenticator's secret is encrypted at rest, recovery codes are stored as hashes.
"""

import base64
import hmac
import secrets
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from gateway.directory.errors import NotFound, NotNow
from gateway.directory.vault import Vault
from ledger.clock import Clock
from ledger.errors import Duplicate
from ledger.store import Store

COLLECTION = "second_factors"
STEP_S = 30
RECOVERY_CODES = 10
_DIGITS, _KEY_BYTES = 6, 20
# Clocks of phones: a code of the step before or after is taken as well.
_DRIFT = (0, -1, 1)
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator is told: the secret in base32, and the same as an address."""

    secret: str
    address: str


class SecondFactors:
    """All users' second factors, a document each, by the user's id."""

    def __init__(self, store: Store, vault: Vault, clock: Clock) -> None:
        self._store = store
        self._vault = vault
        self._clock = clock

    async def is_on(self, user_id: int) -> bool:
        """Whether a user signs in with a second factor."""
        doc = await self._doc(user_id)
        return doc is not None and bool(doc["confirmed"])

    async def begin(self, user_id: int, account: str, issuer: str) -> Enrolment:
        """Make a secret, which counts once it was confirmed. Raises NotNow where one counts."""
        key = secrets.token_bytes(_KEY_BYTES)
        sealed = self._vault.encrypt(base64.b64encode(key).decode())
        fresh = {"secret_enc": sealed, "confirmed": False, "step": 0, "recovery": []}
        if not await self._store.update_one(
            COLLECTION, {"_id": user_id, "confirmed": False}, {"$set": fresh}
        ):
            try:
                await self._store.insert_one(COLLECTION, {"_id": user_id, **fresh})
            except Duplicate:
                raise NotNow("two-factor sign-in is on already; switch it off first") from None
        address = _totp(key).get_provisioning_uri(account, issuer)
        return Enrolment(base64.b32encode(key).decode(), address)

    async def confirm(self, user_id: int, code: str) -> list[str] | None:
        """Switch it on with a first code; returns the recovery codes, None for a wrong code.

        Raises NotFound where nothing was begun.
        """
        doc = await self._doc(user_id)
        if doc is None or doc["confirmed"]:
            raise NotFound("begun second factor of user", user_id)
        step = self._step_of(doc, code)
        if step is None:
            return None
        codes = [_recovery_code() for _ in range(RECOVERY_CODES)]
        on = {"confirmed": True, "step": step, "recovery": [_digest(code) for code in codes]}
        same = {"_id": user_id, "confirmed": False, "secret_enc": doc["secret_enc"]}
        return codes if await self._store.update_one(COLLECTION, same, {"$set": on}) else None

    async def check(self, user_id: int, code: str) -> bool:
        """Whether a code of the authenticator, or a recovery code, fits; it counts this once."""
        doc = await self._doc(user_id)
        if doc is None or not doc["confirmed"]:
            return False
        step = self._step_of(doc, code)
        if step is not None:
            newer = {"_id": user_id, "secret_enc": doc["secret_enc"], "step": {"$lt": step}}
            return bool(await self._store.update_one(COLLECTION, newer, {"$set": {"step": step}}))
        digest = _digest(code)
        unused = {"_id": user_id, "recovery": digest}
        return bool(
            await self._store.update_one(COLLECTION, unused, {"$pull": {"recovery": digest}})
        )

    async def left(self, user_id: int) -> int:
        """Return how many recovery codes are left."""
        doc = await self._doc(user_id)
        return len(doc["recovery"]) if doc else 0

    async def switch_off(self, user_id: int) -> bool:
        """Forget it all; tells whether there was anything."""
        return bool(await self._store.delete_one(COLLECTION, {"_id": user_id}))

    async def _doc(self, user_id: int) -> dict[str, Any] | None:
        return await self._store.find_one(COLLECTION, {"_id": user_id})

    def _step_of(self, doc: dict[str, Any], code: str) -> int | None:
        """Return the step that a code is of; None for a wrong or an old one."""
        key = base64.b64decode(self._vault.decrypt(doc["secret_enc"]))
        now = self._clock.now_us() // 1_000_000 // STEP_S
        totp, given = _totp(key), code.replace(" ", "").encode("utf-8", "replace")
        for drift in _DRIFT:
            step = now + drift
            fits = hmac.compare_digest(totp.generate(step * STEP_S), given)
            if fits and step > doc["step"]:
                return step
        return None


def _totp(key: bytes) -> TOTP:
    return TOTP(key, _DIGITS, SHA1(), STEP_S)  # what authenticators know


def _recovery_code() -> str:
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(3))


def _digest(code: str) -> str:
    return Vault.digest(code.strip().upper().replace("-", "").replace(" ", ""))
