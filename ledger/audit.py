"""The audit: cheap checks that run beside traffic, every minute, for ever.

Owns the collections `audits` (the latest result and a short history) and the document `audit` in
`positions`, which remembers how far events were read and what they added up to: a cache, without
which the next audits read everything again, a bounded piece each. Promises to name what is wrong
with the accounts, the slices, the numbering and the projections within a minute or two, while
reading each event once. Refuses to mend anything, and to look at hashes: that is what verify does.
"""

import logging
from dataclasses import dataclass, field
from typing import Any

from ledger.archived import ArchiveChanged, Archives
from ledger.audit_accounts import AccountScan
from ledger.audit_events import EventScan, Show
from ledger.chains import numbered
from ledger.events import Document
from ledger.seal_body import TYPE as SEAL
from ledger.store import Store

BUDGET_EVENTS = 500_000
HISTORY = 60
MAX_FINDINGS = 100
MAX_TRIES = 5
FEW = 10
LATE_US = 60 * 1_000_000
SEAL_LATE_US = 10 * 60 * 1_000_000
FAULT, NOTICE = "fault", "notice"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at: a stable kind, where, a sentence, and whether it is a fault."""

    kind: str
    subject: str
    message: str
    level: str = FAULT

    def __str__(self) -> str:
        return f"{self.kind}: {self.subject}: {self.message}"


@dataclass(slots=True)
class Audit:
    """The result of one audit. Times in microseconds.

    `behind` counts events that are left for the next audits; until it is 0 sums are not compared.
    """

    at_us: int
    took_us: int = 0
    events: int = 0
    behind: int = 0
    accounts: int = 0
    writers: int = 0
    waiting: int = 0
    compared: bool = False
    findings: list[Finding] = field(default_factory=list)
    found: int = 0
    faults: int = 0

    @property
    def ok(self) -> bool:
        """True when no fault was found."""
        return not self.faults

    @property
    def headline(self) -> str:
        """The result in one line."""
        if self.faults:
            first = next(f for f in self.findings if f.level == FAULT)
            more = f" (and {self.faults - 1} more)" if self.faults > 1 else ""
            return f"The audit found a fault: {first}{more}"
        if not self.compared:
            return f"No fault so far; {self.behind} events are still to be read."
        return f"The audit found no fault: {self.accounts} accounts agree with their events."

    @property
    def lines(self) -> list[str]:
        """What was looked at, then every finding, a line each."""
        looked = [
            f"events read: {self.events} new, by {self.writers} writers",
            f"accounts read: {self.accounts}",
            "sums of user accounts compared with their events: "
            + ("yes" if self.compared else f"not yet, {self.behind} events to go"),
        ]
        if self.waiting:
            looked.append(f"effects waiting to be projected: {self.waiting}")
        shown = [f"{f.level}: {f}" for f in self.findings]
        if self.found > len(self.findings):
            shown.append(f"… and {self.found - len(self.findings)} more")
        return looked + shown

    def add(self, kind: str, subject: str, message: str, level: str = FAULT) -> None:
        """Note a finding; only the first MAX_FINDINGS are kept in words, faults before notices."""
        self.found += 1
        self.faults += level == FAULT
        finding = Finding(kind, subject, message, level)
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(finding)
        elif level == FAULT and self.findings[-1].level == NOTICE:
            self.findings[-1] = finding

    def to_document(self) -> Document:
        """Return the document that is kept, and that the API answers."""
        return {
            "_id": self.at_us,
            "ok": self.ok,
            "headline": self.headline,
            "took_us": self.took_us,
            "events": self.events,
            "behind": self.behind,
            "accounts": self.accounts,
            "writers": self.writers,
            "waiting": self.waiting,
            "compared": self.compared,
            "found": self.found,
            "faults": self.faults,
            "findings": [
                {"kind": f.kind, "subject": f.subject, "message": f.message, "level": f.level}
                for f in self.findings
            ],
        }


async def audit(
    store: Store,
    *,
    budget_events: int = BUDGET_EVENTS,
    keep: bool = True,
    show: Show | None = None,
) -> Audit:
    """Look at everything that is new, and at all accounts, and keep the result.

    With `keep` off nothing is written, not even how far events were read. `show` gets what is read
    of each writer, page by page, perhaps more than once. Raises StoreError when the database can't
    be asked, ArchiveChanged when events go to archives all the time.
    """
    for _ in range(MAX_TRIES):
        archives = await Archives.load(store)
        result, events = await _look(store, archives, budget_events, show)
        if not await archives.still(store):
            continue
        if keep:
            await events.remember()
            await _keep(store, result)
        return result
    raise ArchiveChanged("events went to an archive during the audit; try again")


async def _look(
    store: Store, archives: Archives, budget_events: int, show: Show | None
) -> tuple[Audit, EventScan]:
    """Read watermarks, then accounts, then events: this order makes it exact beside traffic.

    What is below a watermark is in every account; of what is above, an account has what its own
    marks say.
    """
    result = Audit(await store.server_now_us())
    slots = {int(slot["_id"]): slot for slot in await store.find_list("writers", {})}
    positions = await _positions(store)
    events = await EventScan.resume(store, archives, positions, result, show)
    accounts = AccountScan(positions, result)
    await accounts.read(store)
    await events.read(set(slots) | set(positions), accounts.applied, budget_events)
    await accounts.check_slices(store, slots)
    accounts.check_marks(events.last_seq, archives)
    _check_writers(slots, result)
    if events.complete:
        _compare(events.sums(), accounts.sums, result)
    await _check_seals(store, events, result)
    result.took_us = await store.server_now_us() - result.at_us
    return result, events


async def watch(store: Store, log: logging.Logger, show: Show | None = None) -> Audit:
    """Run an audit and log it when its outcome is not that of the one before; `show` as there."""
    before = await latest(store)
    result = await audit(store, show=show)
    was_ok = before is None or before["ok"]
    if not result.ok and (was_ok or before is None or before["headline"] != result.headline):
        log.error("%s", result.headline)
    elif result.ok and not was_ok:
        log.warning("%s It had found one before.", result.headline)
    return result


async def latest(store: Store) -> Document | None:
    """Return the newest result that is kept, as a document, or None."""
    return await store.find_one("audits", {}, sort=[("_id", -1)])


async def history(store: Store) -> list[Document]:
    """Return the results that are kept, newest first."""
    return await store.find_list("audits", {}, sort=[("_id", -1)])


async def _positions(store: Store) -> dict[int, int]:
    """Return, by writer, up to which number everything is in all accounts."""
    documents = await store.find_list(
        "positions", {"_id": {"$gte": "accounts:", "$lt": "accounts;"}}
    )
    return {int(d["_id"].removeprefix("accounts:")): int(d["seq"]) for d in documents}


def _check_writers(slots: dict[int, Document], result: Audit) -> None:
    """A process that died leaves its slot; another one must recover it soon, if any runs."""
    for slot, document in slots.items():
        if not document["released"] and int(document["expires_us"]) + LATE_US < result.at_us:
            result.add(
                "writer abandoned",
                f"writer {slot}",
                "its process is gone and nobody recovered it: its slices are stuck",
                NOTICE,
            )


def _compare(events: dict[str, int], accounts: dict[str, int], result: Audit) -> None:
    """What all users have, column by column, must be what the events gave them."""
    result.compared = True
    for column in sorted(events.keys() | accounts.keys()):
        should, have = events.get(column, 0), accounts.get(column, 0)
        if should != have:
            result.add(
                "sums differ",
                f"all users, {column}",
                f"the accounts have {have}, their events say {should}",
            )


async def _check_seals(store: Store, events: EventScan, result: Audit) -> None:
    """Events must be sealed soon; books at rest are not expected to grow new seals, and the first
    event after a rest waits for its seal as any other."""
    hint: dict[str, Any] = await store.find_one("positions", {"_id": "seal"}) or {}
    number = int(hint.get("number", 0))
    seal = await store.find_one("events", {"_id": f"seal:{number}"}) if number else None
    if seal is None:
        if events.newest_us - events.oldest_us > SEAL_LATE_US:
            result.add("seals behind", "ledger", "no event was ever sealed", NOTICE)
        return
    heads = {int(h["writer"]): int(h["seq"]) for h in seal.get("body", {}).get("heads", ())}
    since_us = await _unsealed_since(store, heads, events.last_seq)
    if since_us is not None and result.at_us - since_us > SEAL_LATE_US:
        minutes = (result.at_us - since_us) // 60_000_000
        said = f"events have been waiting for a seal for {minutes} minutes"
        result.add("seals behind", "ledger", said)


async def _unsealed_since(store: Store, heads: dict[int, int], last: dict[int, int]) -> int | None:
    """Return the time of the oldest event behind the heads of the last seal; None when there is
    none but seals. Asks for a few numbers of each writer: a search by time would read a minute."""
    times = []
    for writer, seq in last.items():
        head = heads.get(writer, 0)
        if seq > head:
            fields = {"seq": 1, "ts": 1, "type": 1}
            behind = await numbered(store, writer, head, head + FEW, fields=fields)
            times += [int(event["ts"]) for event in behind if event["type"] != SEAL][:1]
    return min(times, default=None)


async def _keep(store: Store, result: Audit) -> None:
    document = result.to_document()
    await store.update_one("audits", {"_id": document.pop("_id")}, {"$set": document}, upsert=True)
    kept = await store.find_list("audits", {}, projection={"_id": 1}, sort=[("_id", -1)])
    for old in kept[HISTORY:]:
        await store.delete_one("audits", {"_id": old["_id"]})
