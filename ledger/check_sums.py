"""Checking accounts: do they say what their events add up to?

Owns the sums of what was read and the comparison with an account. Promises memory that grows with
the accounts, not with the events; and that an account document that runs ahead of what was summed
is compared with exactly the events that it says are in it. Refuses to mend anything.
"""

from collections.abc import Iterable

from ledger.accounts import COLUMNS, Effect, Sums, balance_nano, effects
from ledger.archived import merge
from ledger.check_events import FAILURES
from ledger.errors import InvalidEvent
from ledger.events import Document
from ledger.money import usd
from ledger.report import Report

GROWING = tuple(column for column in COLUMNS if column != "adjusted")


def effects_of(event: Document, report: Report) -> list[Effect]:
    """Return what an event does to accounts; a damaged one does nothing, and is noted."""
    try:
        return effects(event)
    except (InvalidEvent, *FAILURES) as error:
        report.add("event invalid", event["_id"], f"has no effect: {error!r}")
        return []


class Totals:
    """What events add up to, by account. `late` keeps some of them apart, one by one."""

    def __init__(self, report: Report, sums: dict[str, Sums] | None = None) -> None:
        self.sums: dict[str, Sums] = {} if sums is None else sums
        self._late: dict[str, list[tuple[str, int, Effect]]] = {}
        self._report = report

    def fold(self, event: Document) -> None:
        """Add an event for good."""
        writer, seq = str(event["writer"]), int(event["seq"])
        for effect in effects_of(event, self._report):
            found = self.sums.get(effect.account)
            if found is None:
                found = self.sums[effect.account] = Sums()
            found.add(effect, writer, seq)

    def fold_late(self, event: Document) -> None:
        """Add an event that may not be in its accounts yet."""
        writer, seq = str(event["writer"]), int(event["seq"])
        for effect in effects_of(event, self._report):
            self._late.setdefault(effect.account, []).append((writer, seq, effect))

    def carry(self, account: str, sums: Sums) -> None:
        """Add what archived events contributed to an account."""
        merge(self.sums.setdefault(account, Sums()), sums)

    def of(self, account: str, applied: Document) -> Sums:
        """Return the sums of an account whose document names these marks."""
        base, late = self.sums.get(account), self._late.get(account)
        if not late:
            return base or Sums()
        total = Sums()
        if base is not None:
            merge(total, base)
        for writer, seq, effect in late:
            if seq <= applied.get(writer, 0):
                total.add(effect, writer, seq)
            else:
                self._report.waiting += 1
        return total

    def late_accounts(self) -> set[str]:
        """Return the accounts with events that may not be in them yet."""
        return set(self._late)

    def accounts(self) -> set[str]:
        """Return the accounts that must exist: those with events that are in them by now."""
        return set(self.sums)


def compare(account: str, document: Document, sums: Sums, report: Report) -> None:
    """Compare an account document with the sums of exactly the events that it says are in it."""
    report.accounts += 1
    for column in COLUMNS:
        stored, summed = document.get(column, 0), sums.columns.get(column, 0)
        if stored != summed:
            said = f"{column} is {stored}, its events say {summed}"
            report.add("account changed", account, said)
    consumed_by = {w: n for w, n in document.get("consumed_by", {}).items() if n}
    summed_by = {w: n for w, n in sums.consumed_by.items() if n}
    if consumed_by != summed_by or document.get("consumed", 0) != sum(summed_by.values()):
        message = "what writers consumed is not what their events say"
        report.add("account changed", account, message)
    applied = document.get("applied", {})
    if applied != sums.applied:
        behind = any(seq > applied.get(writer, 0) for writer, seq in sums.applied.items())
        said = "lacks" if behind else "claims"
        what = "were projected into it before" if behind else "do not concern it or do not exist"
        report.add("account changed", account, f"{said} events that {what}")


def check_parts(account: str, document: Document, report: Report) -> None:
    """Check what must hold within an account document, whatever its events say."""
    granted_by, consumed_by = document.get("granted_by", {}), document.get("consumed_by", {})
    if document.get("granted", 0) != sum(granted_by.values()):
        report.add("account changed", account, "slices do not add up to what is granted")
    for writer, granted in granted_by.items():
        if granted < consumed_by.get(writer, 0):
            message = f"writer {writer} spent more than it was granted"
            report.add("slice overspent", account, message)
    parts = {column: document.get(column, 0) for column in (*GROWING, "consumed", "granted")}
    for name, by_writer in (("granted_by", granted_by), ("consumed_by", consumed_by)):
        parts |= {f"{name}.{writer}": amount for writer, amount in by_writer.items()}
    for name, amount in parts.items():
        if amount < 0:
            report.add("part negative", account, f"{name} is {amount}")
    check_balance(account, document, report)


def check_balance(account: str, columns: Document, report: Report) -> None:
    """A user may not go below zero, unless a recharge was taken back that was spent; nor a lot."""
    if not account.startswith(("user:", "lot:")):
        return
    balance = balance_nano(columns)
    if account.startswith("user:"):
        report.balances_nano += balance
    if balance < 0 and not columns.get("clawed_back"):
        report.add("balance negative", account, f"{usd(balance)} USD")


def sums_to_json(sums: Iterable[tuple[str, Sums]]) -> list[list[object]]:
    """Return sums as a JSON array, for a cache."""
    return [[name, s.columns, s.consumed_by, s.applied] for name, s in sums]


def sums_from_json(data: Iterable[list[object]]) -> dict[str, Sums]:
    """Read what `sums_to_json` wrote."""
    return {str(row[0]): Sums(*row[1:]) for row in data}  # type: ignore[arg-type]
