"""What a payment is worth: its amount times the rate of its currency, rounded down.

Owns that product, and the check of recorded payments by it. Promises exact arithmetic: a
nano-dollar is credited only when it was paid whole. Refuses amounts worth nothing, or more than the
books hold.
"""

from fractions import Fraction

from ledger.events import Document
from ledger.money import MAX_NANO, NANO_PER_USD, usd


def credit_nano(amount: str, rate: str) -> int:
    """Return what an amount is worth in nano-dollars; both are decimal text. Raises ValueError."""
    exact = Fraction(amount) * Fraction(rate) * NANO_PER_USD
    nano = exact.numerator // exact.denominator
    if not 0 < nano <= MAX_NANO:
        raise ValueError("is worth nothing, or more than the books can hold")
    return nano


def fault(event: Document) -> tuple[str, str] | None:
    """Say what is wrong with a recorded payment, and which kind of fault it is."""
    body = event["body"]
    paid = body.get("paid")
    if paid is None:
        return None
    worth = credit_nano(paid["amount"], paid["rate"])
    if worth != event["amount"]:
        said = f"{paid['amount']} {paid['currency']} at {paid['rate']} are {usd(worth)} USD"
        return "amount wrong", f"{said}, the event says {usd(event['amount'])} USD"
    if event["_id"] != f"recharge:{body['provider']}:{body['reference']}":
        return "id wrong", "the id is not the one of its payment"
    return None
