"""What payment providers tell: our own webhook, EPay's notices, Stripe's events.

Nobody is signed in here. Each notice is signed, and nothing of it is believed before its signature
is; without a secret set there is no such place. Whatever is answered with an error, providers send
again. They come for everybody from a few addresses, so that no limit by address is theirs.
"""

from collections import Counter
from typing import Any, ClassVar

from marshmallow import ValidationError

from admin.base import ANYONE, ApiHandler, Takes
from admin.errors import ApiError
from admin.payments import epay, signatures, stripe_events
from admin.payments.crediting import Payment
from admin.payments.desk import EPAY, STRIPE, WEBHOOK, Desk
from admin.payments.orders import CHARGED_BACK, REFUNDED, Order
from admin.payments.refusals import Refused, note
from admin.payments.stripe_events import Told
from admin.payments.taking_back import Return, Taken
from admin.schemas.base import parse_json
from admin.schemas.payments import WebhookBody
from ledger.money import usd

_KINDS = {"refunded": REFUNDED, "charged_back": CHARGED_BACK}


def _taken(taken: Taken) -> dict[str, Any]:
    return {
        "event": taken.event_id,
        "taken": usd(taken.amount_nano),
        "short": usd(taken.short_nano),
    }


class WebhookHandler(ApiHandler):
    """POST /api/payment/webhook, signed by `X-Tollgate-Signature` (docs/payments.md)."""

    access: ClassVar[dict[str, int]] = {"POST": ANYONE}
    takes: ClassVar[Takes] = {"POST": WebhookBody}
    by_address: ClassVar[bool] = False

    async def post(self) -> None:
        """Credit a payment, or take one back, once however often it is sent."""
        desk = Desk(self.context)
        desk.check_webhook(self.request.headers.get("X-Tollgate-Signature"), self.request.body)
        sent = self.body()
        if sent["event"] == "paid":
            await self._paid(desk, sent)
            return
        returned = Return(
            WEBHOOK,
            sent["reference"],
            _KINDS[sent["event"]],
            sent.get("amount"),
            sent.get("currency"),
            sent.get("user_id"),
        )
        taken = await desk.take(returned)
        self.ok(_taken(taken), replayed=taken.replayed)

    async def _paid(self, desk: Desk, sent: dict[str, Any]) -> None:
        payment = Payment(
            WEBHOOK,
            sent["reference"],
            sent["amount"],
            sent["currency"],
            sent.get("user_id"),
            sent.get("order"),
        )
        done = await desk.pay(payment)
        self.set_header("X-Tollgate-Event", done.event_id)
        credit = {"event": done.event_id, "account": done.account, "credit": usd(done.amount_nano)}
        self.ok(credit, replayed=done.replayed)


