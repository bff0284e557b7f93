"""Top-ups by Stripe Checkout, against a server on a real socket, and Stripe's own library."""

import asyncio
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import httpx
import orjson
import pytest

from admin.payments import signatures
from gateway.providers.transport import UpstreamTransport
from gateway.providers.ways import Way
from ledger.store import Store
from tests.admin.harness import Person, Server, data, refused, serve
from tests.admin.paying import ORDERS, REFUSED, balance, options, shop, verified
from tests.fakes.raw import Line, RawUpstream, Request
from tests.fakes.stripe import StripeSite
from tests.ledger.drafts import charge

KEY, SECRET = "sk_test_0123456789abcdef", "whsec_0123456789abcdef"
HOOK = "/api/payment/stripe"
DONE, LATER = "checkout.session.completed", "checkout.session.async_payment_succeeded"


@pytest.fixture
async def server(store: Store) -> AsyncIterator[Server]:
    """A server that reaches Stripe as the product does."""
    transport = UpstreamTransport(Way(connect_s=10, first_byte_s=10, idle_s=10))
    server = await serve(store, sender=httpx.AsyncClient(transport=transport, trust_env=False))
    yield server
    await server.close()


@pytest.fixture
async def site(server: Server) -> AsyncIterator[StripeSite]:
    async with StripeSite(KEY, SECRET) as site:
        await shop(server)
        await options(
            server, StripeSecretKey=KEY, StripeWebhookSecret=SECRET, StripeApiBase=site.url
        )
        yield site


#: Answers that are none: broken off, no HTTP, no JSON, no object, no session.
ANSWERS = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{",
    b"nothing of the kind\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{]",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
    b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"id": [1]}',
    b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
)


async def say(answer: bytes, line: Line, request: Request) -> bool:
    """Answer whatever comes with these bytes, and end the connection."""
    await line.write(answer)
    return False


async def begun(user: httpx.AsyncClient, **sent: str) -> str:
    order = await data(await user.post(ORDERS, json={"provider": "stripe", **sent}))
    return str(order["id"])


async def test_a_session_is_begun_and_paid_once(
    server: Server, site: StripeSite, user: httpx.AsyncClient, bob: Person
) -> None:
    site.fail = [503]  # the first answer is lost; the second try finds the same session
    order = await data(await user.post(ORDERS, json={"provider": "stripe", "amount_usd": "12.5"}))
    session = site.of_order(order["id"])
    assert order["pay_url"] == session["url"] and len(site.sessions) == 1
    assert (session["amount_total"], session["currency"]) == (1250, "usd")
    hook = f"{server.url}{HOOK}"
    waiting = {**session, "payment_status": "unpaid"}
    assert (await site.send(hook, DONE, waiting)).status_code == 200
    assert await balance(server, bob) == 0
    sent = [site.send(hook, kind, session) for kind in (LATER, DONE) * 4]
    answers = [answer.json() for answer in await asyncio.gather(*sent)]
    assert sorted(answer["replayed"] for answer in answers) == [False] + [True] * 7
    assert await balance(server, bob) == 12_500_000_000
    event = await data(await user.get(f"/api/ledger/self/events/recharge:stripe:{order['id']}"))
    assert event["body"]["paid"]["trade"] == session["payment_intent"]
    await verified(server)


async def test_currencies_without_cents(
    server: Server, site: StripeSite, user: httpx.AsyncClient, bob: Person
) -> None:
    order = await begun(user, amount="1500", currency="JPY")
    session = site.of_order(order)
    assert (session["amount_total"], session["currency"]) == (1500, "jpy")
    await data(await site.send(f"{server.url}{HOOK}", DONE, session))
    assert await balance(server, bob) == 9_900_000_000
    other = {"provider": "stripe", "amount": "1500.5", "currency": "JPY"}
    refused(await user.post(ORDERS, json=other), 400, "finer")


