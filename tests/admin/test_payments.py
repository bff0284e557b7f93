"""Payments by signed webhook: credited once, compared with their order, taken back once."""

import asyncio
import re
import time
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from admin.payments import signatures
from gateway.directory.option_table import OPTIONS
from ledger.errors import InsufficientCredit
from ledger.money import parse_usd
from ledger.store import Store
from tests.admin.harness import Person, Server, data, person, refused, serve
from tests.admin.paying import (
    OLD_SECRET,
    ORDERS,
    REFUSED,
    SECRET,
    balance,
    options,
    shop,
    told,
    verified,
)
from tests.ledger.drafts import charge

USD = 10**9


async def test_a_payment_is_credited_once_and_says_what_was_paid(
    server: Server, stranger: httpx.AsyncClient, user: httpx.AsyncClient, bob: Person
) -> None:
    refused(await told(stranger, event="paid"), 404, "PaymentWebhookSecret")
    await shop(server)
    said = {"event": "paid", "reference": "A-1", "user_id": bob.id}
    paid = {**said, "amount": "33.33", "currency": "CNY"}
    first = (await told(stranger, **paid)).json()
    assert first["replayed"] is False
    assert first["data"]["credit"] == "4.6662" and await balance(server, bob) == 4_666_200_000
    # At another rate, in another spelling, with the secret of before: the same payment.
    await options(server, PaymentRates='{"CNY": "0.2"}')
    again = (await told(stranger, OLD_SECRET, **{**paid, "amount": "033.330"})).json()
    assert again == {**first, "replayed": True}
    for name, other in (("amount", "33.34"), ("currency", "USD"), ("user_id", 1)):
        refused(await told(stranger, **{**paid, name: other}), 409, "A-1 was credited")
        refused(await told(stranger, **{**paid, name: other}), 409)
    assert await balance(server, bob) == 4_666_200_000
    event = await data(await user.get("/api/ledger/self/events/recharge:webhook:A-1"))
    assert event["body"]["paid"] == {
        "amount": "33.33",
        "currency": "CNY",
        "rate": "0.14",
        "order": None,
        "trade": None,
    }
    await verified(server)


async def test_the_example_of_the_docs_pays(
    server: Server, stranger: httpx.AsyncClient, bob: Person
) -> None:
    await shop(server)
    page = (Path(__file__).parents[2] / "docs" / "payments.md").read_text(encoding="utf-8")
    example: dict[str, Any] = {}
    exec(page.partition("```python\n")[2].partition("```")[0], example)
    notice = {"event": "paid", "reference": "INV-1042", "user_id": bob.id}
    money = {"amount": "20", "currency": "USD"}
    answer = await asyncio.to_thread(example["tell"], server.url, SECRET, {**notice, **money})
    assert answer["data"]["credit"] == "20" and await balance(server, bob) == 20 * USD
    listed = re.findall(r"`([A-Z][A-Za-z]+)`", page)
    assert {name for name in listed if name in OPTIONS} >= {
        name for name in OPTIONS if name.startswith(("Payment", "Epay", "Stripe", "TopUp"))
    }


async def test_what_is_refused_is_on_record_for_admins_once(
    server: Server,
    stranger: httpx.AsyncClient,
    admin: httpx.AsyncClient,
    user: httpx.AsyncClient,
    bob: Person,
) -> None:
    await shop(server)
    paid = {"event": "paid", "reference": "A-1", "amount": "1", "currency": "USD"}
    for _ in range(3):
        refused(await told(stranger, **paid, user_id=999), 404, "no user")
    refused(await told(stranger, **{**paid, "currency": "EUR"}, user_id=bob.id), 409, "no rate")
    refused(await told(stranger, **paid, order="tgnone"), 404, "no order")
    tiny = {**paid, "amount": "0.000000001", "currency": "CNY"}
    refused(await told(stranger, **tiny, user_id=bob.id), 409, "worth nothing")
    listed = (await admin.get(REFUSED, params={"page_size": 2})).json()
    assert listed["total"] == 4 and len(listed["data"]) == 2
    assert "worth nothing" in listed["data"][0]["why"]
    assert listed["data"][0]["reference"] == "A-1"
    refused(await user.get(REFUSED), 403)
    assert await balance(server, bob) == 0


