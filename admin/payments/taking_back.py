"""Taking back what a provider paid back: refunds, charge-backs, and disputes that were won.

What is there is taken, and what is spent already is booked as missing (`short_nano`), by the
reversals of the books (ledger/reversals.py): once, on record, and without a second person's
approval, since the provider has decided. Of a part that goes back the same part of the credit is
taken; a notice says how much went back in all, so that it does not matter in which order notices
come (ledger/parts.py). A dispute that is won gives back what it had taken.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from admin.errors import ApiError
from admin.payments.amounts import canonical
from admin.payments.crediting import credited_id
from admin.payments.orders import CHARGED_BACK, PAID, REFUNDED, Orders
from admin.payments.refusals import Refused
from ledger import reversals
from ledger.books import Books
from ledger.events import Document, Draft
from ledger.money import MAX_NANO
from ledger.parts import next_step, reached, share_nano, takings, units
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

    The amount is what went back in this way in all by now; without one it is all that was paid.
    `whole` is of providers that have no parts.
    """

    provider: str
    reference: str
    kind: str
    amount: str | None = None
    currency: str | None = None
    user_id: int | None = None
    whole: bool = False

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
    """What was taken of a payment by now, and the last event of it. `replayed` means that this
    notice had been heard before, or one that says more."""

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
        """Take back what went back of a payment, once.

        Raises ApiError 409 when it is not credited yet (the provider tries again), Refused for
        more than was paid, for other money or for another user than was credited.
        """
        event = await self._credited(returned)
        amount = _checked(returned, event)
        all_of_it = amount == event["body"]["paid"]["amount"]
        won = await self._event(credited_id(WON.format(returned.provider), returned.reference))
        if won is not None and not all_of_it:
            await self._check_won(returned, event, amount)
        taken = await self._reverse(event, returned, {returned.kind: amount})
        if won is not None and all_of_it and returned.kind == REFUNDED:
            taken = await self._reverse(won, returned, None)
        order = event["body"]["paid"]["order"]
        # The notice of a dispute may come again after it was won.
        turns = all_of_it if returned.kind == REFUNDED else won is None
        if order is not None and turns:
            await self._orders.turned(order, returned.kind)
        return taken

    async def give_back(self, provider: str, reference: str) -> bool:
        """Credit again what a dispute took that was won; False when there is nothing to credit.

        Raises ApiError 409 when the dispute did not take anything yet.
        """
        event = await self._credited(Return(provider, reference, CHARGED_BACK))
        won_id = credited_id(WON.format(provider), reference)
        nano = await self._disputed_nano(event)
        if await self._event(won_id) is not None or not nano:
            return False
        body = {"provider": provider, "reference": reference, "remark": "dispute won"}
        won = Draft(
            won_id,
            "recharge.credited",
            event["account"],
            nano,
            f"payment:{provider}",
            body,
        )
        receipt = await self._books.record(won)
        order = event["body"]["paid"]["order"]
        if order is not None:
            await self._orders.turned(order, PAID, was=CHARGED_BACK)
        return not receipt.replayed

    async def _disputed_nano(self, event: Document) -> int:
        """Return what was taken beyond what refunds alone would have taken."""
        taken = await takings(self._books.store, event["_id"])
        now, paid = reached(event, taken), units(event["body"]["paid"]["amount"])
        if not taken or (not now.charged_back and now.of(paid) < paid):
            raise ApiError(409, f"{event['_id']} was not charged back yet; send this again later")
        nano = -sum(int(each["amount"]) for each in taken)
        if "part" not in taken[-1]["body"]:  # as it was told before there were parts
            return nano if taken[-1]["body"]["reason"] == REASONS[CHARGED_BACK] else 0
        kept = share_nano(int(event["amount"]), min(now.refunded, paid), paid)
        return max(0, nano - kept)

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

    async def _check_won(self, returned: Return, event: Document, amount: str) -> None:
        """Refuse a part of what was credited again by a dispute that was won."""
        now = reached(event, await takings(self._books.store, event["_id"]))
        paid = units(event["body"]["paid"]["amount"])
        if returned.kind == REFUNDED and units(amount) + now.charged_back > paid:
            said = f"amount: a part of {returned.reference} went back after its dispute was won"
            raise Refused(f"{said}: an admin has to set the balance", returned.said(), status=400)

    async def _reverse(
        self, event: Document, returned: Return, part: Mapping[str, str] | None
    ) -> Taken:
        event_id, store = event["_id"], self._books.store
        request = Request(
            actor=f"payment:{returned.provider}",
            reason=_reason(event, returned.kind, part),
            event=event_id,
            force=True,
            part=None if part is None else dict(part),
        )
        before = await takings(store, event_id)
        replayed = next_step(event, before, part) is None
        try:
            document, _ = await reversals.propose(self._books, request, MAX_NANO)
            await self._reversing.advance(document)
        except (AlreadyReversed, NothingToReverse):  # by somebody else: gone is gone
            replayed = True
        taken = await takings(store, event_id)
        if not taken or next_step(event, taken, part) is not None:
            raise ApiError(503, "this is being taken back by another process; send it again soon")
        nano = -sum(int(each["amount"]) for each in taken)
        short_nano = sum(int(each["body"].get("short_nano", 0)) for each in taken)
        return Taken(taken[-1]["_id"], nano, short_nano, replayed)


def _reason(event: Document, kind: str, part: Mapping[str, str] | None) -> str:
    """Say why, and of which part."""
    paid, reason = event["body"].get("paid"), REASONS[kind]
    if part is None or paid is None or part[kind] == paid["amount"]:
        return reason
    return f"{reason}: {part[kind]} of {paid['amount']} {paid['currency']}"


def _checked(returned: Return, event: Document) -> str:
    """Return how much went back. Raises Refused for what is not of this payment."""
    paid = event["body"]["paid"]
    if returned.user_id is not None and f"user:{returned.user_id}" != event["account"]:
        said = f"user_id: {returned.reference} was credited to {event['account']}"
        raise Refused(said, returned.said())
    if returned.currency is not None and returned.currency != paid["currency"]:
        said = f"currency: {returned.reference} was paid in {paid['currency']}"
        raise Refused(said, returned.said())
    amount = str(paid["amount"]) if returned.amount is None else canonical(returned.amount)
    more = units(amount) > units(paid["amount"])
    if more and returned.kind == CHARGED_BACK and not returned.whole:
        return str(paid["amount"])  # disputes also count what the currency has moved since
    if more or (returned.whole and amount != paid["amount"]):
        told = f"amount: {amount} of {paid['amount']} {paid['currency']} went back"
        raise Refused(f"{told}: an admin has to look", returned.said(), status=400)
    return amount
