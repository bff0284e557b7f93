"""Beginning a top-up: checked against the limits, stored as an order, and told where to pay."""

import re
from typing import Any

from admin.errors import ApiError
from admin.payments import epay
from admin.payments.amounts import amount_for, canonical, to_units, with_cents
from admin.payments.desk import EPAY, STRIPE, WEBHOOK, Desk
from admin.payments.orders import Order
from gateway.directory.payment_checks import read_rates
from gateway.directory.users import User
from ledger.money import parse_usd, usd
from ledger.paid import credit_nano

_STRIPE_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)


async def begin(desk: Desk, user: User, sent: dict[str, Any]) -> Order:
    """Make an order and return it with where it is paid.

    Raises ApiError: 404 for a provider that is not set up, 400 for an amount outside the limits,
    409 for too many open orders, 503 when the provider does not answer.
    """
    provider = sent["provider"]
    _check_set_up(desk, provider)
    fields = _priced(desk, provider, sent)
    fields |= {"user_id": user.id, "provider": provider, "method": _method(desk, provider, sent)}
    most = desk.option("TopUpOpenOrders")
    if await desk.orders.open_of(user.id) >= most:
        raise ApiError(409, f"you have {most} orders to pay already; pay one, or wait for its end")
    order = await desk.orders.begin(fields)
    try:
        url, session = await _where(desk, order)
    except ApiError:
        await desk.orders.drop(order["_id"])
        raise
    return await desk.orders.payable_at(order["_id"], url, session)


def available(desk: Desk) -> list[str]:
    """Return the providers that are set up."""
    found = []
    for provider in (WEBHOOK, EPAY, STRIPE):
        try:
            _check_set_up(desk, provider)
        except ApiError:
            continue
        found.append(provider)
    return found


def default_currency(desk: Desk, provider: str) -> str:
    """Return the currency in which a provider is paid unless another is asked for."""
    if provider == EPAY:
        return epay.CURRENCY
    return str(desk.option("StripeCurrency")) if provider == STRIPE else "USD"


def _check_set_up(desk: Desk, provider: str) -> None:
    if provider == EPAY:
        desk.epay()
    elif provider == STRIPE:
        desk.stripe()
    elif not desk.option("PaymentShopAddress") or not desk.option("PaymentWebhookSecret"):
        need = "PaymentShopAddress and PaymentWebhookSecret"
        raise ApiError(404, f"there is no shop to pay in: it needs the options {need}")


def _priced(desk: Desk, provider: str, sent: dict[str, Any]) -> dict[str, Any]:
    """Return amount, currency, rate and credit."""
    currency = sent.get("currency") or default_currency(desk, provider)
    if provider == EPAY and currency != epay.CURRENCY:
        raise ApiError(400, f"currency: EPay is paid in {epay.CURRENCY}")
    if provider == STRIPE and _STRIPE_CURRENCY.fullmatch(currency) is None:
        raise ApiError(400, "currency: Stripe's currencies have three letters")
    rate = read_rates(desk.option("PaymentRates")).get(currency)
    if rate is None:
        raise ApiError(400, f"currency: {currency} has no rate here")
    name = "amount" if "amount" in sent else "amount_usd"
    try:
        if name == "amount":
            amount, asked_nano = canonical(sent["amount"]), 0
        else:
            asked_nano = parse_usd(canonical(sent["amount_usd"]))
            amount = amount_for(asked_nano, rate, currency)
        if provider != WEBHOOK:
            to_units(amount, currency)
        nano = credit_nano(canonical(amount), rate)
    except ValueError as error:
        raise ApiError(400, f"{name}: {error}") from None
    _check_limits(desk, name, asked_nano or nano)
    return {"amount": amount, "currency": currency, "rate": rate, "credit_nano": nano}


def _check_limits(desk: Desk, name: str, nano: int) -> None:
    least, most = parse_usd(desk.option("TopUpMinUsd")), parse_usd(desk.option("TopUpMaxUsd"))
    if not least <= nano <= most:
        said = f"{usd(nano)} USD; a top-up is of {usd(least)} to {usd(most)} USD"
        raise ApiError(400, f"{name}: this is {said}")


def _method(desk: Desk, provider: str, sent: dict[str, Any]) -> str:
    method: str = sent.get("method", "")
    if provider != EPAY:
        if method:
            raise ApiError(400, f"method: {provider} asks for it on its own page")
        return ""
    known = [name for name in desk.option("EpayMethods").split(",") if name]
    if method and method not in known:
        raise ApiError(400, f"method: must be one of {', '.join(known)}")
    return method or (known[0] if known else "")


async def _where(desk: Desk, order: Order) -> tuple[str, str | None]:
    """Return where an order is paid, and its session at the provider."""
    server, provider = desk.option("ServerAddress"), order["provider"]
    name = f"{desk.option('SystemName')} credit"
    if provider == WEBHOOK:
        return desk.shop_url(order), None
    back = f"{server}/#/topup?order={order['_id']}"
    if provider == STRIPE:
        session = await desk.stripe().begin(order, name, back)
        return session.url, session.id
    fields = {
        "type": order["method"],
        "out_trade_no": order["_id"],
        "notify_url": f"{server}/api/payment/epay",
        "return_url": back,
        "name": name.replace("&", " ").replace("=", " "),
        "money": with_cents(order["amount"]),
    }
    return epay.pay_url(desk.epay(), fields), None