ODD: tuple[tuple[dict[str, object], str], ...] = (
    ({"amount": 10}, "amount"),
    ({"amount": 10.5}, "amount"),
    ({"amount": "1e3"}, "amount"),
    ({"amount": "-1"}, "amount"),
    ({"amount": "0.00"}, "amount"),
    ({"amount": "١"}, "amount"),
    ({"amount": "1\n"}, "amount"),
    ({"amount": None}, "amount"),
    ({"currency": "usd"}, "currency"),
    ({"currency": {"$gt": ""}}, "currency"),
    ({"reference": "a b"}, "reference"),
    ({"reference": "x" * 151}, "reference"),
    ({"user_id": True}, "user_id"),
    ({"user_id": "1"}, "user_id"),
    ({"order": ["tg"]}, "order"),
    ({"event": "stolen"}, "event"),
    ({"more": 1}, "more"),
)


async def test_odd_notices_are_refused_in_words(
    server: Server, stranger: httpx.AsyncClient
) -> None:
    await shop(server)
    paid = {"event": "paid", "reference": "A", "user_id": 1, "amount": "1", "currency": "USD"}
    for changed, word in ODD:
        refused(await told(stranger, **{**paid, **changed}), 400, word)
    refused(await told(stranger, event="paid", reference="A"), 400, "amount")
    money = {"amount": "1", "currency": "USD"}
    refused(await told(stranger, event="paid", reference="A", **money), 400, "user_id")


async def test_duplicates_at_two_nodes_at_once_credit_once(
    store: Store, server: Server, bob: Person
) -> None:
    await shop(server)
    second = await serve(store)
    try:
        clients = [node.client() for node in (server, second) * 8]
        paid = {"event": "paid", "reference": "A", "user_id": bob.id}
        money = {"amount": "5", "currency": "USD"}
        answers = await asyncio.gather(*(told(each, **paid, **money) for each in clients))
        assert Counter(each.json()["replayed"] for each in answers) == {False: 1, True: 15}
        back = {"event": "refunded", "reference": "A"}
        answers = await asyncio.gather(*(told(each, **back) for each in clients))
        assert {each.status_code for each in answers} <= {200, 503}
        assert (await told(clients[1], **back)).json()["replayed"] is True
        await asyncio.gather(*(each.aclose() for each in clients))
        reversals = {"type": "recharge.reversed"}
        assert await store.count("events", reversals) == 1
        assert await balance(server, bob) == 0
        await verified(server)
    finally:
        await second.close()


async def test_a_refund_takes_what_is_there_and_books_what_is_missing(
    server: Server, stranger: httpx.AsyncClient, admin: httpx.AsyncClient, bob: Person
) -> None:
    await shop(server)
    back = {"event": "refunded", "reference": "A"}
    refused(await told(stranger, **back), 409, "send this again later")
    paid = {"reference": "A", "amount": "5", "currency": "USD", "user_id": bob.id}
    await data(await told(stranger, event="paid", **paid))
    draft = charge("r1", 2_000_000, user=bob.id)
    await server.books.debit(draft)
    for name, other in (("user_id", 1), ("currency", "CNY")):
        refused(await told(stranger, **back, **{name: other}), 409, name)
    refused(await told(stranger, **back, amount="5.01"), 400, "5.01 of 5 USD", "admin")
    taken = (await told(stranger, **back, amount="5.00", currency="USD")).json()
    assert (taken["data"]["taken"], taken["data"]["short"]) == ("3", "2")
    assert (await told(stranger, **back)).json() == {**taken, "replayed": True}
    # A payment that is told again afterwards stays taken back; so does a charge-back after it.
    assert (await told(stranger, event="paid", **paid)).json()["replayed"] is True
    assert (await told(stranger, event="charged_back", reference="A")).json()["replayed"] is True
    assert await balance(server, bob) == 0
    listed = await data(await admin.get("/api/ledger/reversals"))
    assert [(each["state"], each["force"]) for each in listed] == [("done", True)]
    assert len((await admin.get(REFUSED)).json()["data"]) == 3
    await verified(server)


