"""Checking slices: is credit granted to a writer that nobody owns?

Owns the suspicion and its confirmation. Promises to accuse nobody who is about to give a slice
back: a slot that was released before the account was read, and still is in the same epoch after it
was read once more, had no owner in between. Refuses to mend anything.
"""

from ledger.accounts import read
from ledger.events import Document
from ledger.report import Report
from ledger.store import Store


class SliceCheck:
    """Looks at what accounts granted to writers; `begin`, `see` each account, `end`."""

    def __init__(self, store: Store, report: Report) -> None:
        self._store = store
        self._report = report
        self._slots: dict[str, Document] = {}
        self._suspects: list[tuple[str, str]] = []

    async def begin(self) -> set[int]:
        """Read the slots, before the accounts; return which there are."""
        self._slots = await self._read()
        return {int(slot) for slot in self._slots}

    def see(self, account: str, document: Document) -> None:
        """Look at one account."""
        consumed_by = document.get("consumed_by", {})
        for writer, granted in document.get("granted_by", {}).items():
            slot = self._slots.get(writer)
            if granted > consumed_by.get(writer, 0) and (slot is None or slot["released"]):
                self._suspects.append((account, writer))

    async def end(self) -> None:
        """Look again at what was suspicious, and note what still is."""
        for account, writer in self._suspects:
            document = await read(self._store, account)
            granted = document.get("granted_by", {}).get(writer, 0)
            left = granted - document.get("consumed_by", {}).get(writer, 0)
            before, after = self._slots.get(writer), (await self._read()).get(writer)
            at_rest = before and after and after["released"] and after["epoch"] == before["epoch"]
            if left > 0 and (at_rest or (before is None and after is None)):
                message = f"writer {writer} has stopped and still holds {left} nano-dollars"
                self._report.add("slice orphaned", account, message)

    async def _read(self) -> dict[str, Document]:
        return {str(d["_id"]): d for d in await self._store.find_list("writers", {})}
