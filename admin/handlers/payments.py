"""Top-ups that users pay themselves: what they can pay with, their orders, and those of all."""

from collections.abc import Iterable
from typing import Any, ClassVar

from admin.base import ApiHandler, Takes
from admin.paging import PageQuery, page_of
from admin.payments import epay
from admin.payments.beginning import available, begin, default_currency
from admin.payments.crediting import credited_id
from admin.payments.desk import EPAY, STRIPE, Desk
from admin.payments.orders import OPEN, Order
from admin.schemas.payments import AllOrdersQuery, OrderBody, OrdersQuery
from gateway.directory.payment_checks import read_rates
from gateway.directory.users import ROLE_ADMIN, ROLE_COMMON
from ledger.events import rfc3339
from ledger.money import quota_floor, usd


class _Base(ApiHandler):
    @property
    def desk(self) -> Desk:
        """The desk of payments."""
        return Desk(self.context)

    def outside(self, order: Order) -> dict[str, Any]:
        """Write an order for the outside."""
        state = self.desk.orders.state_of(order)
        paid, reference = order["paid_us"], order["reference"]
        return {
            "id": order["_id"],
            "user_id": order["user_id"],
            "provider": order["provider"],
            "method": order["method"],
            "amount": order["amount"],
            "currency": order["currency"],
            "rate": order["rate"],
            "credit": usd(order["credit_nano"]),
            "credit_nano": order["credit_nano"],
            "credit_quota": quota_floor(order["credit_nano"]),
            "state": state,
            "pay_url": order["pay_url"] if state == OPEN else "",
            "created": rfc3339(order["created_us"]),
            "expires": rfc3339(order["expires_us"]),
            "paid": None if paid is None else rfc3339(paid),
            "event": credited_id(order["provider"], reference) if paid and reference else None,
        }


class WaysHandler(_Base):
    """GET /api/payment/ways."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_COMMON}

    async def get(self) -> None:
        """Answer what one can pay with, the currencies and their rates, and the limits."""
        desk = self.desk
        rates = dict(read_rates(desk.option("PaymentRates")))
        methods = [name for name in desk.option("EpayMethods").split(",") if name]
        providers = []
        for provider in available(desk):
            usual = default_currency(desk, provider)
            mine = [epay.CURRENCY] if provider == EPAY else sorted(rates)
            if provider == STRIPE:
                mine = [name for name in mine if len(name) == 3]
            providers.append(
                {
                    "provider": provider,
                    "currency": usual,
                    "currencies": [name for name in mine if name in rates],
                    "methods": methods if provider == EPAY else [],
                }
            )
        limits = {"min_usd": desk.option("TopUpMinUsd"), "max_usd": desk.option("TopUpMaxUsd")}
        self.ok({"providers": providers, "rates": rates, **limits})


class OrdersHandler(_Base):
    """/api/payment/orders."""

    access: ClassVar[dict[str, int]] = dict.fromkeys(("GET", "POST"), ROLE_COMMON)
    takes: ClassVar[Takes] = {"GET": OrdersQuery, "POST": OrderBody}

    async def get(self) -> None:
        """Answer one's own orders, newest first."""
        wanted = self.query()
        page = page_of(wanted)
        mine = {**wanted, "user_id": self.me.id}
        found, total = await self.desk.orders.page(mine, page.skip, page.size)
        self.ok([self.outside(order) for order in found], total=total)

    async def post(self) -> None:
        """Begin a top-up; answer where to pay."""
        self.ok(self.outside(await begin(self.desk, self.me, self.body())))


class OrderHandler(_Base):
    """/api/payment/orders/:id."""

    access: ClassVar[dict[str, int]] = dict.fromkeys(("GET", "DELETE"), ROLE_COMMON)

    async def get(self, order: str) -> None:
        """Answer an order of one's own."""
        self.ok(self.outside(await self.desk.orders.of_user(self.me.id, order)))

    async def delete(self, order: str) -> None:
        """End an order of one's own that was not paid; who pays it all the same is credited."""
        self.ok(self.outside(await self.desk.orders.end(self.me.id, order)))


class AllOrdersHandler(_Base):
    """GET /api/payment/orders/all."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN}
    takes: ClassVar[Takes] = {"GET": AllOrdersQuery}

    async def get(self) -> None:
        """Answer everybody's orders, newest first."""
        wanted = self.query()
        page = page_of(wanted)
        found, total = await self.desk.orders.page(wanted, page.skip, page.size)
        names = await self._names(found)
        rows = [
            {**self.outside(each), "username": names.get(each["user_id"], "")} for each in found
        ]
        self.ok(rows, total=total)

    async def _names(self, orders: Iterable[Order]) -> dict[int, str]:
        ids = sorted({int(order["user_id"]) for order in orders})
        users = await self.context.directory.users.get_many(ids)
        return {user.id: user.username for user in users.values()}


class RefusedHandler(_Base):
    """GET /api/payment/refused."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN}
    takes: ClassVar[Takes] = {"GET": PageQuery}

    async def get(self) -> None:
        """Answer the notices that were refused although their signature is good, newest first."""
        page = page_of(self.query())
        found, total = await self.desk.refused(page.skip, page.size)
        rows = [{"at": rfc3339(each["at"]), **each["body"]["after"]} for each in found]
        self.ok(rows, total=total)