async def test_whatever_is_not_the_order_is_refused(
    server: Server,
    site: StripeSite,
    user: httpx.AsyncClient,
    admin: httpx.AsyncClient,
    bob: Person,
) -> None:
    order, second = await begun(user, amount="10"), await begun(user, amount="10")
    session, hook = site.of_order(order), f"{server.url}{HOOK}"
    for changed, status in (
        ({"amount_total": 999}, 409),
        ({"currency": "jpy"}, 409),
        ({"id": "cs_test_other"}, 409),
        ({"client_reference_id": second}, 400),
        ({"client_reference_id": "tg0", "metadata": {"tollgate_order": "tg0"}}, 404),
        ({"amount_total": "1000"}, 400),
        ({"amount_total": -1}, 400),
        ({"amount_total": 10**18}, 400),
        ({"currency": None}, 400),
        ({"metadata": {"tollgate_order": ["x"]}}, 200),
        ({"metadata": None}, 200),
        ({"payment_status": "no_payment_required"}, 200),
    ):
        answer = await site.send(hook, DONE, {**session, **changed})
        assert answer.status_code == status, (changed, answer.text)
    assert (await site.send(hook, "invoice.paid", session)).status_code == 200
    for odd in (b"[]", b'{"type": "charge.refunded"}', b"nothing", b'{"type": {}, "data": 1}'):
        async with httpx.AsyncClient(verify=False) as client:
            header = {"stripe-signature": site.header(odd)}
            answer = await client.post(hook, content=odd, headers=header)
        assert answer.status_code == (200 if b"{}" in odd else 400), odd
    assert await balance(server, bob) == 0
    assert (await admin.get(REFUSED)).json()["total"] == 4
    site.secret = "whsec_of_somebody_else"
    refused(await site.send(hook, DONE, session), 401, "signature")
    await options(server, StripeWebhookSecret="")
    refused(await site.send(hook, DONE, session), 404, "StripeWebhookSecret")


async def test_refunds_are_taken_back_in_parts_and_whole(
    server: Server,
    site: StripeSite,
    user: httpx.AsyncClient,
    admin: httpx.AsyncClient,
    bob: Person,
) -> None:
    order, hook = await begun(user, amount="10"), f"{server.url}{HOOK}"
    refund = "charge.refunded"
    refused(await site.send(hook, refund, site.charge(order)), 409, "send this again later")
    foreign = site.charge(order, metadata={}, payment_intent="pi_other")
    assert (await site.send(hook, refund, foreign)).json()["message"] == "this is nothing of ours"
    await data(await site.send(hook, DONE, site.of_order(order)))
    more = site.charge(order, amount_refunded=1001)
    said = (await site.send(hook, refund, more)).json()["message"]
    assert "10.01 of 10 USD" in said and await balance(server, bob) == 10**10
    assert (await admin.get(REFUSED)).json()["data"][0]["amount"] == "10.01"
    for cents, taken in ((400, "4"), (150, "4"), (400, "4")):
        part = site.charge(order, amount_refunded=cents, refunded=False)
        assert (await data(await site.send(hook, refund, part)))["taken"] == taken
    (mine,) = await data(await user.get(ORDERS))
    assert (mine["state"], await balance(server, bob)) == ("paid", 6 * 10**9)
    await server.books.debit(charge("r1", 1_000_000, user=bob.id))
    # The rest goes back as well; the number of the payment is enough to find it.
    whole = site.charge(order, metadata={})
    taken = await data(await site.send(hook, refund, whole))
    assert (taken["taken"], taken["short"]) == ("9", "1")
    assert (await site.send(hook, refund, whole)).json()["replayed"] is True
    assert await balance(server, bob) == 0
    await verified(server)


async def test_disputes_take_and_give_back(
    server: Server, site: StripeSite, user: httpx.AsyncClient, bob: Person
) -> None:
    order, hook = await begun(user, amount="10"), f"{server.url}{HOOK}"
    created, closed = "charge.dispute.created", "charge.dispute.closed"
    refused(await site.send(hook, created, site.dispute(order)), 409, "again later")
    await data(await site.send(hook, DONE, site.of_order(order)))
    won = site.dispute(order, status="won")
    refused(await site.send(hook, closed, won), 409, "again later")
    inquiry = site.dispute(order, status="warning_needs_response")
    assert (await site.send(hook, created, inquiry)).status_code == 200
    assert await balance(server, bob) == 10**10
    await server.books.debit(charge("r1", 1_000_000, user=bob.id))
    taken = await data(await site.send(hook, created, site.dispute(order)))
    assert (taken["taken"], await balance(server, bob)) == ("9", 0)
    (mine,) = await data(await user.get(ORDERS))
    assert mine["state"] == "charged_back"
    lost = site.dispute(order, status="lost")
    assert (await site.send(hook, closed, lost)).json()["replayed"] is True
    for given in (True, False):
        assert await data(await site.send(hook, closed, won)) == {"given_back": given}
    assert await balance(server, bob) == 9 * 10**9
    (mine,) = await data(await user.get(ORDERS))
    assert mine["state"] == "paid"
    # The first notice once more, out of its time; then a refund of all, out of kindness.
    assert (await site.send(hook, created, site.dispute(order))).json()["replayed"] is True
    assert await balance(server, bob) == 9 * 10**9
    taken = await data(await site.send(hook, "charge.refunded", site.charge(order)))
    assert (taken["taken"], await balance(server, bob)) == ("9", 0)
    assert await data(await site.send(hook, closed, won)) == {"given_back": False}
    (mine,) = await data(await user.get(ORDERS))
    assert (mine["state"], await balance(server, bob)) == ("refunded", 0)
    await verified(server)


