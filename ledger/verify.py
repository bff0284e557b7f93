"""Verification: are the books right?

Owns the checks. Promises to read every event once and to name each fault it finds: a changed,
missing, inserted or reordered event, an amount that its own factors do not give, an account that
does not say what its events add up to. Works beside running servers: an account is compared with
exactly the events that it says are in it. Refuses to mend anything.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from ledger.accounts import BALANCE_SIGNS, COLUMNS, Sums, balance_nano, effects
from ledger.costs import fault as cost_fault
from ledger.errors import InvalidEvent
from ledger.events import GENESIS, Document, Schemas, chain_hash
from ledger.money import usd
from ledger.quote import charge_from_factors
from ledger.scan import chain, counts
from ledger.store import Store

MAX_FAULTS = 200

Progress = Callable[[int, int], None]


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
    """What was checked and what was found."""

    events: int = 0
    accounts: int = 0
    writers: int = 0
    waiting: int = 0
    balances_nano: int = 0
    faults: list[Fault] = field(default_factory=list)
    faults_found: int = 0

    @property
    def ok(self) -> bool:
        """True when nothing is wrong."""
        return not self.faults_found

    @property
    def headline(self) -> str:
        """The result in one line."""
        if not self.ok:
            more = f" (and {self.faults_found - 1} more)" if self.faults_found > 1 else ""
            return f"The books do not balance: {self.faults[0]}{more}"
        return f"The books balance: {self.events} events, {self.accounts} accounts, no fault."

    @property
    def lines(self) -> list[str]:
        """What was checked, then every fault, a line each."""
        checked = [
            f"events read: {self.events}, by {self.writers} writers",
            "checked of each: schema, number, link to the one before, hash, amount against factors",
            f"accounts recomputed: {self.accounts}",
            f"user balances: {usd(self.balances_nano)} USD in all",
        ]
        if self.waiting:
            checked.append(
                f"effects waiting to be projected: {self.waiting} (normal while running)"
            )
        found = [str(fault) for fault in self.faults]
        if self.faults_found > len(self.faults):
            found.append(f"… and {self.faults_found - len(self.faults)} more")
        return checked + found

    def add(self, kind: str, subject: str, message: str) -> None:
        """Note a fault; only the first MAX_FAULTS are kept in words."""
        self.faults_found += 1
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(Fault(kind, subject, message))


async def verify(store: Store, *, progress: Progress | None = None) -> Report:
    """Check the whole ledger. `progress(done, total)` is called now and then.

    The accounts are read before the events, so that every event that an account claims is seen.
    """
    report = Report()
    positions = await _positions(store)
    books = await _Accounts.read(store, report, positions)
    counted = await counts(store)
    for writer, count in counted.items():
        report.writers += 1
        read_before = report.events
        await _check_chain(store, writer, report, books, progress, sum(counted.values()))
        hidden = count - (report.events - read_before)
        if hidden > 0:
            report.add("event inserted", f"writer {writer}", f"{hidden} have no possible number")
    books.compare()
    return report


async def _positions(store: Store) -> dict[str, int]:
    prefix = "accounts:"
    documents = await store.find_list("positions", {})
    found = (d for d in documents if d["_id"].startswith(prefix))
    return {d["_id"].removeprefix(prefix): int(d["seq"]) for d in found}


async def _check_chain(
    store: Store,
    writer: int,
    report: Report,
    books: "_Accounts",
    progress: Progress | None,
    total: int,
) -> None:
    link = _Link(writer, report)
    schemas = Schemas()
    async for page in chain(store, writer):
        for event in page:
            report.events += 1
            link.check(event)
            _check_schema(event, schemas, report)
            _check_amount(event, report)
            books.add(event)
        if progress is not None:
            progress(report.events, max(total, report.events))
    books.check_end(str(writer), link.seq)


class _Link:
    """Walks one writer's chain and compares each event with the one before."""

    def __init__(self, writer: int, report: Report) -> None:
        self._writer = writer
        self._report = report
        self.seq = 0
        self._hash = GENESIS
        self._ts = 0
        self._epoch = 0

    def check(self, event: Document) -> None:
        """Note every way in which `event` is not what must come next."""
        add, subject, seq = self._report.add, str(event["_id"]), event["seq"]
        where = f"number {seq} of writer {self._writer}"
        if seq > self.seq + 1:
            gap = f"{self.seq + 1}" + (f" to {seq - 1}" if seq > self.seq + 2 else "")
            add("event missing", f"writer {self._writer}", f"no event has number {gap}")
        elif seq <= self.seq:
            add("event inserted", subject, f"{where} is there twice")
        if event["prev"] != self._hash and seq == self.seq + 1:
            add("chain broken", subject, f"{where} does not follow the event before it")
        if chain_hash(event["prev"], event) != event["hash"]:
            add("event changed", subject, f"{where} does not match its own hash")
        if event["ts"] <= self._ts or event["epoch"] < self._epoch:
            add("order changed", subject, f"{where} is recorded as earlier than the one before it")
        self.seq, self._hash = seq, event["hash"]
        self._ts, self._epoch = event["ts"], event["epoch"]


