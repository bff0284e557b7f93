"""Parts of payments that went back: how much of a recharge is taken back, and what comes next.

Owns the takings of one recharge: events recharge.reversed, the first of which is `reverse:ID` and
the others `refund:2:ID`, `refund:3:ID` and so on, each from where the one before it ended. So those
who take at once contend for one id, and one of them is told to look again. Promises that a notice
counts by the sum that its provider says went back in all: in any order and however often they come,
the same is taken in the end, and of a payment that went back whole exactly its credit. Whole
numbers only: billionths of the currency, nano-dollars. Refuses parts of what was not paid for.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ledger.events import Document
from ledger.lot_names import opened_by
from ledger.money import usd
from ledger.reversal_errors import ReversalError
from ledger.store import Store

RECHARGE = "recharge.credited"
REFUNDED, CHARGED_BACK = "refunded", "charged_back"
_OF_ONE = 10**9


@dataclass(frozen=True, slots=True)
class Reached:
    """How much of a payment went back in all, by the way it went, in billionths of its currency."""

    refunded: int = 0
    charged_back: int = 0

    def of(self, paid: int) -> int:
        """Return how much of what was paid is back: no more than that."""
        return min(paid, self.refunded + self.charged_back)


@dataclass(frozen=True, slots=True)
class Step:
    """The next taking: its event's id, what it should take, and what it says of the part."""

    event_id: str
    due_nano: int
    part: Document | None


@dataclass(frozen=True, slots=True)
class Taking:
    """What a recorded taking says: its part (None: all of it), and what it took or missed."""

    event_id: str
    part: Document | None
    nano: int


def units(amount: str) -> int:
    """Read an amount, decimal text with nine decimals at most. Raises ValueError."""
    exact = Fraction(amount) * _OF_ONE
    if exact.denominator != 1:
        raise ValueError(f"{amount:.40} is finer than a billionth")
    return exact.numerator


def share_nano(credit_nano: int, amount: int, paid: int) -> int:
    """Return the credit of a part of what was paid, rounded down: all of it for the whole."""
    return credit_nano * amount // paid


def taking_id(recharge_id: str, number: int) -> str:
    """Return the id of the so-many-th taking of a recharge."""
    return f"reverse:{recharge_id}" if number == 1 else f"refund:{number}:{recharge_id}"


async def takings(store: Store, recharge_id: str) -> list[Document]:
    """Return the events that took of a recharge, in their order."""
    found: list[Document] = []
    while True:
        wanted = {"_id": taking_id(recharge_id, len(found) + 1)}
        event = await store.find_one("events", wanted)
        if event is None:
            return found
        found.append(event)


def reached(recharge: Document, taken: list[Document]) -> Reached:
    """Return how much of a recharge is back by now."""
    if not taken:
        return Reached()
    part = taken[-1]["body"].get("part")
    return Reached(_paid(recharge)) if part is None else _reached(part)


def next_step(
    recharge: Document, taken: list[Document], wanted: Mapping[str, str] | None
) -> Step | None:
    """Return what is still to be taken, None when nothing is.

    `wanted` is what went back in all, by how it went; without it, the whole recharge is meant.
    Raises ReversalError for a part of what nothing was paid for, or of what opened a lot.
    """
    if wanted is not None and "paid" not in recharge["body"]:
        raise ReversalError(f"{recharge['_id']} was not paid for, so that it has no parts")
    paid, now = _paid(recharge), reached(recharge, taken)
    then = _then(now, paid, wanted)
    before, after = now.of(paid), then.of(paid)
    if after < paid and opened_by(recharge) is not None:
        raise ReversalError(f"{recharge['_id']} opened a lot, which is taken back whole only")
    if after == before and (wanted is None or then.refunded == now.refunded):
        return None
    number, credit = len(taken) + 1, int(recharge["amount"])
    due = share_nano(credit, after, paid) - share_nano(credit, before, paid)
    part = {
        "number": number,
        "before": usd(before),
        "refunded": usd(then.refunded),
        "charged_back": usd(then.charged_back),
    }
    alone = wanted is None and not taken
    return Step(taking_id(recharge["_id"], number), due, None if alone else part)


def _then(now: Reached, paid: int, wanted: Mapping[str, str] | None) -> Reached:
    if wanted is None:
        return Reached(paid, now.charged_back)
    return Reached(
        max(now.refunded, units(wanted.get(REFUNDED, "0"))),
        max(now.charged_back, units(wanted.get(CHARGED_BACK, "0"))),
    )


def taking(event: Document) -> Taking:
    """Read a recorded taking."""
    body = event["body"]
    nano = abs(event["amount"]) + body.get("short_nano", 0)
    return Taking(event["_id"], body.get("part"), nano)


def fault(recharge: Document, taken: Iterable[Taking]) -> str | None:
    """Say what is wrong with the takings of a recharge of which some are parts.

    Between two of them some may be missing, in an archive. Damaged ones raise.
    """
    paid, credit, last, end = units(recharge["body"]["paid"]["amount"]), recharge["amount"], 0, 0
    for number, event_id, part, nano in sorted(map(_numbered, taken)):
        before, after = units(part["before"]), _reached(part).of(paid)
        if number == last:
            return f"there are two parts of number {number}"
        if event_id != taking_id(recharge["_id"], number):
            return f"{event_id} is not the id of part {number}"
        if before < end or (number == last + 1 and before != end) or after < before:
            return f"part {number} begins at {usd(before)}, and {usd(end)} were back"
        due = share_nano(credit, after, paid) - share_nano(credit, before, paid)
        if nano != due:
            return f"part {number} is {usd(due)} USD, and {usd(nano)} USD were taken back"
        last, end = number, after
    return None


def _numbered(each: Taking) -> tuple[int, str, dict[str, Any], int]:
    if each.part is None:
        raise ValueError(f"{each.event_id} takes the whole, and is not the only one")
    return each.part["number"], each.event_id, each.part, each.nano


def _reached(part: Mapping[str, Any]) -> Reached:
    return Reached(units(part[REFUNDED]), units(part[CHARGED_BACK]))


def _paid(recharge: Document) -> int:
    """What was paid; what was not is a whole without parts."""
    paid = recharge["body"].get("paid")
    return 1 if paid is None else units(paid["amount"])
