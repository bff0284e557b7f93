"""The auditor: what must hold, recomputed from what the database holds and what callers were told.

Written from the design's words, and with nothing of the product: its own reading of each event, its
own hash. It looks at every change of every document, at the moment when it happens, and at every
answer that a caller gets; `final` looks at everything once all trouble is over.
"""

import json
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any

from tests.sim.meaning import (
    COLUMNS,
    NOTHING,
    Document,
    Violation,
    content_of,
    effects,
    hash_of,
    kind_of,
    late,
    text,
)

GENESIS = "0" * 64


@dataclass(slots=True)
class Asked:
    """One call: what it asked to be recorded, and what became of it."""

    content: str
    amount: int
    body: Document
    refused: bool = False
    promised: bool = False
    left_in: Any = None


@dataclass(slots=True)
class Column:
    """What one writer's events add up to in one account, after each of them."""

    seqs: list[int] = field(default_factory=list)
    sums: list[tuple[int, ...]] = field(default_factory=list)

    def at(self, seq: int) -> tuple[int, ...]:
        """Return the sums over the events up to a number."""
        index = bisect_right(self.seqs, seq)
        return self.sums[index - 1] if index else NOTHING


class Auditor:
    """Sees everything and forgets nothing. `guarded` are the accounts that may never go below 0."""

    def __init__(self, guarded: tuple[str, ...]) -> None:
        self.guarded = guarded
        self.events: dict[str, Document] = {}
        self.asked: dict[str, list[Asked]] = {}
        self.receipts: dict[str, tuple[int, int, str]] = {}
        self.heads: dict[int, Document] = {}
        self.columns: dict[str, dict[int, Column]] = {}
        self.accounts: dict[str, Document] = {}
        self.positions: dict[str, int] = {}
        self.balances: dict[str, int] = {}
        self.limits: dict[str, dict[int, int]] = {}

    # -- what the database does -------------------------------------------------------------------

    def changed(self, collection: str, before: Document | None, after: Document | None) -> None:
        """Look at one change. Raises Violation."""
        if collection == "events":
            if before is not None or after is None:
                raise Violation(f"event {(before or {}).get('_id')} was changed or deleted")
            self._recorded(after)
        elif collection == "accounts":
            if after is None:
                raise Violation("an account was deleted")
            self._account(before or {}, after)
        elif collection == "positions" and after is not None:
            self._position(after)

    def _recorded(self, event: Document) -> None:
        writer, seq, name = event["writer"], event["seq"], event["_id"]
        head = self.heads.get(writer)
        before = head or {"seq": 0, "hash": GENESIS, "ts": 0, "epoch": 0}
        if seq != before["seq"] + 1:
            raise Violation(f"{name}: number {seq} of writer {writer} follows {before['seq']}")
        if event["prev"] != before["hash"] or event["hash"] != hash_of(event):
            raise Violation(f"{name}: the chain of writer {writer} breaks at {seq}")
        if event["ts"] <= before["ts"] or event["at"] > event["ts"]:
            raise Violation(f"{name}: times go back")
        if event["epoch"] < before["epoch"]:
            raise Violation(f"{name}: recorded in epoch {event['epoch']} after {before['epoch']}")
        if name in self.events:
            raise Violation(f"{name} was recorded twice")
        self.heads[writer] = self.events[name] = event
        self._check_asked(event)
        for account, added in effects(event).items():
            self._add(account, writer, seq, added)

    def _add(self, account: str, writer: int, seq: int, added: tuple[int, ...]) -> None:
        column = self.columns.setdefault(account, {}).setdefault(writer, Column())
        sums = column.sums[-1] if column.sums else NOTHING
        column.seqs.append(seq)
        column.sums.append(tuple(a + b for a, b in zip(sums, added, strict=True)))
        if self._is_guarded(account):
            balance = self.balances.get(account, 0) + added[0] - added[1] + added[2]
            self.balances[account] = balance
            if balance + self._most(account) < 0:
                raise Violation(f"{account} was overspent: {balance}")

    def _is_guarded(self, account: str) -> bool:
        return account in self.guarded or kind_of(account) in ("lot", "budget")

    def _most(self, account: str) -> int:
        """Return the highest limit that a budget ever had; 0 for any other account."""
        if kind_of(account) != "budget":
            return 0
        _, kind, number, _ = account.split(":", 3)
        return max(self.limits[f"{kind}:{number}"].values())

    def _check_asked(self, event: Document) -> None:
        name = event["_id"]
        if event["type"] == "epoch.closed":
            if name != f"epoch:{event['writer']}:{event['epoch'] - 1}":
                raise Violation(f"{name} closes no epoch of writer {event['writer']}")
            return
        if event["type"] == "lot.expired":
            return self._check_expired(event)
        content = content_of(event)
        for call in self.asked.get(name, ()):
            # Who left early may have had a promise on disk that he did not hear of.
            promised = call.promised or call.left_in is not None
            if not call.refused and (
                call.content == content or (promised and late(event, call.content, call.amount))
            ):
                return
        raise Violation(f"{name} was recorded, but nobody asked for it, or who did was refused")

    def _check_expired(self, event: Document) -> None:
        """Nobody asks for the end of a lot; it takes all that is left of it, and no more."""
        lot, left = event["body"]["lot"], event["body"]["left_nano"]
        if event["_id"] != f"lot-expired:{lot}" or self.balances.get(lot) != left:
            raise Violation(f"{event['_id']}: takes {left}, left was {self.balances.get(lot)}")
        if not 0 <= -event["amount"] <= left or event["ts"] < event["body"]["expires_us"]:
            raise Violation(f"{event['_id']}: too much or too early")

    def _account(self, before: Document, after: Document) -> None:
        name = after["_id"]
        self.accounts[name] = after
        applied = {int(w): int(seq) for w, seq in after.get("applied", {}).items()}
        sums = [NOTHING]
        for writer, seq in applied.items():
            if seq > self.heads.get(writer, {"seq": 0})["seq"]:
                raise Violation(f"{name} has event {seq} of writer {writer}, which does not exist")
            consumed = self.columns.get(name, {}).get(writer, Column()).at(seq)
            if after.get("consumed_by", {}).get(str(writer), 0) != consumed[-1]:
                raise Violation(f"{name}: consumed_by of writer {writer} is not {consumed[-1]}")
            sums.append(consumed)
        expected = tuple(map(sum, zip(*sums, strict=True)))
        stored = tuple(after.get(column, 0) for column in COLUMNS)
        if stored != expected:
            raise Violation(f"{name}: {COLUMNS} are {stored}, its events say {expected}")
        self._check_slices(name, after)
        if kind_of(name) == "budget":
            self._check_budget(name, before, after)

    def _check_slices(self, name: str, after: Document) -> None:
        granted, consumed = after.get("granted_by", {}), after.get("consumed_by", {})
        if after.get("granted", 0) != sum(granted.values()):
            raise Violation(f"{name}: granted is not the sum of what was granted to each")
        for writer in {**granted, **consumed}:
            if granted.get(writer, 0) < consumed.get(writer, 0) and self._is_guarded(name):
                raise Violation(f"{name}: writer {writer} used more than it was granted")
        if name in self.guarded or kind_of(name) == "lot":
            balance, outstanding = _standing(after)
            if outstanding > balance:
                raise Violation(f"{name}: slices of {outstanding} on a balance of {balance}")

    def _check_budget(self, name: str, before: Document, after: Document) -> None:
        """Limits only follow newer ones, and nothing is granted beyond the limit of the moment."""
        _, kind, number, _ = name.split(":", 3)
        limit, when = after.get("limit_nano", 0), after.get("limit_us", 0)
        if (limit, when) != (before.get("limit_nano", 0), before.get("limit_us", 0)):
            declared = self.limits[f"{kind}:{number}"]
            if when <= before.get("limit_us", 0) or declared.get(when) != limit:
                raise Violation(f"{name}: a limit of {limit}, of {when}, follows {before}")
        balance, outstanding = _standing(after)
        if after.get("granted", 0) > before.get("granted", 0) and outstanding > limit + balance:
            raise Violation(f"{name}: slices of {outstanding}, {-balance} spent of {limit}")

    def _position(self, after: Document) -> None:
        name, seq = after["_id"], after["seq"]
        if not name.startswith("accounts:"):
            return
        if seq < self.positions.get(name, 0):
            raise Violation(f"the watermark {name} went back")
        self.positions[name] = seq
        writer = int(name.partition(":")[2])
        for account, columns in self.columns.items():
            if writer in columns:
                applied = self.accounts.get(account, {}).get("applied", {}).get(str(writer), 0)
                if columns[writer].at(applied) != columns[writer].at(max(seq, applied)):
                    raise Violation(f"watermark {name} is at {seq}, {account} at {applied}")

    # -- what callers do and are told -------------------------------------------------------------

    def limits_to(self, owner: str, changed_us: int, limit_nano: int) -> None:
        """Note that the budget of a user or key has this limit from now on."""
        self.limits.setdefault(owner, {})[changed_us] = limit_nano

    def asks(self, draft: Any) -> Asked:
        """Note that somebody asks for this to be recorded."""
        body = json.loads(text(draft.body))
        content = text([draft.type, draft.account, draft.amount_nano, body])
        call = Asked(content, draft.amount_nano, body)
        self.asked.setdefault(draft.id, []).append(call)
        return call

    def answered(self, call: Asked, draft: Any, receipt: Any, *, on_disk: bool) -> None:
        """Look at a receipt. `on_disk`: whether the machine of the caller has the event synced."""
        call.promised = True
        event = self.events.get(draft.id)
        if receipt.event_id != draft.id:
            raise Violation(f"{draft.id} got the receipt of {receipt.event_id}")
        if receipt.spilled:
            if not on_disk and event is None:
                raise Violation(f"{draft.id} has a receipt, but is neither recorded nor on disk")
            return
        if event is None:
            raise Violation(f"{draft.id} has a receipt, but is not recorded")
        told = (receipt.writer, receipt.seq, receipt.hash)
        if told != (event["writer"], event["seq"], event["hash"]):
            raise Violation(f"{draft.id}: the receipt says {told}, which is not the event")
        if self.receipts.setdefault(draft.id, told) != told:
            raise Violation(f"{draft.id} has two different receipts")
        if content_of(event) != call.content:
            raise Violation(f"{draft.id}: a receipt for what somebody else asked for")

    def refused(self, call: Asked, draft: Any) -> None:
        """Note that the caller was told that nothing was recorded for it."""
        call.refused = True
        if draft.id in self.events:
            self._check_asked(self.events[draft.id])

    def contradicted(self, call: Asked, draft: Any) -> None:
        """Look at a refusal that says: this id is recorded with other content."""
        event = self.events.get(draft.id)
        if event is None or content_of(event) == call.content:
            raise Violation(f"{draft.id} was refused as reused, but is not")
        call.refused = True

    def left(self, call: Asked, process: Any) -> None:
        """Note that a caller went away after its event was accepted by a process."""
        call.left_in = process

    # -- at the end -------------------------------------------------------------------------------

    def final(self, stored: dict[str, dict[Any, Document]]) -> None:
        """Look at everything, when nothing is under way and everything has been recovered."""
        for event in stored["events"].values():
            if event["hash"] != hash_of(event):
                raise Violation(f"{event['_id']} was changed")
        for name, calls in self.asked.items():
            if name not in self.events and any(call.promised for call in calls):
                raise Violation(f"{name} was promised and is not recorded")
            for call in calls:
                if name not in self.events and call.left_in is not None and call.left_in.ended_well:
                    raise Violation(f"{name} was accepted and dropped when its caller went away")
        for account, columns in self.columns.items():
            self._check_projected(account, columns)
        for account, document in self.accounts.items():
            if document.get("granted", 0) != document.get("consumed", 0):
                raise Violation(f"{account}: somebody who is gone still holds credit: {document}")
        for slot in stored["writers"].values():
            if not slot["released"]:
                raise Violation(f"writer {slot['_id']} was never recovered")

    def _check_projected(self, account: str, columns: dict[int, Column]) -> None:
        applied = self.accounts.get(account, {}).get("applied", {})
        for writer, column in columns.items():
            if column.at(applied.get(str(writer), 0)) != column.sums[-1]:
                raise Violation(f"{account}: events of writer {writer} are not projected")


def _standing(account: Document) -> tuple[int, int]:
    """Return the balance of an account and what all slices of it come to."""
    balance = account.get("credited", 0) - account.get("spent", 0) + account.get("adjusted", 0)
    return balance, account.get("granted", 0) - account.get("consumed", 0)
