"""The desk where payments are taken in: what each handler of payments needs, in one place."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from admin.context import AdminContext
from admin.errors import ApiError
from admin.payments import refusals, signatures
from admin.payments.crediting import Credited, Crediting, Payment
from admin.payments.epay import Account
from admin.payments.orders import US_PER_S, Order, Orders
from admin.payments.refusals import Refused
from admin.payments.stripe_api import Stripe
from admin.payments.taking_back import Return, Taken, TakingBack
from ledger.events import Document

WEBHOOK, EPAY, STRIPE = "webhook", "epay", "stripe"
PROVIDERS = (WEBHOOK, EPAY, STRIPE)


@dataclass(frozen=True, slots=True)
class Desk:
    """Payments with the dependencies of a handler."""

    context: AdminContext

    @property
    def orders(self) -> Orders:
        """The orders."""
        return Orders(self.context.books.store, self.context.clock)

    def option(self, name: str) -> Any:
        """Return an option's value."""
        return self.context.directory.options.get(name)

    def secrets(self, *names: str) -> list[str]:
        """Return those that are set. Raises ApiError 404 when none is: nobody may pay then."""
        found = [secret for secret in map(self.option, names) if secret]
        if not found:
            raise ApiError(404, f"this is not set up: the option {names[0]} is empty")
        return found

    def epay(self) -> Account:
        """Return the account at EPay. Raises ApiError 404 when it is not set up."""
        named = ("EpayAddress", "EpayId", "EpayKey")
        account = Account(*map(self.option, named))
        if not account.usable:
            raise ApiError(404, f"EPay is not set up: it needs the options {', '.join(named)}")
        return account

    def stripe(self) -> Stripe:
        """Return Stripe's API. Raises ApiError 404 when it is not set up."""
        key, sender = self.option("StripeSecretKey"), self.context.sender
        if not key or not self.option("StripeWebhookSecret") or sender is None:
            need = "StripeSecretKey and StripeWebhookSecret"
            raise ApiError(404, f"Stripe is not set up: it needs the options {need}")
        return Stripe(sender, self.option("StripeApiBase"), key)

    def shop_url(self, order: Order) -> str:
        """Return where an order is paid in the operator's own shop, signed by the webhook's secret.

        Raises ApiError 404 when there is none.
        """
        address, (secret, *_) = self.option("PaymentShopAddress"), self._webhook_secrets()
        if not address:
            raise ApiError(404, "there is no shop: the option PaymentShopAddress is empty")
        said = {
            "order": order["_id"],
            "user_id": order["user_id"],
            "amount": order["amount"],
            "currency": order["currency"],
        }
        query, at = urlencode(said), str(order["created_us"] // US_PER_S)
        signed = f"{query}&t={at}&v1={signatures.signature(secret, at, query.encode())}"
        return f"{address}{'&' if '?' in address else '?'}{signed}"

    def check_webhook(self, header: str | None, body: bytes) -> None:
        """Refuse what the webhook's secrets did not sign. Raises ApiError."""
        signatures.check(header, body, self._webhook_secrets(), self.context.now_s())

    def _webhook_secrets(self) -> list[str]:
        return self.secrets("PaymentWebhookSecret", "PaymentWebhookOldSecret")

    async def pay(self, payment: Payment) -> Credited:
        """Credit a payment, or refuse it on record. Raises as Crediting.credit."""
        crediting = Crediting(self.context.directory, self.context.books, self.orders)
        try:
            return await crediting.credit(payment)
        except Refused as refused:
            await refusals.note(self.context.books, refused)
            raise

    async def take(self, returned: Return) -> Taken:
        """Take a payment back, or refuse it on record. Raises as TakingBack.take."""
        try:
            return await self._taking().take(returned)
        except Refused as refused:
            await refusals.note(self.context.books, refused)
            raise

    async def give_back(self, provider: str, reference: str) -> bool:
        """Credit what a dispute took that was won. Raises as TakingBack.give_back."""
        return await self._taking().give_back(provider, reference)

    async def refused(self, skip: int, limit: int) -> tuple[list[Document], int]:
        """Return a page of what was refused on record, newest first, and how many there are."""
        return await refusals.listed(self.context.books.store, skip, limit)

    def _taking(self) -> TakingBack:
        return TakingBack(self.context.books, self.orders, self.context.reversing)
