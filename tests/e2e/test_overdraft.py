"""Nobody spends what is not there, however many ask at once."""

import asyncio

import httpx
import pytest

from tests.e2e.server import Server

pytestmark = pytest.mark.database

BODY = {
    "model": "sandbox-chat",
    "messages": [{"role": "user", "content": "How much is left?"}],
}


async def ask(url: str, key: str, count: int, body: dict) -> list[int]:
    """Send `count` requests at once and return their statuses."""
    limits = httpx.Limits(max_connections=count)
    async with httpx.AsyncClient(
        base_url=url, timeout=60, limits=limits, trust_env=False
    ) as client:
        headers = {"Authorization": f"Bearer sk-{key}"}
        answers = await asyncio.gather(
            *(client.post("/v1/chat/completions", json=body, headers=headers) for _ in range(count))
        )
    return [answer.status_code for answer in answers]


@pytest.mark.parametrize("max_tokens", [None, 30])
@pytest.mark.parametrize("limited", ["balance", "key"])
async def test_200_requests_on_credit_for_10(sandbox: Server, limited: str, max_tokens: int | None):
    body = BODY if max_tokens is None else {**BODY, "max_tokens": max_tokens}
    name = f"{limited}{max_tokens or 'any'}"
    person = sandbox.add_user(name, usd_quota=50_000_000)
    free_key = person.add_key(name="unlimited")["key"]
    before = sandbox.balance_nano(person.account)
    assert await ask(sandbox.url, free_key, 1, body) == [200]
    cost_nano = before - sandbox.balance_nano(person.account)
    assert cost_nano > 0 and cost_nano % 2_000 == 0
    quota = 10 * cost_nano // 2_000
    if limited == "balance":
        poor = sandbox.add_user(f"poor{name}", usd_quota=quota)
        account, key = poor.account, poor.add_key()["key"]
    else:
        row = person.add_key(name="limited", unlimited_quota=False, remain_quota=quota)
        account, key = f"key:{row['id']}", row["key"]
    statuses = await ask(sandbox.url, key, 200, body)
    served = statuses.count(200)
    assert served >= 8 and served + statuses.count(402) == 200
    left = sandbox.balance_nano(account)
    assert 0 <= left <= 2 * cost_nano
    sandbox.verified()
