"""Top-ups by EPay, against a site of its protocol on a real socket."""

import asyncio
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from tests.admin.harness import Person, Server, data, refused
from tests.admin.paying import ORDERS, REFUSED, balance, options, shop, verified
from tests.fakes.epay import EpaySite

PID, KEY = "1001", "epay-key-0123456789abcdef"


@pytest.fixture
async def site(server: Server) -> AsyncIterator[EpaySite]:
    async with EpaySite(PID, KEY) as site:
        await shop(server)
        await options(
            server,
            EpayAddress=site.url,
            EpayId=PID,
            EpayKey=KEY,
            EpayMethods="alipay, wxpay",
            ServerAddress=server.url,
        )
        yield site


async def begun(user: httpx.AsyncClient, **sent: str) -> str:
    """Begin a top-up and take the payer to the site; returns the order."""
    wanted = {"provider": "epay", "amount": "71.5", **sent}
    order = await data(await user.post(ORDERS, json=wanted))
    async with httpx.AsyncClient(verify=False) as browser:
        page = await browser.get(order["pay_url"])
    assert (page.status_code, page.text) == (200, "please pay")
    return str(order["id"])


async def test_an_order_is_paid_once(
    server: Server, site: EpaySite, user: httpx.AsyncClient, bob: Person
) -> None:
    order = await begun(user, method="wxpay")
    assert site.orders[order]["return_url"].endswith(f"/#/topup?order={order}")
    taken = site.orders[order]
    assert (taken["type"], taken["money"], taken["pid"]) == ("wxpay", "71.50", PID)
    url = taken["notify_url"]
    assert url == f"{server.url}/api/payment/epay"
    notice = site.notice(order)
    answers = await asyncio.gather(*(site.tell(url, notice, m) for m in ("GET", "POST") * 6))
    assert set(answers) == {"success"}
    assert await balance(server, bob) == 10_010_000_000  # 71.50 x 0.14
    assert await site.tell(url, site.notice(order, money="71.5", param="later")) == "success"
    (mine,) = await data(await user.get(ORDERS))
    assert (mine["state"], mine["event"]) == ("paid", f"recharge:epay:{order}")
    event = await data(await user.get(f"/api/ledger/self/events/{mine['event']}"))
    assert event["body"]["paid"]["trade"] == notice["trade_no"]
    assert await balance(server, bob) == 10_010_000_000
    await verified(server)


async def test_whatever_is_not_the_order_is_refused(
    server: Server,
    site: EpaySite,
    user: httpx.AsyncClient,
    admin: httpx.AsyncClient,
    bob: Person,
) -> None:
    order = await begun(user)
    assert site.orders[order]["type"] == "alipay"
    url = site.orders[order]["notify_url"]
    good = site.notice(order)
    shop_order = await data(
        await user.post(ORDERS, json={"provider": "webhook", "amount": "71.5", "currency": "CNY"})
    )
    unsigned: list[dict[str, str]] = [
        {**good, "money": "9999.00"},
        {**good, "sign": "0" * 32},
        {**good, "sign": good["sign"].upper()},
        {**good, "sign": ""},
        {**good, "sign_type": "RSA"},
        {**good, "more": "1"},
        {name: value for name, value in good.items() if name != "sign"},
        {},
        {f"f{number}": "1" for number in range(60)},
    ]
    signed: list[Callable[[], dict[str, str]]] = [
        lambda: site.notice(order, pid="1002"),
        lambda: site.notice(order, money="71.49"),
        lambda: site.notice(order, money="0"),
        lambda: site.notice(order, money="7.15e1"),
        lambda: site.notice(order, out_trade_no="tg0"),
        lambda: site.notice(order, out_trade_no=""),
        lambda: site.notice(order, out_trade_no=shop_order["id"]),
        lambda: site.notice(order, "WAIT_BUYER_PAY"),
        lambda: site.notice(order, ""),
    ]
    for notice in [*unsigned, *(make() for make in signed)]:
        assert await site.tell(url, notice) == "fail", notice
    twice = f"{url}?money=71.50&{httpx.QueryParams(good)}"
    assert await site.tell(twice, {}, "POST") == "fail"
    assert await site.tell(f"{url}?name=%ff", {}, "POST") == "fail"
    # What only looks like the notice: the signed address of the payment page, sent back.
    assert await site.tell(url, site.orders[order]) == "fail"
    assert await balance(server, bob) == 0
    record = (await admin.get(REFUSED)).json()
    assert record["total"] == 4  # signed, and yet not the order's
    async with httpx.AsyncClient(verify=False) as other:
        answer = await other.get(url, params=good, headers={"x": "1"})
        assert answer.text == "success"  # and the true one still counts
    assert await balance(server, bob) == 10_010_000_000


async def test_a_closed_trade_credits_nothing_and_takes_back_what_was_paid(
    server: Server, site: EpaySite, user: httpx.AsyncClient, bob: Person
) -> None:
    unpaid, paid = await begun(user), await begun(user)
    url = site.orders[paid]["notify_url"]
    assert await site.tell(url, site.notice(unpaid, "TRADE_CLOSED")) == "success"
    assert await balance(server, bob) == 0
    assert await site.tell(url, site.notice(paid)) == "success"
    assert await site.tell(url, site.notice(paid, "TRADE_CLOSED", money="1.00")) == "fail"
    assert await balance(server, bob) == 10_010_000_000
    for _ in range(2):
        assert await site.tell(url, site.notice(paid, "TRADE_CLOSED")) == "success"
    assert await site.tell(url, site.notice(paid, "TRADE_CLOSED", out_trade_no="tg0")) == "fail"
    assert await balance(server, bob) == 0
    states = {each["id"]: each["state"] for each in await data(await user.get(ORDERS))}
    assert states == {unpaid: "open", paid: "refunded"}
    await verified(server)


async def test_epay_is_set_up_whole_or_not_there(
    server: Server, site: EpaySite, user: httpx.AsyncClient, root: httpx.AsyncClient
) -> None:
    order = {"provider": "epay", "amount": "10"}
    for sent, word in (
        ({"currency": "USD"}, "paid in CNY"),
        ({"method": "qqpay"}, "alipay, wxpay"),
        ({"amount": "10.001"}, "finer"),
    ):
        refused(await user.post(ORDERS, json={**order, **sent}), 400, word)
    listed = {each["key"] for each in await data(await root.get("/api/option/"))}
    assert "EpayMethods" in listed and "EpayKey" not in listed
    await options(server, EpayKey="")
    refused(await user.post(ORDERS, json=order), 404, "EpayKey")
    # An empty key would sign for anyone.
    empty = {"pid": PID, "out_trade_no": "tg0", "money": "1", "trade_status": "TRADE_SUCCESS"}
    site.key = ""
    fields = {**empty, "sign": site.sign(empty), "sign_type": "MD5"}
    refused(await user.get("/api/payment/epay", params=fields), 404, "EpayKey")
    for name, value in (
        ("EpayKey", "short"),
        ("EpayMethods", "ali pay"),
        ("EpayAddress", "ftp://pay.example"),
        ("PaymentRates", {"CNY": 0.14}),
        ("PaymentRates", '{"cny": "0.14"}'),
        ("PaymentRates", '{"CNY": "0"}'),
        ("PaymentRates", '{"CNY": "-1"}'),
        ("TopUpMinUsd", "-1"),
        ("TopUpMinUsd", "much"),
    ):
        refused(await root.put("/api/option/", json={"key": name, "value": value}), 400, name)
