"""A top-up through the whole product: its own way to the provider, its books, its verification."""

import asyncio

import httpx

from tests.e2e.server import ROOT_ACCESS_TOKEN, Server
from tests.fakes.epay import EpaySite
from tests.fakes.stripe import StripeSite

KEY, SECRET = "sk_test_0123456789abcdef", "whsec_0123456789abcdef"


async def test_a_top_up_by_stripe_from_order_to_refund(server: Server) -> None:
    headers = {"authorization": ROOT_ACCESS_TOKEN}
    async with (
        StripeSite(KEY, SECRET) as site,
        httpx.AsyncClient(base_url=server.url, headers=headers, timeout=60, verify=False) as root,
    ):
        for name, value in (
            ("StripeSecretKey", KEY),
            ("StripeWebhookSecret", SECRET),
            ("StripeApiBase", site.url),
        ):
            answer = await root.put("/api/option/", json={"key": name, "value": value})
            assert answer.json()["success"], answer.text
        before = (await root.get("/api/ledger/self/balance")).json()["data"]["balance_nano"]
        sent = {"provider": "stripe", "amount_usd": "7.25"}
        order = (await root.post("/api/payment/orders", json=sent)).json()["data"]
        assert order["pay_url"].startswith(site.url)
        hook, session = f"{server.url}/api/payment/stripe", site.of_order(order["id"])
        paid = (await site.send(hook, "checkout.session.completed", session)).json()
        assert paid["data"] == {"event": f"recharge:stripe:{order['id']}", "credit": "7.25"}
        after = (await root.get("/api/ledger/self/balance")).json()["data"]["balance_nano"]
        assert after - before == 7_250_000_000
        back = (await site.send(hook, "charge.refunded", site.charge(order["id"]))).json()
        assert (back["data"]["taken"], back["data"]["short"]) == ("7.25", "0")
        assert (await root.get("/api/ledger/verify")).json()["data"]["ok"] is True
    said = await asyncio.to_thread(server.log.read_text)
    assert KEY not in said and SECRET not in said


async def test_a_notice_of_epay_comes_as_a_form_or_as_a_query(server: Server) -> None:
    headers = {"authorization": ROOT_ACCESS_TOKEN}
    async with (
        EpaySite("1001", KEY) as site,
        httpx.AsyncClient(base_url=server.url, headers=headers, timeout=60, verify=False) as root,
    ):
        for name, value in (
            ("EpayAddress", site.url),
            ("EpayId", "1001"),
            ("EpayKey", KEY),
            ("PaymentRates", '{"CNY": "0.14"}'),
            ("ServerAddress", server.url),
        ):
            answer = await root.put("/api/option/", json={"key": name, "value": value})
            assert answer.json()["success"], answer.text
        for method in ("POST", "GET"):
            sent = {"provider": "epay", "amount": "100"}
            order = (await root.post("/api/payment/orders", json=sent)).json()["data"]
            await root.get(order["pay_url"])
            notice = site.notice(order["id"])
            url = site.orders[order["id"]]["notify_url"]
            forged = {**notice, "money": "1000.00"}
            assert await site.tell(url, forged, method) == "fail"
            assert await site.tell(url, notice, method) == "success"
            shown = (await root.get(f"/api/payment/orders/{order['id']}")).json()["data"]
            assert (shown["state"], shown["credit"]) == ("paid", "14")
    said = await asyncio.to_thread(server.log.read_text)
    assert KEY not in said
