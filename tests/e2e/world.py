"""A small invented business for tests and pictures of the console: users, keys, charges, codes."""

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


def furnish(server: Server, requests: int = 60) -> Person:
    """Fill a fresh server; returns the customer whose pages are looked at."""
    server.add_channel(name="sandbox east")
    server.add_channel(name="sandbox west", priority=-1, status=2)
    customer = server.add_user(CUSTOMER, 5 * USD_QUOTA)
    for name in ("张伟", "atlas-labs", "quiet.fox"):
        server.add_user(name, USD_QUOTA)
    keys = [customer.add_key(name=name)["key"] for name in ("laptop", "生产环境", "ci")]
    for number in range(requests):
        question = _QUESTIONS[number % len(_QUESTIONS)]
        ask(server, keys[number % len(keys)], question, stream=number % 3 == 0)
    batch = {"name": "welcome", "quota": USD_QUOTA // 2, "count": 5}
    codes = server.api("POST", "/api/redemption/", batch)
    customer.api("POST", "/api/user/topup", {"key": codes[0]})
    furnish_prices(server)
    return customer


def furnish_prices(server: Server) -> None:
    """Versions of the price book, one of them planned, a model without a price, a notice."""
    server.add_channel(name="lab", models="sandbox-chat,unpriced-preview", status=1)
    prices = "/api/ledger/prices"
    dearer = [{"model": "sandbox-embedding", "input": "0.03"}]
    server.api("POST", prices, {"set": dearer, "groups": {"vip": "0.8"}, "note": "Embeddings"})
    later = {"set": [{"model": "sandbox-chat", "input": "1.2", "output": "4"}], "note": "New year"}
    server.api("POST", prices, {**later, "effective_at": int(time.time()) + 3 * 86_400})
    hook = {"key": "NoticeWebhookUrl", "value": "http://127.0.0.1:9/none"}
    server.api("PUT", "/api/option/", hook)
    server.api("POST", "/api/notices/test")