async def test_parts_are_taken_back_by_what_went_back_in_all(
    server: Server,
    stranger: httpx.AsyncClient,
    user: httpx.AsyncClient,
    admin: httpx.AsyncClient,
    bob: Person,
) -> None:
    await shop(server)
    order = await data(
        await user.post(ORDERS, json={"provider": "webhook", "amount": "10", "currency": "CNY"})
    )
    paid = {"reference": "A", "amount": "10", "currency": "CNY", "order": order["id"]}
    await data(await told(stranger, event="paid", **paid))
    back = {"event": "refunded", "reference": "A"}
    # The second notice first, both at once, and again.
    third, half = {**back, "amount": "3.33"}, {**back, "amount": "5.0"}
    await data(await told(stranger, **half))
    answers = await asyncio.gather(*(told(stranger, **each) for each in (third, half) * 3))
    assert {each.json()["replayed"] for each in answers} == {True}
    assert {each.json()["data"]["taken"] for each in answers} == {"0.7"}
    assert await balance(server, bob) == 700_000_000
    (mine,) = await data(await user.get(ORDERS))
    assert mine["state"] == "paid"
    explained = await data(await admin.get("/api/ledger/events/recharge:webhook:A"))
    reversal = explained["explanation"]["reversal"]
    assert (reversal["amount"], reversal["whole"]) == ("0.7", False)
    assert reversal["reason"] == "refunded by the payment provider: 5 of 10 CNY"
    (listed,) = await data(await admin.get("/api/ledger/reversals"))
    assert (listed["part"], listed["total"]) == ({"refunded": "5"}, "0.7")
    # What is disputed comes on top, up to what was paid.
    disputed = {**back, "event": "charged_back", "amount": "2"}
    assert (await told(stranger, **disputed)).json()["data"]["taken"] == "0.98"
    (mine,) = await data(await user.get(ORDERS))
    assert mine["state"] == "charged_back"
    whole = (await told(stranger, **back)).json()["data"]
    assert (whole["event"], whole["taken"]) == ("refund:3:recharge:webhook:A", "1.4")
    (mine,) = await data(await user.get(ORDERS))
    assert mine["state"] == "refunded" and await balance(server, bob) == 0
    assert (await told(stranger, **half)).json()["replayed"] is True
    body = {"event": "recharge:webhook:A", "reason": "once more"}
    refused(await admin.post("/api/ledger/reverse", json=body), 409)
    await verified(server)


async def test_what_an_admin_took_back_is_not_taken_again(
    server: Server, stranger: httpx.AsyncClient, admin: httpx.AsyncClient, bob: Person
) -> None:
    await shop(server)
    paid = {"reference": "A", "amount": "5", "currency": "USD", "user_id": bob.id}
    await data(await told(stranger, event="paid", **paid))
    body = {"event": "recharge:webhook:A", "reason": "a mistake"}
    await data(await admin.post("/api/ledger/reverse", json=body))
    answer = (await told(stranger, event="charged_back", reference="A")).json()
    assert (answer["replayed"], answer["data"]["taken"]) == (True, "5")
    assert await balance(server, bob) == 0


async def test_refunds_race_with_spending(
    server: Server, stranger: httpx.AsyncClient, bob: Person
) -> None:
    await shop(server)
    paid = {"reference": "A", "amount": "1", "currency": "USD", "user_id": bob.id}
    await data(await told(stranger, event="paid", **paid))
    drafts = [charge(f"r{number}", 50_000, user=bob.id) for number in range(40)]
    *spent, answer = await asyncio.gather(
        *(server.books.debit(draft) for draft in drafts),
        told(stranger, event="refunded", reference="A"),
        return_exceptions=True,
    )
    while answer.status_code == 409:  # what is there kept changing; providers try again
        answer = await told(stranger, event="refunded", reference="A")
    taken = await data(answer)
    failed = [each for each in spent if isinstance(each, BaseException)]
    assert all(isinstance(each, InsufficientCredit) for each in failed)
    left = await balance(server, bob)
    sold = (len(spent) - len(failed)) * 50_000_000
    print("spent", sold, "taken", taken)
    taken_nano = parse_usd(taken["taken"])
    assert left >= 0 and sold + taken_nano + left == USD
    await verified(server)


