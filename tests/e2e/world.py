"""A small invented business for tests and pictures of the console: users, keys, charges, codes."""

import hashlib
import hmac
import json
import time

import httpx

from tests.e2e.server import Person, Server

CUSTOMER, PASSWORD = "wanderer", "password-1"
USD_QUOTA = 500_000
MODELS = ("sandbox-chat", "sandbox-embed")
_QUESTIONS = ("How much?", "What is a ledger?", "Tell me about tides.", "你好，请介绍一下自己。")


def ask(server: Server, key: str, question: str, *, stream: bool = False) -> None:
    """Make one paid request."""
    answer = httpx.post(
        f"{server.url}/v1/chat/completions",
        json={
            "model": "sandbox-chat",
            "stream": stream,
            "messages": [{"role": "user", "content": question}],
        },
        headers={"Authorization": f"Bearer sk-{key}"},
        timeout=60,
        trust_env=False,
    )
    assert answer.status_code == 200, answer.text


def _further_channels(server: Server) -> None:
    """Add channels that serve nothing of what is asked here, for the table of channels."""
    nowhere = {"base_url": "http://127.0.0.1:9", "key": "sk-invented"}
    server.add_channel(
        **nowhere,
        type=50,
        name="上海 一号",
        models="deepseek-chat,deepseek-reasoner",
        tag="asia",
        group="default,vip",
        priority=10,
        weight=3,
    )
    refused = server.add_channel(
        **nowhere, type=1, name="openai main", models="gpt-4o,gpt-4o-mini,o1", tag="primary"
    )
    server.api("PUT", "/api/channel/", {"id": refused, "status": 3})


def _bounded_keys(customer: Person) -> None:
    """Keys with limits, for the page of keys: one that works, one with nothing left."""
    limits = {"rpm": 60, "concurrency": 4, "models": "sandbox-chat", "subnet": "203.0.113.0/24"}
    budgets = [{"period": "day", "limit_usd": "2"}, {"period": "month", "limit_usd": "25"}]
    bounded = {**limits, "budgets": budgets, "unlimited_quota": False}
    customer.add_key(name="nightly report", remain_quota=3 * USD_QUOTA, **bounded)
    customer.add_key(name="trial", unlimited_quota=False)


SHOP_SECRET = "a-secret-of-the-shop"
_PAYMENTS = {
    "PaymentShopAddress": "https://shop.example/pay",
    "PaymentWebhookSecret": SHOP_SECRET,
    "EpayAddress": "https://epay.example",
    "EpayId": "1001",
    "EpayKey": "a-key-of-the-site",
    "PaymentRates": '{"USD": "1", "CNY": "0.14"}',
    "ServerAddress": "https://gate.example",
}


def tell(server: Server, **notice: str) -> httpx.Response:
    """Send a notice of the operator's own shop, signed as docs/payments.md says."""
    body, at = json.dumps(notice).encode(), str(int(time.time()))
    v1 = hmac.new(SHOP_SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    headers = {"X-Tollgate-Signature": f"t={at},v1={v1}"}
    return server.http.post("/api/payment/webhook", content=body, headers=headers)


def open_shop(server: Server, **options: str) -> None:
    """Set up payments by the operator's own shop and by EPay."""
    server.options(**{**_PAYMENTS, **options})


def pay(server: Server, order: dict[str, str], **changed: str) -> httpx.Response:
    """Tell that an order of the shop's was paid."""
    said = {"reference": f"INV-{order['id'][-6:]}", "order": order["id"]}
    price = {"amount": order["amount"], "currency": order["currency"]}
    return tell(server, **{"event": "paid", **said, **price, **changed})


def _payments(server: Server, customer: Person) -> None:
    """Orders in every state, a notice that was refused, and credit that ends."""
    open_shop(server)
    for number, amount in enumerate(("20", "50", "7.5")):
        sent = {"provider": "webhook", "amount_usd": amount}
        order = customer.api("POST", "/api/payment/orders", sent)
        if number == 0:
            assert pay(server, order, amount="1").status_code == 409
        if number < 2:
            assert pay(server, order).status_code == 200
        if number == 1:
            tell(server, event="refunded", reference=f"INV-{order['id'][-6:]}")
    sent = {"provider": "epay", "amount_usd": "10"}
    customer.api("POST", "/api/payment/orders", sent)
    gift = {"user_id": customer.id, "quota": USD_QUOTA, "source": "gift", "remark": "spring"}
    ends = int(time.time()) + 30 * 86_400
    server.api("POST", "/api/topup", {**gift, "expires_at": ends})


def furnish(server: Server, requests: int = 60) -> Person:
    """Fill a fresh server; returns the customer whose pages are looked at."""
    server.add_channel(name="sandbox east", cost_ratio="0.6")
    server.add_channel(name="sandbox west", priority=-1, status=2)
    _further_channels(server)
    customer = server.add_user(CUSTOMER, 5 * USD_QUOTA)
    for number, name in enumerate(("张伟", "atlas-labs", "quiet.fox")):
        key = server.add_user(name, USD_QUOTA).add_key()["key"]
        for _ in range(number):
            ask(server, key, _QUESTIONS[number])
    keys = [customer.add_key(name=name)["key"] for name in ("laptop", "生产环境", "ci")]
    _bounded_keys(customer)
    for number in range(requests):
        question = _QUESTIONS[number % len(_QUESTIONS)]
        ask(server, keys[number % len(keys)], question, stream=number % 3 == 0)
    batch = {"name": "welcome", "quota": USD_QUOTA // 2, "count": 5}
    codes = server.api("POST", "/api/redemption/", batch)
    customer.api("POST", "/api/user/topup", {"key": codes[0]})
    _payments(server, customer)
    furnish_prices(server)
    check_the_books(server)
    return customer


def check_the_books(server: Server) -> None:
    """What auditors see: seals, an audit, a verification, a proposal to give a charge back."""
    server.raw("GET", "/api/ledger/bundle")
    server.api("POST", "/api/ledger/audit")
    server.api("POST", "/api/ledger/verifications")
    server.options(ReversalApprovalUsd="0")
    charges = server.events(type="usage.charged")
    for event, reason in zip(charges, ("The answer was empty", "Twice by mistake"), strict=False):
        server.api("POST", "/api/ledger/reverse", {"event": event["id"], "reason": reason})


def furnish_prices(server: Server) -> None:
    """Versions of the price book, one of them planned, a model without a price, a notice."""
    server.add_channel(name="lab", models="sandbox-chat,unpriced-preview", status=1)
    prices = "/api/ledger/prices"
    dearer = [{"model": "sandbox-embedding", "input": "0.03"}]
    server.api("POST", prices, {"set": dearer, "groups": {"vip": "0.8"}, "note": "Embeddings"})
    later = {"set": [{"model": "sandbox-chat", "input": "1.2", "output": "4"}], "note": "New year"}
    server.api("POST", prices, {**later, "effective_at": int(time.time()) + 3 * 86_400})
    server.options(NoticeWebhookUrl="http://127.0.0.1:9/none")
    server.api("POST", "/api/notices/test")
