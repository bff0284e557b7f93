"""Crediting payments, and taking back what providers gave back.

A payment is one event `recharge:<provider>:<reference>`, so that of any number of notices, in any
number of processes, one credits. Promises that a payment for an order is credited to the order's
user, at the rate that the user was shown, and only if provider, amount and currency are the
order's. What differs is refused, and the refusal is recorded for the operator.
"""

from dataclasses import dataclass
from typing import Any

from admin.errors import ApiError
from admin.payments.amounts import canonical
from admin.payments.orders import Order, Orders
from admin.payments.refusals import Refused
from gateway.directory.directory import Directory
from gateway.directory.payment_checks import read_rates
from ledger.books import Books
from ledger.errors import KeyReused
from ledger.events import Document, Draft
from ledger.paid import credit_nano


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment as a provider tells it. `amount` is decimal text.

    `user_id` is None where the order says whom it is for. `trade` is the provider's own number.
    """

    provider: str
    reference: str
    amount: str
    currency: str
    user_id: int | None = None
    order: str | None = None
    trade: str = ""

    def said(self) -> dict[str, Any]:
        """Return what it says, for the record."""
        return {
            "provider": self.provider,
            "reference": self.reference,
            "amount": self.amount,
            "currency": self.currency,
            "user_id": self.user_id,
            "order": self.order,
        }


@dataclass(frozen=True, slots=True)
class Credited:
    """What came of a payment. `replayed` means that it had been credited before."""

    event_id: str
    account: str
    amount_nano: int
    replayed: bool


def credited_id(provider: str, reference: str) -> str:
    """Return the id of the event that credits a payment."""
    return f"recharge:{provider}:{reference}"


class Crediting:
    """Credits payments."""

    def __init__(self, directory: Directory, books: Books, orders: Orders) -> None:
        self._directory = directory
        self._books = books
        self._orders = orders

    async def credit(self, payment: Payment) -> Credited:
        """Credit a payment unless it is credited already.

        Raises Refused (409) when it differs from its order or from what was credited under its
        reference, ApiError, NotFound for a user that does not exist.
        """
        order = None if payment.order is None else await self._order(payment, payment.order)
        event_id = credited_id(payment.provider, payment.reference)
        known = await self._books.store.find_one("events", {"_id": event_id})
        if known is None:
            draft = await self._draft(payment, order)
            if order is not None:
                await self._claim(payment, order)
            try:
                receipt = await self._books.record(draft)
                done = Credited(event_id, draft.account, draft.amount_nano, receipt.replayed)
            except KeyReused as error:  # another process was faster, perhaps at another rate
                known = error.existing
        if known is not None:
            _check_same(payment, order, known)
            done = Credited(event_id, known["account"], int(known["amount"]), True)
        if order is not None:
            await self._orders.paid(order["_id"])
        return done

    async def _order(self, payment: Payment, order_id: str) -> Order:
        order = await self._orders.find(order_id)
        if order is None:
            raise Refused(f"there is no order {order_id:.60}", payment.said(), status=404)
        theirs = [payment.provider, canonical(payment.amount), payment.currency]
        wrong = [
            f"{name} is {given}, not {order[name]}"
            for name, given in zip(("provider", "amount", "currency"), theirs, strict=True)
            if given != order[name]
        ]
        if payment.user_id not in (None, order["user_id"]):
            wrong.append(f"user is {payment.user_id}, not {order['user_id']}")
        if wrong:
            said = f"the payment is not that of order {order_id}: {'; '.join(wrong)}"
            raise Refused(said, payment.said())
        return order

    async def _claim(self, payment: Payment, order: Order) -> None:
        if not await self._orders.claim(order["_id"], payment.reference, payment.trade):
            raise Refused(f"order {order['_id']} was paid by another payment", payment.said())

    async def _draft(self, payment: Payment, order: Order | None) -> Draft:
        if order is None:
            user_id, rate = await self._user(payment), self._rate(payment)
        else:
            user_id, rate = int(order["user_id"]), str(order["rate"])
        amount = canonical(payment.amount)
        try:
            nano = credit_nano(amount, rate)
        except ValueError as error:
            raise Refused(f"amount: {amount} {payment.currency} {error}", payment.said()) from None
        paid = {"amount": amount, "currency": payment.currency, "rate": rate}
        body = {
            "provider": payment.provider,
            "reference": payment.reference,
            "remark": f"{amount} {payment.currency} paid by {payment.provider}",
            "paid": {**paid, "order": payment.order, "trade": payment.trade or None},
        }
        event_id = credited_id(payment.provider, payment.reference)
        actor = f"payment:{payment.provider}"
        return Draft(event_id, "recharge.credited", f"user:{user_id}", nano, actor, body)

    async def _user(self, payment: Payment) -> int:
        if payment.user_id is None:
            raise ApiError(400, "user_id: say whom the payment is for, or name an order")
        user = (await self._directory.users.get_many([payment.user_id])).get(payment.user_id)
        if user is None or user.deleted:
            raise Refused(f"there is no user {payment.user_id}", payment.said(), status=404)
        return user.id

    def _rate(self, payment: Payment) -> str:
        rate = read_rates(self._directory.options.get("PaymentRates")).get(payment.currency)
        if rate is None:
            said = f"currency: the option PaymentRates has no rate for {payment.currency}"
            raise Refused(said, payment.said())
        return rate


def _check_same(payment: Payment, order: Order | None, known: Document) -> None:
    """Refuse a second notice that says something else than what was credited."""
    body = known["body"]
    paid = body.get("paid") or {}
    user_id = order["user_id"] if order is not None else payment.user_id
    theirs = [
        f"user:{user_id}" if user_id is not None else known["account"],
        canonical(payment.amount),
        payment.currency,
        payment.order,
    ]
    ours = [known["account"], paid.get("amount"), paid.get("currency"), paid.get("order")]
    if theirs != ours:
        raise Refused(
            f"{payment.reference} was credited to {ours[0]} for {ours[1]} {ours[2]}"
            f" (order: {ours[3]}); this notice differs",
            payment.said(),
        )
