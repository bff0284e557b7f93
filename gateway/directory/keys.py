"""Keys: what a client sends with a request (One API's routes call them tokens).

A key is looked up by the SHA-256 of its secret, and the secret is also kept encrypted, so that its
owner can copy it again. What is left on a limited key is an account in the books, not a field.
"""

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from gateway.directory import checks, limit_tables
from gateway.directory.checks import Check
from gateway.directory.documents import Document, Documents
from gateway.directory.errors import Invalid
from gateway.directory.randomness import KEY_LENGTH, letters
from gateway.directory.vault import Vault
from ledger.periods import Budget, checked_zone
from ledger.store import Store

STATUS_ENABLED, STATUS_DISABLED, STATUS_EXPIRED, STATUS_EXHAUSTED = 1, 2, 3, 4
NEVER = -1

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_REASONS = {
    STATUS_DISABLED: "disabled",
    STATUS_EXPIRED: "expired",
    STATUS_EXHAUSTED: "exhausted",
}


@dataclass(frozen=True, slots=True)
class Key:
    """A key as stored. Times ending in _s are unix seconds; limits (limit_tables.py) of 0 are none.

    `accessed_s` is 0 until the first use, and may lag by half a minute. `budgets` limit what may
    be spent in a day, week or month of `budget_timezone` ("" is UTC). `group` is in which it is
    used, "" for its owner's (groups.py). After a rotation the secret before it, by its hash, works
    until `previous_until_s`.
    """

    id: int
    user_id: int
    hash: str = field(repr=False, default="")
    secret_enc: str = field(repr=False, default="")
    name: str = ""
    status: int = STATUS_ENABLED
    created_s: int = 0
    accessed_s: int = 0
    expired_s: int = NEVER
    unlimited: bool = False
    models: frozenset[str] | None = None
    subnets: tuple[str, ...] = ()
    rpm: int = 0
    tpm: int = 0
    concurrency: int = 0
    budgets: tuple[Budget, ...] = ()
    budget_timezone: str = ""
    group: str = ""
    previous_hash: str = field(repr=False, default="")
    previous_until_s: int = 0
    deleted: bool = False
    changed_us: int = 0
    networks: tuple[Network, ...] = field(repr=False, default=())

    @property
    def account(self) -> str:
        """The key's account in the books."""
        return f"key:{self.id}"

    def usable(self, now_s: float) -> str | None:
        """Return None when the key may be used, else "disabled", "expired" or "exhausted"."""
        if self.deleted:
            return "disabled"
        if self.status != STATUS_ENABLED:
            return _REASONS.get(self.status, "disabled")
        if self.expired_s != NEVER and self.expired_s <= now_s:
            return "expired"
        return None

    def answers_to(self, digest: str, now_s: float) -> bool:
        """Whether a secret, by its hash, is this key's: the one it has, or the one before."""
        before = digest == self.previous_hash and now_s < self.previous_until_s
        return before or digest == self.hash

    def allows_model(self, model: str) -> bool:
        """Tell whether the key may use the model."""
        return self.models is None or model in self.models

    def allows_address(self, address: str) -> bool:
        """Tell whether the key may be used from an IP address; any, when it names no networks."""
        if not self.networks:
            return True
        try:
            parsed = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(parsed, "ipv4_mapped", None)
        return any((mapped or parsed) in network for network in self.networks)


_PARSED = ("id", "models", "subnets", "networks", "budgets")
_FIELDS = [f.name for f in fields(Key) if f.name not in _PARSED]