async def test_disputes_of_parts_and_what_is_left_after_them(
    server: Server, site: StripeSite, user: httpx.AsyncClient, bob: Person
) -> None:
    order, hook = await begun(user, amount="10"), f"{server.url}{HOOK}"
    await data(await site.send(hook, DONE, site.of_order(order)))
    created, closed = "charge.dispute.created", "charge.dispute.closed"
    refund = partial(site.charge, order, refunded=False)
    # The dispute of the whole is heard of before the refund of a part that came before it, and its
    # amount is a little more than was paid, as the currency has moved.
    await data(await site.send(hook, created, site.dispute(order, amount=1003)))
    late = await site.send(hook, "charge.refunded", refund(amount_refunded=300))
    assert (await data(late))["taken"] == "10" and await balance(server, bob) == 0
    won = site.dispute(order, status="won")
    assert await data(await site.send(hook, closed, won)) == {"given_back": True}
    assert await balance(server, bob) == 7 * 10**9
    said = await site.send(hook, "charge.refunded", refund(amount_refunded=500))
    assert "after its dispute was won" in said.json()["message"]
    assert await data(await site.send(hook, closed, won)) == {"given_back": False}
    assert await balance(server, bob) == 7 * 10**9
    await data(await site.send(hook, "charge.refunded", site.charge(order)))
    assert await balance(server, bob) == 0
    # Of another payment a part is in dispute, and won.
    order = await begun(user, amount="10")
    await data(await site.send(hook, DONE, site.of_order(order)))
    refunded = site.charge(order, amount_refunded=100, refunded=False)
    await data(await site.send(hook, "charge.refunded", refunded))
    refused(await site.send(hook, closed, site.dispute(order, status="won")), 409, "again later")
    await data(await site.send(hook, created, site.dispute(order, amount=250)))
    assert await balance(server, bob) == 6_500_000_000
    won = site.dispute(order, amount=250, status="won")
    for given in (True, False):
        assert await data(await site.send(hook, closed, won)) == {"given_back": given}
    assert await balance(server, bob) == 9 * 10**9
    refunded = site.charge(order, amount_refunded=700, refunded=False)
    await data(await site.send(hook, "charge.refunded", refunded))
    assert await balance(server, bob) == 3 * 10**9
    await verified(server)


async def test_what_stripe_refuses_is_told_and_leaves_no_order(
    server: Server, site: StripeSite, user: httpx.AsyncClient
) -> None:
    body = {"provider": "stripe", "amount": "10"}
    await options(server, TopUpMinUsd="0")
    refused(await user.post(ORDERS, json={**body, "amount": "0.1"}), 400, "amount_too_small")
    site.fail = [500, 502]
    refused(await user.post(ORDERS, json=body), 503, "does not answer")
    await options(server, StripeSecretKey="sk_test_of_somebody_else")
    message = refused(await user.post(ORDERS, json=body), 503, "operator")
    assert "sk_test" not in message
    await options(server, StripeApiBase="http://127.0.0.1:9")
    refused(await user.post(ORDERS, json=body), 503, "does not answer")
    for answer in ANSWERS:
        async with RawUpstream() as raw:
            raw.play = partial(say, answer)
            await options(server, StripeApiBase=raw.url)
            refused(await user.post(ORDERS, json=body), 503, "try again")
    assert (await user.get(ORDERS)).json()["total"] == 0


def test_stripes_own_library_signs_and_reads_the_same() -> None:
    stripe: Any = pytest.importorskip("stripe", reason="stripe is not installed")

    body = orjson.dumps({"id": "evt_1", "object": "event", "type": "x", "data": {"object": {}}})
    made = stripe.WebhookSignature._compute_signature(f"1700000000.{body.decode()}", SECRET)
    assert made == signatures.signature(SECRET, "1700000000", body)
    signatures.check(f"t=1700000000,v1={made},v0=ab", body, [SECRET], 1_700_000_299)
    now = int(time.time())
    ours = f"t={now},v1={signatures.signature(SECRET, str(now), body)}"
    assert stripe.Webhook.construct_event(body, ours, SECRET)["id"] == "evt_1"
