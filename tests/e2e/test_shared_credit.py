"""Four workers, 200 clients, 50 small balances: nobody overspends, nothing is refused for nothing,
and nothing of note is left lying about when a balance runs dry."""

import asyncio
import os
import random
from collections import Counter
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.server import Person, Server

pytestmark = pytest.mark.database

CLIENTS = 200
ACCOUNTS = 50
SEED = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(1, 10**9)
TOKENS = 20
NANO_PER_QUOTA = 2_000


def body_of(number: int) -> dict:
    """A request whose input always has the same length, and whose answer is cut at TOKENS."""
    content = f"Count up from {number % 10}."
    return {
        "model": "sandbox-chat",
        "messages": [{"role": "user", "content": content}],
        "max_tokens": TOKENS,
    }


class Wallet:
    """One account to spend from: a person with a balance, or a limited key of a rich person."""

    def __init__(self, owner: Person, requests: int, cost_nano: int, *, limited: bool) -> None:
        self.owner = owner
        self.requests = requests
        quota = quota_for(requests, cost_nano)
        limit = {"unlimited_quota": False, "remain_quota": quota} if limited else {}
        row = owner.add_key(name="wallet", **limit)
        self.key = row["key"]
        self.account = f"key:{row['id']}" if limited else owner.account
        self.start_nano = quota * NANO_PER_QUOTA
        self.statuses: Counter[int] = Counter()


def quota_for(requests: int, cost_nano: int) -> int:
    """Return the least quota that pays for some requests."""
    return -(-requests * cost_nano // NANO_PER_QUOTA)


def wallets_of(server: Server, rng: random.Random, cost_nano: int) -> list[Wallet]:
    """Make the accounts: half of them people, half of them keys of one rich person."""
    rich = server.add_user("rich", usd_quota=500_000_000)
    wallets = []
    for number in range(ACCOUNTS):
        requests, limited = rng.randint(5, 60), number % 2 == 1
        quota = quota_for(requests, cost_nano)
        owner = rich if limited else server.add_user(f"w{number}", usd_quota=quota)
        wallets.append(Wallet(owner, requests, cost_nano, limited=limited))
    return wallets


async def ask(http: aiohttp.ClientSession, wallet: Wallet, number: int) -> None:
    headers = {"Authorization": f"Bearer sk-{wallet.key}"}
    async with http.post("/v1/chat/completions", json=body_of(number), headers=headers) as answer:
        text = await answer.text()
    wallet.statuses[answer.status] += 1
    assert answer.status in (200, 402), (wallet.account, text)


async def crowd(server: Server, jobs: list[tuple[Wallet, int]]) -> None:
    """Let CLIENTS clients, a connection each, work off the jobs."""
    connector = aiohttp.TCPConnector(limit=CLIENTS)
    timeout = aiohttp.ClientTimeout(total=300)
    async with aiohttp.ClientSession(server.url, connector=connector, timeout=timeout) as http:
        queue = iter(jobs)

        async def client() -> None:
            for wallet, number in queue:
                await ask(http, wallet, number)

        await asyncio.gather(*(client() for _ in range(CLIENTS)))


def cost_of_one(server: Server) -> int:
    """Measure what one request costs, in nano-dollars."""
    person = server.add_user("measure", usd_quota=1_000_000)
    headers = {"Authorization": f"Bearer sk-{person.add_key()['key']}"}
    before = server.balance_nano(person.account)
    answer = server.http.post("/v1/chat/completions", json=body_of(1), headers=headers)
    assert answer.status_code == 200, answer.text
    return before - server.balance_nano(person.account)


def never_negative(server: Server, wallets: list[Wallet]) -> None:
    for wallet in wallets:
        for account in (wallet.account, wallet.owner.account):
            assert server.balance_nano(account) >= 0, account


@pytest.mark.timeout(600)
async def test_small_balances_shared_by_four_workers(tmp_path: Path):
    print(f"SEED={SEED}")
    rng = random.Random(SEED)
    server = Server(tmp_path).start("--workers", "4")
    server.add_channel()
    cost = cost_of_one(server)
    wallets = wallets_of(server, rng, cost)
    # Half of each balance, spent by as many requests as it is good for: all must be served.
    jobs = [(wallet, n) for wallet in wallets for n in range(wallet.requests // 2)]
    rng.shuffle(jobs)
    await crowd(server, jobs)
    refused = {w.account: dict(w.statuses) for w in wallets if set(w.statuses) - {200}}
    assert not refused, refused
    # The other half, and as many requests again that cannot be paid any more.
    jobs = [(wallet, n) for wallet in wallets for n in range(wallet.requests)]
    rng.shuffle(jobs)
    await crowd(server, jobs)
    never_negative(server, wallets)
    stranded = []
    for wallet in wallets:
        left = server.balance_nano(wallet.account)
        assert left >= 0
        if left > max(wallet.start_nano // 100, cost):
            stranded.append((wallet.account, left, wallet.start_nano, dict(wallet.statuses)))
    assert not stranded, stranded
    assert "books balance" in server.verified()
    server.stop()