class EpayHandler(ApiHandler):
    """/api/payment/epay: notices of EPay (易支付), answered `success` or `fail` as it wants."""

    access: ClassVar[dict[str, int]] = dict.fromkeys(("GET", "POST"), ANYONE)
    downloads: ClassVar[tuple[str, ...]] = ("text/plain",)
    by_address: ClassVar[bool] = False

    async def get(self) -> None:
        """Take a notice in, of which EPay sends one by GET."""
        await self._answer()

    async def post(self) -> None:
        """Take a notice in that comes as a form."""
        await self._answer()

    async def _answer(self) -> None:
        desk = Desk(self.context)
        account = desk.epay()
        try:
            notice = epay.read(account, self._fields())
            await self._taken_in(desk, notice)
            said = "success"
        except (ValueError, ApiError) as error:
            self.context.log.info("a notice of EPay is refused: %s", error)
            said = "fail"
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(said)

    async def _taken_in(self, desk: Desk, notice: epay.Notice) -> None:
        order, amount = notice.order, notice.amount
        if notice.status == epay.PAID:
            trade = notice.trade
            await desk.pay(Payment(EPAY, order, amount, epay.CURRENCY, order=order, trade=trade))
        elif notice.status == epay.CLOSED:
            await self._closed(desk, notice)
        else:
            raise ValueError("its trade_status says neither that it is paid nor that it is closed")

    async def _closed(self, desk: Desk, notice: epay.Notice) -> None:
        """A trade is closed when nobody paid in time, or after all of it was paid back."""
        order = await desk.orders.find(notice.order)
        if order is None or order["provider"] != EPAY:
            said = {"provider": EPAY, "reference": notice.order, "event": notice.status}
            refused = Refused("there is no such order of EPay's", said, status=404)
            await note(self.context.books, refused)
            raise refused
        if order["reference"] is not None:
            back = (notice.order, REFUNDED, notice.amount, epay.CURRENCY)
            await desk.take(Return(EPAY, *back, whole=True))

    def _fields(self) -> dict[str, str]:
        """Read the parameters. Raises ValueError for one that is there twice, or no text."""
        request = self.request
        named = [*request.query_arguments.items(), *request.body_arguments.items()]
        counted = Counter(name for name, values in named for _ in values)
        if any(count > 1 for count in counted.values()):
            raise ValueError("a parameter is there twice")
        return {name: values[0].decode() for name, values in named}


class StripeHandler(ApiHandler):
    """POST /api/payment/stripe: Stripe's events, signed by `Stripe-Signature`."""

    access: ClassVar[dict[str, int]] = {"POST": ANYONE}
    by_address: ClassVar[bool] = False

    async def post(self) -> None:
        """Take an event in; what says nothing of a top-up is passed over."""
        desk = Desk(self.context)
        secrets = desk.secrets("StripeWebhookSecret")
        header, body = self.request.headers.get("Stripe-Signature"), self.request.body
        signatures.check(header, body, secrets, self.context.now_s())
        try:
            told = stripe_events.read(parse_json(body))
        except stripe_events.Malformed as error:
            raise ValidationError(str(error)) from None
        if told is None:
            self.ok(message="this is nothing of ours")
        elif told.what == "paid":
            await self._paid(desk, told)
        else:
            await self._returned(desk, told)

    async def _paid(self, desk: Desk, told: Told) -> None:
        assert told.order is not None
        payment = Payment(
            STRIPE, told.order, told.amount, told.currency, order=told.order, trade=told.trade
        )
        order = await desk.orders.find(told.order)
        if order is not None and order["session"] not in (None, told.session):
            said = f"order {told.order} is paid in another session than this"
            refused = Refused(said, {**payment.said(), "session": told.session})
            await note(self.context.books, refused)
            raise refused
        done = await desk.pay(payment)
        self.ok({"event": done.event_id, "credit": usd(done.amount_nano)}, replayed=done.replayed)

    async def _returned(self, desk: Desk, told: Told) -> None:
        order = await self._order(desk, told)
        if order is None:
            self.ok(message="this is nothing of ours")
            return
        reference = order["_id"]
        if told.what == "won":
            self.ok({"given_back": await desk.give_back(STRIPE, reference)})
            return
        kind = _KINDS[told.what]
        try:
            taken = await desk.take(Return(STRIPE, reference, kind, told.amount, told.currency))
        except Refused as refused:
            # Sending it again would not help: a person has to look, and it is on record.
            self.ok(message=refused.message)
            return
        self.ok(_taken(taken), replayed=taken.replayed)

    async def _order(self, desk: Desk, told: Told) -> Order | None:
        """Return the order that is meant, None for other business of the same account.

        Raises ApiError 409 for a dispute of a payment that is not known, which may be ours and too
        early: Stripe sends it again.
        """
        if told.order is not None:
            found = await desk.orders.find(told.order)
        else:
            found = await desk.orders.by_trade(STRIPE, told.trade)
        early = told.order is not None or told.what != "refunded"
        if found is None and early:
            raise ApiError(409, "there is no such payment here yet; send this again later")
        return found
