"""Checking reversals: each takes back one event that exists, once, and no more than it was.

Owns the reversals that were read until what they reverse is seen too, since either may come first.
Memory grows with the reversals, not with the charges. Refuses to mend anything.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ledger.check_events import FAILURES
from ledger.events import Document
from ledger.money import usd
from ledger.parts import Taking, taking
from ledger.parts import fault as parts_fault
from ledger.report import Report

#: Which field names what is reversed, and of which type that must be.
REVERSALS = {
    "usage.reversed": ("charge", "usage.charged"),
    "recharge.reversed": ("recharge", "recharge.credited"),
}


@dataclass(slots=True)
class _Reversed:
    """What reversals took back of one event."""

    type: str
    account: str
    nano: int
    times: int
    whole: bool
    parts: Document
    takings: list[Taking] = field(default_factory=list)


class ReversalCheck:
    """Collects reversals, then compares each with what it reverses."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._reversed: dict[str, _Reversed] = {}

    def see(self, event: Document) -> None:
        """Note a reversal; other events are passed over."""
        known = REVERSALS.get(event["type"])
        if known is None:
            return
        body, (field, of_type) = event["body"], known
        target = body.get(field)
        if not isinstance(target, str):  # version 1 of recharge.reversed named a reference
            return
        former = self._reversed.get(target)
        if former is not None:
            former.nano += abs(event["amount"])
            former.times += 1
            former.takings.append(taking(event))
            return
        parts = {"key": body.get("key"), "channel": body.get("channel")}
        if "lots" in body:
            parts["lots"] = body["lots"]
        nano = abs(event["amount"]) + body.get("short_nano", 0)
        whole = event["v"] > 1
        self._reversed[target] = _Reversed(
            of_type, event["account"], nano, 1, whole, parts, [taking(event)]
        )

    @property
    def targets(self) -> list[str]:
        """The ids of the events that were reversed."""
        return list(self._reversed)

    def check(self, event: Document) -> None:
        """Compare an event with what was taken back of it, if anything was."""
        found = self._reversed.pop(event["_id"], None)
        if found is None:
            return
        add, subject, was = self._report.add, event["_id"], abs(event["amount"])
        if event["type"] != found.type or event["account"] != found.account:
            add(
                "reversal wrong",
                subject,
                f"what was reversed is no {found.type} of {found.account}",
            )
            return
        if any(each.part is not None for each in found.takings):
            self._check_parts(event, found.takings)
        elif found.whole and found.times > 1:
            add("reversed twice", subject, f"{found.times} reversals name it")
        elif found.nano > was or (found.whole and found.nano != was):
            said = f"it was {usd(was)} USD, and {usd(found.nano)} USD were taken back"
            add("reversal wrong", subject, said)
        body = event["body"]
        same = all(body.get(name) == value for name, value in found.parts.items() if name != "lots")
        same &= found.parts.get("lots", []) == (body.get("lots") or [])
        if found.type == "usage.charged" and found.whole and not same:
            add("reversal wrong", subject, "key, channel or lots are not those of the charge")

    def _check_parts(self, recharge: Document, takings: list[Taking]) -> None:
        try:
            wrong = parts_fault(recharge, takings)
        except FAILURES as error:
            wrong = f"its parts can't be checked: {error!r}"
        if wrong is not None:
            self._report.add("reversal wrong", recharge["_id"], wrong)

    def end(self, excused: Callable[[str], bool]) -> None:
        """Note reversals of nothing. `excused` tells which ids need not be known here."""
        for target in self._reversed:
            if not excused(target):
                self._report.add("reversal wrong", target, "it was reversed and does not exist")
        self._reversed.clear()

    def merge(self, seen: Iterable[Document]) -> None:
        """Note reversals that another process read."""
        for event in seen:
            self.see(event)
