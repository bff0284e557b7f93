"""Taking recharges back.

Owns the event recharge.reversed. Promises that what is taken was held first, of the user's account
and of the lot that the recharge had opened, so that no running request spends it as well; and that
what a user lost when that lot expired is not taken again. Refuses what is spent already, unless
that is forced: then it takes what is there and books what is missing.
"""

from ledger.books import Books
from ledger.cohort import reversal_id
from ledger.errors import InsufficientCredit, KeyReused
from ledger.events import Document, Draft
from ledger.lot_expiry import take_back, taken_by_expiry
from ledger.lot_names import opened_by
from ledger.money import usd
from ledger.reversal_errors import NotEnoughLeft

TRIES = 5


async def claw_back(books: Books, document: Document, recharge: Document) -> tuple[int, int]:
    """Take a recharge back as a reversal says; return how many and how much this reversal took.

    Nothing when another reversal was first. Raises NotEnoughLeft, BooksUnavailable.
    """
    lot = opened_by(recharge)
    amount = int(recharge["amount"])
    if lot is not None:
        amount -= await taken_by_expiry(books.store, lot)
    wanted = amount
    for _ in range(TRIES):
        try:
            await take_back(books, _draft(document, recharge, amount), lot)
            return 1, amount
        except KeyReused as error:
            theirs = error.existing
            mine = theirs["body"].get("reversal") == document["_id"]
            return (1, -int(theirs["amount"])) if mine else (0, 0)
        except InsufficientCredit as error:
            if not document["force"]:
                raise NotEnoughLeft(
                    f"{recharge['account']} has {usd(max(0, error.available_nano))} USD free of"
                    f" the {usd(wanted)} USD to take back; with force, what is there is taken"
                ) from None
            amount = max(0, min(amount - 1, error.available_nano))
    raise NotEnoughLeft(f"what {recharge['account']} has keeps changing; try again")


def _draft(document: Document, recharge: Document, amount_nano: int) -> Draft:
    body = recharge["body"]
    said = {
        "recharge": recharge["_id"],
        "provider": body["provider"],
        "reference": body["reference"],
        "reason": document["reason"],
        "short_nano": int(recharge["amount"]) - amount_nano,
        "reversal": document["_id"],
        "approver": document["approver"],
    }
    return Draft(
        reversal_id(recharge["_id"]),
        "recharge.reversed",
        recharge["account"],
        -amount_nano,
        document["proposer"],
        said,
    )
