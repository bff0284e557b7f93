"""Bodies and queries of payments."""

import re
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from admin.paging import PageQuery
from admin.payments.amounts import AMOUNT, canonical
from admin.payments.desk import PROVIDERS
from admin.payments.orders import STATES
from admin.schemas.base import Body, QueryInteger, integer
from gateway.directory.payment_checks import CURRENCY

EVENTS = ("paid", "refunded", "charged_back")
_REFERENCE = re.compile(r"[\x21-\x7e]{1,150}", re.ASCII)
_ORDER = re.compile(r"[0-9a-z]{1,40}", re.ASCII)
_METHOD = re.compile(r"[A-Za-z0-9_]{1,30}", re.ASCII)


def _matching(pattern: re.Pattern[str], says: str, **options: Any) -> fields.String:
    check = validate.Regexp(f"^{pattern.pattern}\\Z", error=says)
    return fields.String(validate=check, **options)


def amount(**options: Any) -> fields.String:
    """Make a field for a positive decimal in text."""
    return _matching(AMOUNT, 'Must be a decimal in text, such as "12.34".', **options)


def currency() -> fields.String:
    """Make a field for a currency."""
    return _matching(CURRENCY, "Must be a currency such as USD.")


class OrderBody(Body):
    """POST /api/payment/orders: amount_usd, or amount; the currency is the provider's usual one."""

    provider = fields.String(required=True, validate=validate.OneOf(PROVIDERS))
    amount_usd = amount()
    amount = amount()
    currency = currency()
    method = _matching(_METHOD, "Must be a way to pay such as alipay.")

    @validates_schema
    def one_amount(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse both amounts, and none."""
        if ("amount" in data) == ("amount_usd" in data):
            raise ValidationError("must hold either amount_usd or amount")


class WebhookBody(Body):
    """POST /api/payment/webhook."""

    event = fields.String(required=True, validate=validate.OneOf(EVENTS))
    reference = _matching(
        _REFERENCE, "Must be 1 to 150 printable characters without spaces.", required=True
    )
    user_id = integer(1)
    amount = amount()
    currency = currency()
    order = _matching(_ORDER, "Must be the id of an order.")

    @validates_schema
    def complete(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse payments that do not say how much they are and whom they are for."""
        if "amount" in data:
            try:
                canonical(data["amount"])
            except ValueError as error:
                raise ValidationError({"amount": [str(error)]}) from None
        if data["event"] != "paid":
            return
        for name in ("amount", "currency"):
            if name not in data:
                raise ValidationError({name: ["A payment must say it."]})
        if "user_id" not in data and "order" not in data:
            raise ValidationError({"user_id": ["Say whom it is for, or name an order."]})


class OrdersQuery(PageQuery):
    """GET /api/payment/orders."""

    state = fields.String(validate=validate.OneOf(STATES))


class AllOrdersQuery(OrdersQuery):
    """GET /api/payment/orders/all."""

    user_id = QueryInteger()
    provider = fields.String(validate=validate.OneOf(PROVIDERS))
