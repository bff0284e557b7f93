"""Options: settings that administrators change while the product runs.

Values are cached whole and read without waiting; a change reaches every process like any other
change of the directory. Secret values are encrypted and never listed.
"""

from collections.abc import Callable
from typing import Any

from gateway.directory.documents import Document
from gateway.directory.errors import Invalid
from gateway.directory.option_guards import objection
from gateway.directory.option_table import OPTIONS, Option, Value
from gateway.directory.vault import Vault
from ledger.store import Store

COLLECTION = "options"
_KINDS = {bool: "boolean", int: "integer", str: "text"}


class Options:
    """All options, by One API's names."""

    def __init__(
        self, store: Store, vault: Vault, wrote: Callable[[], None] = lambda: None
    ) -> None:
        """`wrote` is called after each write, so that others can be told to look."""
        self._wrote = wrote
        self._store = store
        self._vault = vault
        self._values: dict[str, Value] = {name: row.default for name, row in OPTIONS.items()}
        self._changed_us: dict[str, int] = {}

    def get(self, name: str) -> Any:
        """Return a value in its type (bool, int or str). Raises KeyError for an unknown name."""
        return self._values[name]

    def listed(self) -> dict[str, str]:
        """Return all but the secret options as text, as One API lists them."""
        return {
            name: row.show(self._values[name]) for name, row in OPTIONS.items() if not row.is_secret
        }

    def described(self) -> dict[str, dict[str, Any]]:
        """Return what forms need to know: the `kinds` and `defaults` of options, why some are
        `fixed`, and of the `secrets` whether they are set.

        A kind is "boolean", "integer" or "text"; defaults are text, as values are.
        """
        rows = OPTIONS.values()
        return {
            "kinds": {row.name: _KINDS[type(row.default)] for row in rows},
            "defaults": {row.name: row.show(row.default) for row in rows},
            "fixed": {row.name: row.fixed for row in rows if row.fixed},
            "secrets": {row.name: bool(self._values[row.name]) for row in rows if row.is_secret},
        }

    async def set(self, name: str, raw: object) -> Value:
        """Change one option, given as text or in its type; returns the value set.

        Raises Invalid for an unknown name, a bad value, a feature that this version lacks, or a
        switch without what it needs.
        """
        row = OPTIONS.get(name)
        if row is None:
            raise Invalid(str(name)[:60], "there is no such option")
        try:
            value = row.parse(raw)
        except ValueError as error:
            raise Invalid(name, str(error)) from None
        said = objection(name, value, self.get)
        if said is not None:
            raise Invalid(name, said)
        await self._write(row, value)
        return value

    async def _write(self, row: Option, value: Value) -> None:
        stored = self._vault.encrypt(str(value)) if row.is_secret else value
        changed_us = await self._store.server_now_us()
        await self._store.update_one(
            COLLECTION,
            {"_id": row.name},
            {"$set": {"value": stored}, "$max": {"changed_us": changed_us}},
            upsert=True,
        )
        doc = await self._store.find_one(COLLECTION, {"_id": row.name})
        if doc is not None:
            self.apply(doc)
        self._wrote()

    def apply(self, doc: Document) -> None:
        """Take over a stored option, unless a later one is known already.

        A value that this version does not accept (another version wrote it) counts as the default.
        """
        row = OPTIONS.get(doc["_id"])
        if row is None or doc["changed_us"] < self._changed_us.get(row.name, 0):
            return
        try:
            raw = doc["value"]
            value = row.parse(self._vault.decrypt(raw) if row.is_secret else raw)
        except ValueError:
            value = row.default
        self._values[row.name] = value
        self._changed_us[row.name] = doc["changed_us"]

    async def load(self) -> None:
        """Read all options from the database."""
        for doc in await self._store.find_list(COLLECTION, {}):
            self.apply(doc)
