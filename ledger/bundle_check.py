"""Checking a bundle: with no database and no secrets.

Owns the check as a whole: manifest, seals, events, accounts, and that these belong together.
Promises to name any single event that was changed, removed, inserted or moved, a lost tail, a
changed file, balance or seal; the first fault first. What a bundle can't know of itself (that all
of it was written anew) a public key or an expected digest tells. Memory grows with the accounts,
not with the events. Refuses bundles of a format that it does not know.
"""

import multiprocessing
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from ledger.accounts import Sums
from ledger.archived import merge
from ledger.bundle_files import MANIFEST, BrokenBundle, Bundle, Lines
from ledger.bundle_manifest import ACCOUNTS, SEALS, Manifest
from ledger.bundle_work import CHANGED, Done, SealIndex, check_run, schemas, wanted_ids
from ledger.check_events import EventCheck, is_event
from ledger.check_reversals import ReversalCheck
from ledger.check_seals import SealCheck
from ledger.check_sums import check_balance
from ledger.errors import LedgerError
from ledger.events import Document, chain_hash
from ledger.report import Report
from ledger.seal_body import Head, Seal
from ledger.segments import Segment

#: Starting other processes is not worth it below so many events.
WORTH_PROCESSES = 60_000

Progress = Callable[[int, int], None]


def check_bundle(
    path: Path,
    *,
    keys: Collection[str] = (),
    expected: Collection[str] = (),
    processes: int = 1,
    progress: Progress | None = None,
) -> Report:
    """Check a bundle and return what was found.

    `keys` are public keys of which one must have signed the last seal; `expected` are digests of
    seals that must be there; `processes` check segments beside each other. Raises LedgerError when
    there is no bundle at all.
    """
    bundle = Bundle(path)
    report = Report("The bundle is right", "The bundle is not right")
    try:
        manifest = Manifest.read(bundle)
    except BrokenBundle as error:
        report.add("file damaged", error.file, error.why)
        return report
    with tempfile.TemporaryDirectory(prefix="tollgate-verify-") as directory:
        checking = _Checking(bundle, manifest, report, Path(directory), progress)
        checking.check_files()
        last = checking.check_seals(SealCheck(report, keys=keys, expected=expected))
        if last is not None:
            checking.check_events(last, processes)
            checking.check_accounts()
    return report


