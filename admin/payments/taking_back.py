"""Taking back what a provider paid back: refunds, charge-backs, and disputes that were won.

What is there is taken, and what is spent already is booked as missing (`short_nano`), by the
reversals of the books (ledger/reversals.py): once, on record, and without a second person's
approval, since the provider has decided. A dispute that is won gives back what it had taken.
"""

from dataclasses import dataclass

from admin.errors import ApiError
from admin.payments.amounts import canonical
from admin.payments.crediting import credited_id
from admin.payments.orders import CHARGED_BACK, PAID, REFUNDED, Orders
from admin.payments.refusals import Refused
from ledger import reversals
from ledger.books import Books
from ledger.cohort import reversal_id
from ledger.events import Document, Draft
from ledger.money import MAX_NANO
from ledger.reversal_errors import AlreadyReversed, NothingToReverse
from ledger.reversal_runs import Runner
from ledger.reversals import Request

REASONS = {
    REFUNDED: "refunded by the payment provider",
    CHARGED_BACK: "charged back at the payment provider",
}
#: Under this provider is the credit of a dispute that was won, with the payment's reference.
WON = "{}-won"


@dataclass(frozen=True, slots=True)
class Return:
    """Money that went back, or is in dispute. `kind` is REFUNDED or CHARGED_BACK.

    Without an amount it is all that was paid.
    """

    provider: str
    reference: str
    kind: str
    amount: str | None = None
    currency: str | None = None
    user_id: int | None = None

    def said(self) -> dict[str, object]:
        """Return what it says, for the record."""
        return {
            "provider": self.provider,
            "reference": self.reference,
            "event": self.kind,
            "amount": self.amount,
            "currency": self.currency,
            "user_id": self.user_id,
        }


@dataclass(frozen=True, slots=True)
class Taken:
    """What was taken back. `replayed` means that it had been before."""

    event_id: str
    amount_nano: int
    short_nano: int
    replayed: bool


class TakingBack:
    """Takes payments back."""

    def __init__(self, books: Books, orders: Orders, reversing: Runner) -> None:
        self._books = books
        self._orders = orders
        self._reversing = reversing

    async def take(self, returned: Return) -> Taken:
        """Take a payment back, once.

        Raises ApiError 409 when it is not credited yet (the provider tries again), Refused for a
        part of it, or for other money or another user than was credited.
        """
        event = await self._credited(returned)
        _check_whole(returned, event)
        taken = await self._reverse(event["_id"], returned)
        won = await self._event(credited_id(WON.format(returned.provider), returned.reference))
        if won is not None and returned.kind == REFUNDED:
            taken = await self._reverse(won["_id"], returned)
        order = event["body"]["paid"]["order"]
        # The notice of a dispute may come again after it was won.
        if order is not None and (won is None or returned.kind == REFUNDED):
            await self._orders.turned(order, returned.kind)
        return taken

    async def give_back(self, provider: str, reference: str) -> bool:
        """Credit again what a dispute took that was won; False when there is nothing to credit.

        Raises ApiError 409 when the dispute did not take anything yet.
        """
        event_id = credited_id(provider, reference)
        event = await self._credited(Return(provider, reference, CHARGED_BACK))
        back = await self._event(reversal_id(event_id))
        if back is None:
            raise ApiError(409, f"{event_id} was not charged back yet; send this again later")
        if back["body"]["reason"] != REASONS[CHARGED_BACK] or not back["amount"]:
            return False
        body = {"provider": provider, "reference": reference, "remark": "dispute won"}
        won = Draft(
            credited_id(WON.format(provider), reference),
            "recharge.credited",
            event["account"],
            -int(back["amount"]),
            f"payment:{provider}",
            body,
        )
        receipt = await self._books.record(won)
        order = event["body"]["paid"]["order"]
        if order is not None:
            await self._orders.turned(order, PAID, was=CHARGED_BACK)
        return not receipt.replayed

    async def _credited(self, returned: Return) -> Document:
        event_id = credited_id(returned.provider, returned.reference)
        event = await self._event(event_id)
        if event is None or "paid" not in event["body"]:
            raise ApiError(
                409, f"{returned.reference:.150} is not credited yet; send this again later"
            )
        return event

    async def _event(self, event_id: str) -> Document | None:
        return await self._books.store.find_one("events", {"_id": event_id})

    async def _reverse(self, event_id: str, returned: Return) -> Taken:
        request = Request(
            actor=f"payment:{returned.provider}",
            reason=REASONS[returned.kind],
            event=event_id,
            force=True,
        )
        replayed = await self._event(reversal_id(event_id)) is not None
        try:
            document, _ = await reversals.propose(self._books, request, MAX_NANO)
            await self._reversing.advance(document)
        except (AlreadyReversed, NothingToReverse):  # by somebody else: gone is gone
            replayed = True
        back = await self._event(reversal_id(event_id))
        if back is None:
            raise ApiError(503, "this is being taken back by another process; send it again soon")
        return Taken(back["_id"], -int(back["amount"]), int(back["body"]["short_nano"]), replayed)


def _check_whole(returned: Return, event: Document) -> None:
    """Refuse what is not the whole payment: the books take back an event as it is, or not."""
    paid = event["body"]["paid"]
    if returned.user_id is not None and f"user:{returned.user_id}" != event["account"]:
        said = f"user_id: {returned.reference} was credited to {event['account']}"
        raise Refused(said, returned.said())
    if returned.currency is not None and returned.currency != paid["currency"]:
        said = f"currency: {returned.reference} was paid in {paid['currency']}"
        raise Refused(said, returned.said())
    if returned.amount is not None and canonical(returned.amount) != paid["amount"]:
        raise Refused(
            f"amount: {returned.amount} of {paid['amount']} {paid['currency']} went back; a part of"
            " a payment can't be taken back here by itself: an admin has to set the balance",
            returned.said(),
            status=400,
        )
