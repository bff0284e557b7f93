"""The part of an audit that looks at account documents.

Owns one pass over the accounts and what must hold within each. Promises constant memory but for
the marks of accounts that changed since the watermarks were written. Refuses to accuse on a
snapshot: what a running process may be changing is read again before it is called a fault.
"""

from typing import Protocol

from ledger.accounts import BALANCE_SIGNS, COLUMNS, balance_nano
from ledger.archived import Archives
from ledger.events import Document
from ledger.money import usd
from ledger.store import Store

# `adjusted` may go either way; everything else only grows.
GROWING = tuple(column for column in COLUMNS if column != "adjusted")


class Findings(Protocol):
    """Where findings go."""

    accounts: int

    def add(self, kind: str, subject: str, message: str) -> None:
        """Note a fault."""


class AccountScan:
    """What one pass over the accounts saw."""

    def __init__(self, positions: dict[int, int], result: Findings) -> None:
        self._positions = {str(writer): seq for writer, seq in positions.items()}
        self._result = result
        self._slices: list[tuple[str, str]] = []
        self._highest: dict[str, tuple[int, str]] = {}
        self.sums: dict[str, int] = {}
        self.applied: dict[str, dict[str, int]] = {}

    async def read(self, store: Store) -> None:
        """Read every account once and note what is wrong with it by itself."""
        async for document in store.find("accounts", {}):
            self._see(document)

    def _see(self, document: Document) -> None:
        account = str(document["_id"])
        self._result.accounts += 1
        applied = document.get("applied", {})
        for writer, seq in applied.items():
            if seq > self._highest.get(writer, (0, ""))[0]:
                self._highest[writer] = (int(seq), account)
        if any(seq > self._positions.get(writer, 0) for writer, seq in applied.items()):
            self.applied[account] = applied
        if account.startswith("user:"):
            for column in COLUMNS:
                amount = int(document.get(column, 0))
                if amount:
                    self.sums[column] = self.sums.get(column, 0) + amount
        for kind, message in faults_within(account, document):
            self._result.add(kind, account, message)
        consumed_by = document.get("consumed_by", {})
        for writer, granted in document.get("granted_by", {}).items():
            if granted != consumed_by.get(writer, 0):
                self._slices.append((account, writer))

    async def check_slices(self, store: Store, slots: dict[int, Document]) -> None:
        """Name slices of writers that nobody owns. `slots` was read before the accounts.

        A slot that was and still is released in the same epoch had no owner in between, so nobody
        can have been about to give its slices back.
        """
        at_rest = {str(slot) for slot, document in slots.items() if document["released"]}
        suspects = [(a, w) for a, w in self._slices if w in at_rest or int(w) not in slots]
        if not suspects:
            return
        now = {str(d["_id"]): d for d in await store.find_list("writers", {})}
        for account, writer in suspects:
            before, after = slots.get(int(writer)), now.get(writer)
            if after is None:
                message = f"writer {writer}, which does not exist, was granted credit"
            elif before and after["released"] and after["epoch"] == before["epoch"]:
                message = f"writer {writer} has stopped and still holds credit"
            else:
                continue
            self._result.add("slice orphaned", account, message)

    def check_marks(self, last_seq: dict[int, int], archives: Archives) -> None:
        """No account may claim an event that its writer never recorded."""
        for writer, (seq, account) in sorted(self._highest.items()):
            last = last_seq.get(int(writer))
            if last is not None and seq > last and archives.at(int(writer), seq) is None:
                self._result.add(
                    "account ahead",
                    account,
                    f"claims event {seq} of writer {writer}, whose last one is {last}",
                )


def faults_within(account: str, document: Document) -> list[tuple[str, str]]:
    """Return (kind, message) for what can't be right in an account document by itself."""
    found = [
        ("component negative", f"{column} is {document[column]}")
        for column in (*GROWING, "granted", "consumed")
        if document.get(column, 0) < 0
    ]
    granted_by = document.get("granted_by", {})
    consumed_by = document.get("consumed_by", {})
    for name, by_writer in (("granted", granted_by), ("consumed", consumed_by)):
        found += [
            ("component negative", f"{name} by writer {writer} is {amount}")
            for writer, amount in by_writer.items()
            if amount < 0
        ]
        total = int(document.get(name, 0))
        if total != sum(by_writer.values()):
            found.append(("slices differ", f"{name} is {total}, its writers say otherwise"))
    for writer, consumed in consumed_by.items():
        if consumed > granted_by.get(writer, 0):
            found.append(("slice overspent", f"writer {writer} spent more than it was granted"))
    balance = balance_nano(document)
    if balance < 0 and account.startswith(("user:", "lot:")) and not _may_owe(document):
        found.append(("balance negative", f"{usd(balance)} USD"))
    return found


def _may_owe(document: Document) -> bool:
    """Money that was taken back after it was spent leaves a debt; nothing else may."""
    return "clawed_back" in BALANCE_SIGNS and bool(document.get("clawed_back"))