class _Checking:
    """One check of one bundle."""

    def __init__(
        self,
        bundle: Bundle,
        manifest: Manifest,
        report: Report,
        index: Path,
        progress: Progress | None,
    ) -> None:
        self._bundle = bundle
        self._manifest = manifest
        self._report = report
        self._index = index
        self._progress = progress
        self._sums: dict[str, Sums] = {}
        self._reversals = ReversalCheck(report)
        self._pending: dict[str, Document] = {}

    def check_files(self) -> None:
        """The bundle has the files that its manifest names, and no other; those that only a backup
        has are read no further."""
        here, named = set(self._bundle.names), self._manifest.names()
        for name in sorted(named - here):
            self._report.add("file missing", name, "the manifest names it")
        for name in sorted(here - named):
            self._report.add("file inserted", name, "the manifest does not name it")
        for lines in self._manifest.backup.files if self._manifest.backup else ():
            self._check_fingerprint(lines)

    def check_seals(self, check: SealCheck) -> Seal | None:
        """Check the seals beside each other, note where they end, and return the last."""
        report, index = self._report, SealIndex(self._index)
        events = EventCheck(report, schemas())
        read = 0
        try:
            for number, event in self._bundle.documents(SEALS):
                read += 1
                if not is_event(event):
                    report.add("seal invalid", f"{SEALS}, line {number}", "it is no event")
                    continue
                if chain_hash(event["prev"], event) != event["hash"]:
                    report.add("event changed", event["_id"], "it does not match its own hash")
                events.check(event)
                seal = check.check(event)
                if seal is not None:
                    index.add(seal.number, seal.digest, list(seal.heads.values()))
        except BrokenBundle as error:
            report.add("file damaged", error.file, error.why)
        check.end()
        self._check_last(check.last, read)
        self._check_fingerprint(self._manifest.seals)
        return check.last

    def _check_last(self, last: Seal | None, read: int) -> None:
        manifest, add = self._manifest, self._report.add
        if last is None:
            add("seal missing", SEALS, "there is no seal in it")
            return
        if (last.number, last.digest) != (manifest.number, manifest.digest):
            message = f"the last seal is number {last.number}, not {manifest.number} as it was"
            add("seal missing", MANIFEST, message)
        if read != manifest.seals.lines:
            add("seal missing", SEALS, f"it has {read} seals, not {manifest.seals.lines}")

    def _check_fingerprint(self, lines: Lines) -> None:
        try:
            if self._bundle.fingerprint(lines.file) != (lines.sha256, lines.bytes):
                self._report.add("file changed", lines.file, CHANGED)
        except BrokenBundle as error:
            self._report.add("file damaged", error.file, error.why)

    # -- events ---------------------------------------------------------------------------------

    def check_events(self, last: Seal, processes: int) -> None:
        """Check all segments, and that together they are what the last seal binds."""
        runs = list(self._runs())
        before: dict[int, Done] = {}
        total = sum(head.seq for head in last.heads.values())
        for run, done in self._done(runs, processes if total >= WORTH_PROCESSES else 1):
            self._join(run[0], before.get(run[0].writer), done)
            before[run[0].writer] = done
            if self._progress is not None:
                self._progress(self._report.events, total)
        self._report.writers = len(before)
        for writer in sorted(before.keys() | last.heads.keys()):
            self._check_end(last.heads.get(writer), before.get(writer))
        if self._report.events != self._manifest.events:
            message = f"it names {self._manifest.events} events, there are {self._report.events}"
            self._report.add("count wrong", MANIFEST, message)
        self._check_reversals(last)

    def _runs(self) -> Iterator[list[Segment]]:
        """Cut the segments of each writer where a seal ends, so that each run is checked alone."""
        index, run = SealIndex(self._index), list[Segment]()
        for segment in self._manifest.segments:
            same = bool(run) and run[0].writer == segment.writer
            if run and not (same and not index.ends_at(segment.writer, segment.first_seq - 1)):
                yield run
                run = []
            run.append(segment)
        if run:
            yield run

    def _done(
        self, runs: Sequence[list[Segment]], processes: int
    ) -> Iterator[tuple[list[Segment], Done]]:
        path = self._bundle.path
        if processes < 2 or len(runs) < 2:
            for run in runs:
                yield run, check_run(path, self._index, run)
            return
        # A few ahead of the one that is joined next: results wait in memory.
        context, ahead = multiprocessing.get_context("spawn"), processes * 2
        with ProcessPoolExecutor(processes, mp_context=context) as pool:
            waiting: dict[int, Future[Done]] = {}
            for at, run in enumerate(runs):
                for each in range(at, min(at + ahead, len(runs))):
                    if each not in waiting:
                        waiting[each] = pool.submit(check_run, path, self._index, runs[each])
                try:
                    done = waiting[at].result()
                except BrokenProcessPool:
                    why = "a process that checked a part of it was killed; try --processes 1"
                    raise LedgerError(f"the bundle was not checked: {why}") from None
                yield run, done
                waiting[at] = Future()

    def _join(self, first: Segment, before: Done | None, done: Done) -> None:
        """Put a run behind the one before it of the same writer."""
        report, mark = self._report, before.mark if before else None
        where = f"number {first.first_seq} of writer {first.writer}"
        at = mark.seq if mark else 0
        if first.first_seq != at + 1:
            gap = f"no file holds number {at + 1}" if first.first_seq > at else f"{where} is twice"
            kind = "event missing" if first.first_seq > at else "event inserted"
            report.add(kind, f"writer {first.writer}", gap)
        elif first.first_prev != (mark.hash if mark else "0" * 64):
            message = f"{where} does not follow the event before it"
            report.add("chain broken", first.file, message)
        if mark and done.first_ts and (mark.ts >= done.first_ts or mark.epoch > done.first_epoch):
            message = f"{where} is recorded as earlier than the one before it"
            report.add("order changed", first.file, message)
        report.merge(done.report)
        for account, sums in done.sums.items():
            merge(self._sums.setdefault(account, Sums()), sums)
        for event in done.reversals:
            self._reversals.see(event)
            self._pending[event["_id"]] = event

    def _check_end(self, head: Head | None, done: Done | None) -> None:
        mark = done.mark if done else None
        if head is None:
            self._report.add("event inserted", "the bundle", "a writer is there that no seal names")
        elif mark is None or mark.seq != head.seq:
            message = f"its events end at number {mark.seq if mark else 0}, seals bind {head.seq}"
            self._report.add("event missing", f"writer {head.writer}", message)
        elif mark.hash != head.hash:
            message = f"number {head.seq} is not the event that the last seal binds"
            self._report.add("seal broken", f"writer {head.writer}", message)

    def _check_reversals(self, last: Seal) -> None:
        """Find what was reversed; only if anything was, since the files are read once more."""
        targets = set(self._reversals.targets)
        if not targets:
            return
        try:
            for segment in self._manifest.segments:
                for event in wanted_ids(self._bundle.path, segment, targets):
                    if is_event(event):
                        self._reversals.check(event)
        except LedgerError as error:
            self._report.add("file damaged", "the bundle", str(error))
        # While the last seal was made, a charge may have been recorded behind its writer's head,
        # and its reversal before another's. A seal earlier, no charge can be missing.
        fresh = {
            str(event["body"].get("charge", event["body"].get("recharge")))
            for event in self._pending.values()
            if (head := last.heads.get(event["writer"])) and event["seq"] >= head.first_seq
        }
        self._reversals.end(fresh.__contains__)

    # -- accounts -------------------------------------------------------------------------------

    def check_accounts(self) -> None:
        """The accounts in the bundle are what its events add up to, each of them, and no other."""
        read, left = 0, self._sums
        try:
            for _, account in self._bundle.documents(ACCOUNTS):
                read += 1
                self._check_account(account, left.pop(str(account.get("_id")), None))
        except BrokenBundle as error:
            self._report.add("file damaged", error.file, error.why)
        for name, sums in sorted(left.items()):
            if any(sums.columns.values()) or any(sums.consumed_by.values()):
                self._report.add("account changed", name, "it is not in the bundle")
        if read != self._manifest.accounts.lines:
            message = f"it has {read} accounts, not {self._manifest.accounts.lines}"
            self._report.add("count wrong", ACCOUNTS, message)
        self._check_fingerprint(self._manifest.accounts)
        if self._report.balances_nano != self._manifest.balances_nano:
            self._report.add("count wrong", MANIFEST, "the sum of balances is another one")

    def _check_account(self, document: Document, sums: Sums | None) -> None:
        self._report.accounts += 1
        account, columns = str(document.get("_id")), document.get("columns")
        consumed_by = document.get("consumed_by")
        if sums is None or not isinstance(columns, dict) or not isinstance(consumed_by, dict):
            message = "no event speaks of it, or it is there twice"
            self._report.add("account changed", account, message)
            return
        for name in sorted(sums.columns.keys() | columns.keys()):
            stored, summed = columns.get(name, 0), sums.columns.get(name, 0)
            if stored != summed:
                message = f"{name} is {stored}, its events say {summed}"
                self._report.add("account changed", account, message)
        if consumed_by != {writer: nano for writer, nano in sums.consumed_by.items() if nano}:
            message = "what writers consumed is not what their events say"
            self._report.add("account changed", account, message)
        if all(isinstance(amount, int) for amount in columns.values()):
            check_balance(account, columns, self._report)
