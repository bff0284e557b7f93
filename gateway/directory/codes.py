"""Redemption codes: bearer texts that credit whoever redeems them first.

A code is looked up by its hash and kept encrypted, so that its batch can be exported again. That
a code was used is told by the books (event redeem:<code id>), never by a field here.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from typing import ClassVar

from gateway.directory import checks
from gateway.directory.checks import Check
from gateway.directory.documents import Document, Documents, reserve_ids
from gateway.directory.randomness import hex_token
from gateway.directory.vault import Vault
from ledger.errors import StoreError
from ledger.lot_names import SOURCES
from ledger.money import MAX_NANO
from ledger.store import Store

STATUS_ENABLED, STATUS_DISABLED = 1, 2
MOST_AT_ONCE = 10_000
MOST_PER_USER = 100


@dataclass(frozen=True, slots=True)
class Code:
    """A redemption code as stored. `value_nano` is what it credits, in nano-dollars.

    The credit is a gift or was paid for (`source`), and lasts `valid_days` once redeemed, 0 for
    ever. It can be redeemed until `expires_s` (unix seconds, 0 for ever), and one user can redeem
    `per_user` codes of its batch (0 for any number). One that was used in the system that it came
    from says when (`used_s`, unix seconds) and, where that is known, by whom (`used_by`).
    """

    id: int
    creator_id: int
    name: str
    value_nano: int
    hash: str = field(repr=False, default="")
    secret_enc: str = field(repr=False, default="")
    status: int = STATUS_ENABLED
    batch: int = 0
    source: str = "paid"
    valid_days: int = 0
    expires_s: int = 0
    per_user: int = 0
    used_s: int = 0
    used_by: int = 0
    created_s: int = 0
    deleted: bool = False
    changed_us: int = 0

    @property
    def is_usable(self) -> bool:
        """Whether it may be redeemed, as far as the directory knows."""
        return self.status == STATUS_ENABLED and not self.deleted and not self.used_s


@dataclass(frozen=True, slots=True)
class Batch:
    """Codes made together: ids first_id to last_id, without gaps, and their texts in that order."""

    id: int
    first_id: int
    last_id: int
    secrets: list[str] = field(repr=False)

    @property
    def count(self) -> int:
        """How many codes there are."""
        return self.last_id - self.first_id + 1


_FIELDS = [f.name for f in fields(Code) if f.name != "id"]
_check_count = checks.integer(1, MOST_AT_ONCE)


class Codes(Documents[Code]):
    """The redemption codes."""

    kind = "redemption code"
    collection = "codes"
    searched = ("name",)
    filtered = ("status", "batch", "creator_id")
    checks: ClassVar[Mapping[str, Check]] = {
        "name": checks.text(20, shortest=1),
        "status": checks.one_of((STATUS_ENABLED, STATUS_DISABLED)),
        "value_nano": checks.integer(1, MAX_NANO),
        "source": checks.one_of(SOURCES),
        "valid_days": checks.integer(0, 36_500),
        "expires_s": checks.integer(0, checks.INT63_MAX),
        "per_user": checks.integer(0, MOST_PER_USER),
    }

    def __init__(self, store: Store, vault: Vault) -> None:
        super().__init__(store, applied=lambda code: None)
        self._vault = vault

    @staticmethod
    def read(doc: Document) -> Code:
        """Turn a stored document into a code."""
        return Code(id=doc["_id"], **{name: doc[name] for name in _FIELDS if name in doc})

    async def create_batch(
        self,
        creator_id: int,
        name: str,
        value_nano: int,
        count: int,
        *,
        source: str = "paid",
        valid_days: int = 0,
        expires_s: int = 0,
        per_user: int = 0,
    ) -> Batch:
        """Make up to 10,000 codes in one insert. Raises Invalid; then nothing was written.

        When the database fails on the way, those that landed are removed again as far as it can
        be reached, and StoreError is raised; nobody has seen their texts.
        """
        cleaned = checks.clean(
            {**self.checks, "count": _check_count},
            {
                "name": name,
                "value_nano": value_nano,
                "count": count,
                "source": source,
                "valid_days": valid_days,
                "expires_s": expires_s,
                "per_user": per_user,
            },
        )
        del cleaned["count"]
        batch = await self._store.next_id("batches")
        first_id = await reserve_ids(self._store, self.collection, count)
        now_us = await self._store.server_now_us()
        common = {
            **cleaned,
            "creator_id": creator_id,
            "status": STATUS_ENABLED,
            "batch": batch,
            "created_s": now_us // 1_000_000,
            "deleted": False,
            "changed_us": now_us,
        }
        secrets = [hex_token() for _ in range(count)]
        docs = await asyncio.to_thread(self._documents, common, first_id, secrets)
        try:
            await self._store.insert_many(self.collection, docs)
        except StoreError:
            with suppress(StoreError):
                await self._store.delete_many(self.collection, {"batch": batch})
            raise
        return Batch(batch, first_id, first_id + count - 1, secrets)

    def _documents(self, common: Document, first_id: int, secrets: list[str]) -> list[Document]:
        return [
            {
                "_id": first_id + offset,
                "hash": Vault.digest(secret),
                "secret_enc": self._vault.encrypt(secret),
                **common,
            }
            for offset, secret in enumerate(secrets)
        ]

    async def by_secret(self, secret: str) -> Code | None:
        """Find a code by its text; a deleted one is not found."""
        query = {"hash": Vault.digest(secret.strip()), "deleted": False}
        doc = await self._store.find_one(self.collection, query)
        return self.read(doc) if doc else None

    def secret_of(self, code: Code) -> str:
        """Return the text of the code, for administrators. Raises SecretsLocked."""
        return self._vault.decrypt(code.secret_enc)

    async def of_batch(self, batch: int) -> list[Code]:
        """Return the codes of a batch by id, without deleted ones."""
        docs = await self._store.find_list(
            self.collection, {"batch": batch, "deleted": False}, sort=[("_id", 1)]
        )
        return [self.read(doc) for doc in docs]