class Keys(Documents[Key]):
    """The keys of all users."""

    kind = "key"
    collection = "keys"
    searched = ("name",)
    filtered = ("user_id", "status")
    checks: ClassVar[Mapping[str, Check]] = {
        "name": checks.text(30),
        "status": checks.one_of(
            (STATUS_ENABLED, STATUS_DISABLED, STATUS_EXPIRED, STATUS_EXHAUSTED)
        ),
        "expired_s": checks.integer(NEVER, 253_402_300_799),
        "unlimited": checks.boolean,
        "models": checks.optional_names(200, most=1_000),
        "subnets": checks.subnets,
        **limit_tables.CHECKS,
        "budgets": checks.budgets,
        "budget_timezone": checked_zone,
        "group": checks.text(32),
    }

    def __init__(self, store: Store, applied: Callable[[Key], None], vault: Vault) -> None:
        super().__init__(store, applied)
        self._vault = vault
        self._touched: dict[int, int] = {}

    @staticmethod
    def read(doc: Document) -> Key:
        """Turn a stored document into a key."""
        models = doc.get("models")
        subnets = tuple(doc.get("subnets") or ())
        return Key(
            id=doc["_id"],
            models=None if models is None else frozenset(models),
            subnets=subnets,
            budgets=checks.stored_budgets(doc),
            networks=tuple(ipaddress.ip_network(subnet) for subnet in subnets),
            **{name: doc[name] for name in _FIELDS if name in doc},
        )

    async def create(
        self,
        user_id: int,
        changes: Mapping[str, Any],
        *,
        secret: str | None = None,
        key_id: int | None = None,
    ) -> tuple[Key, str]:
        """Store a new key and return it with its secret (without "sk-"). Raises Invalid, Conflict.

        Without fields it is limited, with nothing on it, and never expires. `secret` and `key_id`
        are for the first start, which must make the same key however often it is tried.
        """
        cleaned = checks.clean(self.checks, changes)
        secret = check_secret(secret) if secret is not None else letters(KEY_LENGTH)
        stored = {
            "user_id": user_id,
            "name": "",
            "status": STATUS_ENABLED,
            "expired_s": NEVER,
            "unlimited": False,
            "models": None,
            "subnets": [],
            **dict.fromkeys(limit_tables.NAMES, 0),
            **cleaned,
            "hash": Vault.digest(secret),
            "secret_enc": self._vault.encrypt(secret),
            "accessed_s": 0,
        }
        return await self._insert(stored, key_id), secret

    async def rotate(self, key_id: int, previous_until_s: int) -> tuple[Key, str]:
        """Give a key a new secret, and return it; the one before works until then (unix seconds).

        The one before that works no longer. Raises NotFound.
        """
        secret, now = letters(KEY_LENGTH), await self.get(key_id)
        changes = {
            "hash": Vault.digest(secret),
            "secret_enc": self._vault.encrypt(secret),
            "previous_hash": now.hash,
            "previous_until_s": previous_until_s,
        }
        return await self._change(key_id, changes), secret

    async def by_hash(self, digest: str) -> Key | None:
        """Find a key by the hash of its secret, or of the one before; a deleted one is not found.

        Whether the one before works still is for the caller to see (`answers_to`).
        """
        doc = await self._store.find_one(self.collection, {"hash": digest, "deleted": False})
        if doc is None:
            before = {"previous_hash": digest, "deleted": False}
            doc = await self._store.find_one(self.collection, before)
        return self.read(doc) if doc else None

    def secret_of(self, key: Key) -> str:
        """Return the secret (without "sk-"), for its owner. Raises SecretsLocked."""
        return self._vault.decrypt(key.secret_enc)

    def touch(self, key_id: int, now_s: int) -> None:
        """Note in memory that the key was used; `flush_touches` writes it down."""
        self._touched[key_id] = now_s

    async def flush_touches(self) -> None:
        """Write the times of last use. Not a change that other processes need to see.

        Raises StoreError; what was not written stays noted.
        """
        if not self._touched:
            return
        touched, self._touched = self._touched, {}
        writes = [
            ({"_id": key_id}, {"$max": {"accessed_s": now_s}}, False)
            for key_id, now_s in touched.items()
        ]
        try:
            await self._store.bulk_update(self.collection, writes)
        except BaseException:
            self._touched = {**touched, **self._touched}
            raise


def check_secret(secret: str) -> str:
    """Return a chosen secret without "sk-". Raises Invalid: a hyphen would begin a channel id."""
    secret = secret.strip().removeprefix("sk-")
    if not 8 <= len(secret) <= 200 or not secret.isascii() or not secret.isprintable():
        raise Invalid("key", "must be 8 to 200 printable ASCII characters")
    if " " in secret or "-" in secret:
        raise Invalid("key", "must contain neither spaces nor hyphens")
    return secret
