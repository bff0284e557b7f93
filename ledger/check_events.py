"""Checking one event by itself: its form, its schema, its amount.

Owns what must hold of an event whatever stands beside it. Promises to name every fault and never to
fail on what it checks, however damaged. Refuses to mend anything.
"""

from collections.abc import Callable
from operator import itemgetter

from ledger.costs import fault as cost_fault
from ledger.errors import InvalidEvent
from ledger.events import Document, Schemas
from ledger.lot_names import fault as lot_fault
from ledger.money import usd
from ledger.paid import fault as paid_fault
from ledger.parts import taking_id
from ledger.quote import NEW_IN
from ledger.recount import Recount
from ledger.report import Report

TEXTS = ("_id", "type", "account", "actor", "req_hash", "prev", "hash")
NUMBERS = ("v", "amount", "at", "ts", "writer", "epoch", "seq")
#: What damaged events may raise anywhere.
FAILURES = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
FIELDS = frozenset((*TEXTS, *NUMBERS, "body"))
_TEXT = {str}
_texts, _numbers = itemgetter(*TEXTS), itemgetter(*NUMBERS)


def is_event(event: Document) -> bool:
    """Tell whether a document has the fields of an event, each of its kind, and no other."""
    return (
        event.keys() == FIELDS
        and set(map(type, _texts(event))) == _TEXT
        and all(map(_is_whole, set(map(type, _numbers(event)))))
        and isinstance(event["body"], dict)
    )


def _is_whole(kind: type) -> bool:
    return issubclass(kind, int) and kind is not bool


class EventCheck:
    """Checks events, one by one, and notes their faults in a report."""

    def __init__(self, report: Report, schemas: Schemas | None = None) -> None:
        self._report = report
        self._schemas = schemas or Schemas()
        self._recount = Recount()
        self._checks: dict[str, Callable[[Document], None]] = {
            "usage.charged": self._check_charge,
            "usage.reversed": self._check_reversal,
            "recharge.credited": self._check_payment,
            "recharge.reversed": self._check_reversal,
        }

    def check(self, event: Document) -> None:
        """Note what is wrong with an event that `is_event`."""
        try:
            self._schemas.check_stored(event)
            check = self._checks.get(event["type"])
            if check is not None:
                check(event)
        except InvalidEvent as error:
            self._report.add("event invalid", event["_id"], str(error))
        except FAILURES as error:
            self._report.add("event invalid", event["_id"], f"can't be checked: {error!r}")

    def _check_charge(self, event: Document) -> None:
        """A charge must be what its own factors and usage give, less what credit did not cover."""
        add, subject, body = self._report.add, event["_id"], event["body"]
        for version, classes in NEW_IN.items():
            if event["v"] < version and not classes.isdisjoint(body["usage"]):
                add("event invalid", subject, f"version {event['v']} has no such usage")
        priced = self._recount.charge_nano(body["price"], body["usage"])
        charged = -event["amount"] + body["shortfall_nano"]
        if priced != charged:
            said = f"its factors give {usd(priced)} USD, the event says {usd(charged)} USD"
            add("amount wrong", subject, said)
        if body["price"].get("unpriced"):
            self._report.unpriced += 1
        wrong = lot_fault(event)
        if wrong is not None:
            add("lots wrong", subject, wrong)
        wrong = cost_fault(event, self._recount.charge_nano)
        if wrong is not None:
            add("cost wrong", subject, wrong)
        if subject != f"usage:{body['request_id']}":
            add("id wrong", subject, "the id is not the one of its request")
        wrong = _holds_fault(event)
        if wrong is not None:
            add("hold wrong", subject, wrong)

    def _check_payment(self, event: Document) -> None:
        """What was paid must give the credit, under the one id that the payment has."""
        wrong = paid_fault(event)
        if wrong is not None:
            self._report.add(wrong[0], event["_id"], wrong[1])

    def _check_reversal(self, event: Document) -> None:
        """A reversal is named after what it reverses, so that there can be only one."""
        body = event["body"]
        number = body.get("part", {}).get("number", 1)
        own = taking_id(body.get("charge", body.get("recharge")), number)
        if event["v"] > 1 and event["_id"] != own:
            add = self._report.add
            add("id wrong", event["_id"], "the id is not the one of what it reverses")


def _holds_fault(event: Document) -> str | None:
    """Say what is wrong with the accounts that a charge says it was held in."""
    body, user = event["body"], event["account"].partition(":")[2]
    own = {event["account"], f"key:{body['key']}"}
    theirs = (f"budget:user:{user}:", f"budget:key:{body['key']}:", f"lot:{user}:")
    for account in body["hold"]["accounts"]:
        if account not in own and not account.startswith(theirs):
            return f"it was held in {account}, which does not pay for it"
    return None
