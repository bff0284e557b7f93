"""Reports: what a check looked at and what it found.

Owns the words. Promises that the headline says the first fault in one line, that kinds of faults
are stable, and bounded memory whatever is found. A notice is worth knowing and no fault.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

from ledger.money import usd

MAX_FAULTS = 200


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: a stable kind, where, and a sentence for a person."""

    kind: str
    subject: str
    message: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.subject}: {self.message}"


@dataclass(slots=True)
class Report:
    """What was checked and what was found. `right` and `wrong` begin the headline."""

    right: str = "The books balance"
    wrong: str = "The books do not balance"
    events: int = 0
    before: int = 0  # events that an earlier run had checked
    archived: int = 0
    accounts: int = 0
    writers: int = 0
    waiting: int = 0
    seals: int = 0
    signed: int = 0
    unsealed: int = 0
    last_seal: str = ""
    unpriced: int = 0
    balances_nano: int = 0
    faults: list[Fault] = field(default_factory=list)
    faults_found: int = 0
    notices: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """True when nothing is wrong."""
        return not self.faults_found

    @property
    def headline(self) -> str:
        """The result in one line."""
        if not self.ok:
            more = f" (and {self.faults_found - 1} more)" if self.faults_found > 1 else ""
            return f"{self.wrong}: {self.faults[0]}{more}"
        known = f" ({self.before} of them checked before)" if self.before else ""
        return (
            f"{self.right}: {self.events + self.before} events{known},"
            f" {self.accounts} accounts, no fault."
        )

    @property
    def lines(self) -> list[str]:
        """What was checked, then every notice and every fault, a line each."""
        checked = [
            f"events read: {self.events}, by {self.writers} writers",
            "checked of each: schema, number, link to the one before, hash, amount against factors",
            f"accounts recomputed: {self.accounts}",
            f"user balances: {usd(self.balances_nano)} USD in all",
            f"seals: {self.seals}, signed: {self.signed}; events behind the last: {self.unsealed}",
        ]
        if self.last_seal:
            checked.append(f"last seal: {self.last_seal}")
        if self.archived:
            checked.append(f"events in archives, known by their sums: {self.archived}")
        if self.waiting:
            checked.append(
                f"effects waiting to be projected: {self.waiting} (normal while running)"
            )
        if self.unpriced:
            checked.append(f"notice: {self.unpriced} charges were made without a price")
        found = [f"notice: {notice}" for notice in self.notices]
        found += [str(fault) for fault in self.faults]
        if self.faults_found > len(self.faults):
            found.append(f"… and {self.faults_found - len(self.faults)} more")
        return checked + found

    def to_document(self) -> dict[str, Any]:
        """Return the document that is kept, and that the API answers."""
        return {
            "ok": self.ok,
            "headline": self.headline,
            "lines": self.lines,
            "events": self.events,
            "checked_before": self.before,
            "accounts": self.accounts,
            "writers": self.writers,
            "seals": self.seals,
            "signed": self.signed,
            "unsealed": self.unsealed,
            "last_seal": self.last_seal,
            "archived": self.archived,
            "unpriced": self.unpriced,
            "balances": usd(self.balances_nano),
            "notices": list(self.notices),
            "faults_found": self.faults_found,
            "faults": [asdict(fault) for fault in self.faults],
        }

    def add(self, kind: str, subject: str, message: str) -> None:
        """Note a fault; only the first MAX_FAULTS are kept in words."""
        self.faults_found += 1
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(Fault(kind, subject, message))

    def notice(self, text: str) -> None:
        """Note what is worth knowing; only the first MAX_FAULTS are kept."""
        if len(self.notices) < MAX_FAULTS:
            self.notices.append(text)

    def merge(self, other: "Report") -> None:
        """Add what another check of a part of the same books found."""
        self.events += other.events
        self.unpriced += other.unpriced
        self.unsealed += other.unsealed
        self.faults_found += other.faults_found
        self.faults += other.faults[: MAX_FAULTS - len(self.faults)]
        self.notices += other.notices[: MAX_FAULTS - len(self.notices)]
