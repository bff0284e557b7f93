"""Accounts as they are projected, taken back (or on) to a seal.

Owns the correction. An account document may run ahead of the seal's heads, or a moment behind them;
what it has too much or lacks is read from the few events around the heads. So a bundle says what
the projection says, not what the events should give: comparing the two is for whoever checks.
Promises constant memory but for the events around the heads. Refuses nothing.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from ledger.accounts import COLUMNS, Effect, effects
from ledger.chains import chain
from ledger.events import Document
from ledger.seal_body import Seal
from ledger.store import Store


class Accounts:
    """The accounts of one database at one seal; `begin` before the events are exported."""

    def __init__(self, store: Store, seal: Seal) -> None:
        self._store = store
        self._heads = {writer: head.seq for writer, head in seal.heads.items()}
        self._reached: dict[int, int] = {}
        self._near: dict[str, list[tuple[int, int, Effect]]] = {}

    async def begin(self) -> None:
        """Remember from which number on events may be missing in accounts."""
        wanted = {"_id": {"$gte": "accounts:", "$lt": "accounts;"}}
        for document in await self._store.find_list("positions", wanted):
            writer = int(document["_id"].removeprefix("accounts:"))
            self._reached[writer] = min(int(document["seq"]), self._heads.get(writer, 0))

    async def read(self) -> AsyncGenerator[Document, None]:
        """Yield {_id, columns, consumed_by} of every account, without what is zero."""
        for writer in self._heads.keys() | self._reached.keys():
            await self._read_on(writer, None)
        seen: set[str] = set()
        async with aclosing(self._store.find("accounts", {})) as found:
            async for document in found:
                applied = document.get("applied", {})
                for writer, seq in applied.items():
                    await self._read_on(int(writer), int(seq))
                account = str(document["_id"])
                if account in self._near:
                    seen.add(account)
                if (line := self._at_seal(account, document)) is not None:
                    yield line
        for account in sorted(self._near.keys() - seen):
            if (line := self._at_seal(account, {})) is not None:
                yield line

    async def _read_on(self, writer: int, to: int | None) -> None:
        after = self._reached.get(writer, 0)
        if to is not None and to <= after:
            return
        async with aclosing(chain(self._store, writer, after, to)) as found:
            async for page in found:
                for event in page:
                    for effect in effects(event):
                        near = self._near.setdefault(effect.account, [])
                        near.append((writer, int(event["seq"]), effect))
                self._reached[writer] = int(page[-1]["seq"])

    def _at_seal(self, account: str, document: Document) -> Document | None:
        columns = {name: int(document.get(name, 0)) for name in COLUMNS}
        consumed_by = {w: int(n) for w, n in document.get("consumed_by", {}).items()}
        applied = document.get("applied", {})
        for writer, seq, effect in self._near.get(account, ()):
            has, should = seq <= applied.get(str(writer), 0), seq <= self._heads.get(writer, 0)
            if has == should:
                continue
            sign, key = (1 if should else -1), str(writer)
            for name, amount in effect.columns.items():
                columns[name] = columns.get(name, 0) + sign * amount
            if effect.consumed_nano:
                consumed_by[key] = consumed_by.get(key, 0) + sign * effect.consumed_nano
        columns = {name: amount for name, amount in columns.items() if amount}
        consumed_by = {w: amount for w, amount in consumed_by.items() if amount}
        if not columns and not consumed_by:
            return None
        return {"_id": account, "columns": columns, "consumed_by": consumed_by}
