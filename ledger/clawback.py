"""Taking recharges back, whole or in parts.

Owns the event recharge.reversed. Promises that what is taken was held first, of the user's account
and of the lot that the recharge had opened, so that no running request spends it as well; and that
what a user lost when that lot expired is not taken again. Refuses what is spent already, unless
that is forced: then it takes what is there and books what is missing.
"""

from ledger.books import Books
from ledger.errors import InsufficientCredit, KeyReused
from ledger.events import Document, Draft
from ledger.lot_expiry import take_back, taken_by_expiry
from ledger.lot_names import opened_by
from ledger.money import usd
from ledger.parts import Step, next_step, takings
from ledger.reversal_errors import NotEnoughLeft

TRIES = 5


async def claw_back(books: Books, document: Document, recharge: Document) -> tuple[int, int]:
    """Take a recharge back as a reversal says; return how many and how much this reversal took.

    Nothing when others were first. Raises NotEnoughLeft, BooksUnavailable.
    """
    for _ in range(TRIES):
        taken = await takings(books.store, recharge["_id"])
        own = [each for each in taken if each["body"].get("reversal") == document["_id"]]
        if own:
            return 1, -int(own[0]["amount"])
        step = next_step(recharge, taken, document["target"].get("part"))
        if step is None:
            return 0, 0
        try:
            return 1, await _take(books, document, recharge, step)
        except KeyReused:  # somebody took of it just now: look again
            continue
    raise NotEnoughLeft(f"what {recharge['account']} has keeps changing; try again")


async def _take(books: Books, document: Document, recharge: Document, step: Step) -> int:
    """Take one step and return what it took. Raises KeyReused when another took it."""
    lot, amount = opened_by(recharge), step.due_nano
    if lot is not None:
        amount -= await taken_by_expiry(books.store, lot)
    wanted = amount
    for _ in range(TRIES):
        try:
            await take_back(books, _draft(document, recharge, step, amount), lot)
            return amount
        except InsufficientCredit as error:
            if not document["force"]:
                raise NotEnoughLeft(
                    f"{recharge['account']} has {usd(max(0, error.available_nano))} USD free of"
                    f" the {usd(wanted)} USD to take back; with force, what is there is taken"
                ) from None
            amount = max(0, min(amount - 1, error.available_nano))
    raise NotEnoughLeft(f"what {recharge['account']} has keeps changing; try again")


def _draft(document: Document, recharge: Document, step: Step, amount_nano: int) -> Draft:
    body = recharge["body"]
    said = {
        "recharge": recharge["_id"],
        "provider": body["provider"],
        "reference": body["reference"],
        "reason": document["reason"],
        "short_nano": step.due_nano - amount_nano,
        "reversal": document["_id"],
        "approver": document["approver"],
    }
    if step.part is not None:
        said["part"] = step.part
    return Draft(
        step.event_id,
        "recharge.reversed",
        recharge["account"],
        -amount_nano,
        document["proposer"],
        said,
    )