def _check_schema(event: Document, schemas: Schemas, report: Report) -> None:
    try:
        schemas.check_stored(event)
    except InvalidEvent as error:
        report.add("event invalid", str(event["_id"]), str(error))


def _check_amount(event: Document, report: Report) -> None:
    """A charge must be what its own factors and usage give, less what credit did not cover."""
    if event["type"] != "usage.charged":
        return
    subject, body = str(event["_id"]), event["body"]
    try:
        priced = charge_from_factors(body["price"], body["usage"])
        charged = -event["amount"] + body["shortfall_nano"]
    except (InvalidEvent, ArithmeticError, KeyError, TypeError, ValueError) as error:
        report.add("event invalid", subject, f"can't be priced: {error!r}")
        return
    if priced != charged:
        report.add(
            "amount wrong",
            subject,
            f"its factors give {usd(priced)} USD, the event says {usd(charged)} USD",
        )
    wrong = cost_fault(event)
    if wrong is not None:
        report.add("cost wrong", subject, wrong)
    if subject != f"usage:{body['request_id']}":
        report.add("id wrong", subject, "the id is not the one of its request")


class _Accounts:
    """Account documents beside the sums of exactly those events that they say are in them."""

    def __init__(self, report: Report, positions: dict[str, int]) -> None:
        self._report = report
        self._positions = positions
        self._documents: dict[str, Document] = {}
        self._sums: dict[str, Sums] = {}
        self._missed: set[str] = set()

    @classmethod
    async def read(cls, store: Store, report: Report, positions: dict[str, int]) -> "_Accounts":
        accounts = cls(report, positions)
        async for document in store.find("accounts", {}):
            accounts._documents[document["_id"]] = document
        return accounts

    def add(self, event: Document) -> None:
        writer, seq = str(event["writer"]), event["seq"]
        try:
            touched = effects(event)
        except (InvalidEvent, KeyError, TypeError, IndexError) as error:
            self._report.add("event invalid", str(event["_id"]), f"has no effect: {error!r}")
            return
        for effect in touched:
            document = self._documents.get(effect.account)
            applied = document.get("applied", {}).get(writer, 0) if document else 0
            if seq <= applied:
                self._sums.setdefault(effect.account, Sums()).add(effect, writer, seq)
            elif seq <= self._positions.get(writer, 0):
                self._missed.add(effect.account)
            else:
                self._report.waiting += 1

    def check_end(self, writer: str, last_seq: int) -> None:
        """A chain that ends before what was already projected has lost its tail."""
        if self._positions.get(writer, 0) > last_seq:
            self._report.add(
                "event missing",
                f"writer {writer}",
                f"its last event is {last_seq}, but {self._positions[writer]} were projected",
            )

    def compare(self) -> None:
        for account in sorted(self._missed):
            self._report.add(
                "account changed", account, "lacks events that were projected into it before"
            )
        for account, document in sorted(self._documents.items()):
            self._report.accounts += 1
            self._compare_one(account, document, self._sums.get(account, Sums()))

    def _compare_one(self, account: str, document: Document, sums: Sums) -> None:
        add = self._report.add
        for column in COLUMNS:
            stored, summed = int(document.get(column, 0)), sums.columns.get(column, 0)
            if stored != summed:
                add("account changed", account, f"{column} is {stored}, its events say {summed}")
        consumed_by = {w: n for w, n in document.get("consumed_by", {}).items() if n}
        consumed = sum(sums.consumed_by.values())
        if consumed_by != sums.consumed_by or int(document.get("consumed", 0)) != consumed:
            add("account changed", account, "what writers consumed is not what their events say")
        if document.get("applied", {}) != sums.applied:
            add("account changed", account, "claims events that do not concern it or do not exist")
        self._check_slices(account, document)
        balance = balance_nano(document)
        if account.startswith("user:"):
            self._report.balances_nano += balance
        if balance < 0 and _must_not_be_negative(account, document):
            add("balance negative", account, f"{usd(balance)} USD")

    def _check_slices(self, account: str, document: Document) -> None:
        granted_by = document.get("granted_by", {})
        if int(document.get("granted", 0)) != sum(granted_by.values()):
            self._report.add("account changed", account, "slices do not add up to what is granted")
        for writer, granted in granted_by.items():
            if granted < document.get("consumed_by", {}).get(writer, 0):
                self._report.add(
                    "slice overspent", account, f"writer {writer} spent more than it was granted"
                )


def _must_not_be_negative(account: str, document: Document) -> bool:
    """An unlimited key and a channel only count; a user and a limited key may not go below zero."""
    if any(document.get(column) for column in BALANCE_SIGNS if column == "clawed_back"):
        return False
    return account.startswith("user:")