async def test_orders_are_bound_to_what_was_ordered(
    server: Server,
    stranger: httpx.AsyncClient,
    user: httpx.AsyncClient,
    admin: httpx.AsyncClient,
    bob: Person,
) -> None:
    wanted = {"provider": "webhook", "amount_usd": "10", "currency": "CNY"}
    refused(await user.post(ORDERS, json=wanted), 404, "PaymentShopAddress")
    await shop(server)
    order = await data(await user.post(ORDERS, json=wanted))
    assert (order["amount"], order["credit"], order["state"]) == ("71.43", "10.0002", "open")
    address = urlsplit(order["pay_url"])
    query = {name: values[0] for name, values in parse_qs(address.query).items()}
    assert address.netloc == "shop.example" and query["from"] == "gate"
    assert (query["order"], query["user_id"]) == (order["id"], str(bob.id))
    signed = address.query.removeprefix("from=gate&").partition("&t=")[0]
    signatures.check(
        f"t={query['t']},v1={query['v1']}", signed.encode(), [_secret(server)], time.time()
    )
    # The rate of the order holds, whatever becomes of the rates.
    await options(server, PaymentRates='{"USD": "1"}')
    paid = {"event": "paid", "reference": "A", "order": order["id"]}
    money = {"amount": "71.43", "currency": "CNY"}
    for name, other in (("amount", "71.42"), ("currency", "USD"), ("user_id", 1)):
        refused(
            await told(stranger, **{**paid, **money, name: other}), 409, f"{name.split('_')[0]}"
        )
    assert await balance(server, bob) == 0
    # A process died between claiming the order for a payment and crediting it.
    claim = {"$set": {"reference": "A"}}
    await server.books.store.update_one("payment_orders", {"_id": order["id"]}, claim)
    refused(await told(stranger, **{**paid, "reference": "B"}, **money), 409, "another payment")
    done = await data(await told(stranger, **paid, **money))
    assert done["account"] == f"user:{bob.id}" and await balance(server, bob) == 10_000_200_000
    refused(await told(stranger, **{**paid, "reference": "B"}, **money), 409, "another payment")
    refused(await told(stranger, **{**paid, "order": "tg1"}, **money), 404, "no order")
    (mine,) = await data(await user.get(ORDERS, params={"state": "paid"}))
    assert mine["event"] == "recharge:webhook:A" and mine["pay_url"] == ""
    await data(await told(stranger, event="charged_back", reference="A"))
    (mine,) = await data(await user.get(ORDERS))
    assert mine["state"] == "charged_back"
    everybody = (await admin.get(f"{ORDERS}/all", params={"user_id": bob.id})).json()
    assert everybody["total"] == 1 and everybody["data"][0]["username"] == "bob"
    assert (await admin.get(f"{ORDERS}/all", params={"provider": "epay"})).json()["total"] == 0
    refused(await user.get(f"{ORDERS}/all"), 403)
    await verified(server)


def _secret(server: Server) -> str:
    return str(server.directory.options.get("PaymentWebhookSecret"))


async def test_one_order_is_paid_by_one_of_many_payments(
    server: Server, stranger: httpx.AsyncClient, user: httpx.AsyncClient, bob: Person
) -> None:
    await shop(server)
    order = await data(await user.post(ORDERS, json={"provider": "webhook", "amount": "3"}))
    path = f"{ORDERS}/{order['id']}"
    assert (await data(await user.delete(path)))["state"] == "expired"  # paid all the same
    paid = {"event": "paid", "order": order["id"], "amount": "3", "currency": "USD"}
    answers = await asyncio.gather(
        *(told(stranger, **paid, reference=f"R{number}") for number in range(6))
    )
    assert Counter(each.status_code for each in answers) == {200: 1, 409: 5}
    assert await balance(server, bob) == 3 * USD
    for answer in (await user.get(path), await user.delete(path)):
        assert (await data(answer))["state"] == "paid"
    async with server.client((await person(server, "eve")).token) as eve:
        refused(await eve.get(path), 404, "no order")
        refused(await eve.delete(path), 404, "no order")
    log = await data(await user.get("/api/log/self/", params={"type": 1}))
    assert [row["content"] for row in log] == ["3 USD paid by webhook"]


async def test_orders_keep_to_the_limits(
    server: Server, user: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    await shop(server)
    await options(server, TopUpMinUsd="2.5", TopUpMaxUsd="100", TopUpOpenOrders=2)
    ways = await data(await user.get("/api/payment/ways"))
    assert [each["provider"] for each in ways["providers"]] == ["webhook"]
    assert (ways["min_usd"], ways["max_usd"], ways["rates"]["CNY"]) == ("2.5", "100", "0.14")
    for sent, word in (
        ({"amount_usd": "2.49"}, "2.5 to 100"),
        ({"amount_usd": "100.01"}, "2.5 to 100"),
        ({"amount": "1000", "currency": "CNY"}, "140 USD"),
        ({"amount": "5", "currency": "EUR"}, "no rate"),
        ({"amount": "5", "amount_usd": "5"}, "either"),
        ({}, "either"),
        ({"amount": 5}, "amount"),
        ({"amount_usd": "0"}, "nothing"),
        ({"amount": "9" * 12, "currency": "USD"}, "more than"),
        ({"amount": "5", "method": "alipay"}, "method"),
    ):
        refused(await user.post(ORDERS, json={"provider": "webhook", **sent}), 400, word)
    body = {"provider": "webhook", "amount_usd": "100"}
    for _ in range(2):
        await data(await user.post(ORDERS, json=body))
    refused(await user.post(ORDERS, json=body), 409, "2 orders")
    await data(await admin.post(ORDERS, json=body))
    ended = {"$set": {"expires_us": 1}}
    await server.books.store.update_many("payment_orders", {}, ended)
    await data(await user.post(ORDERS, json=body))
    totals = {
        state: (await user.get(ORDERS, params={"state": state})).json()["total"]
        for state in ("open", "expired", "paid")
    }
    assert totals == {"open": 1, "expired": 2, "paid": 0}
