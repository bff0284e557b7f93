"""Codes: one credit per code, whoever asks how often through whichever process."""

import asyncio
import csv
import io
from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.server import ROOT_ACCESS_TOKEN, Server, items
from tests.waiting import until_sync

pytestmark = pytest.mark.database


@pytest.fixture(scope="module")
def two(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    """Two processes on one database."""
    other = Server(tmp_path_factory.mktemp("other"), MONGO_URL=server.mongo_url()).start()
    yield [server, other]
    other.stop()


async def test_64_concurrent_requests_through_two_processes(two: list[Server]):
    server = two[0]
    people = [server.add_user(f"u{n}") for n in range(8)]
    [code] = server.api("POST", "/api/redemption/", {"name": "gift", "quota": 500_000, "count": 1})
    async with (
        httpx.AsyncClient(base_url=two[0].url, timeout=60, trust_env=False) as one,
        httpx.AsyncClient(base_url=two[1].url, timeout=60, trust_env=False) as other,
    ):
        answers = await asyncio.gather(
            *(
                (one, other)[n % 2].post(
                    "/api/user/topup",
                    json={"key": code},
                    headers={"Authorization": people[n // 2 % 8].access_token},
                )
                for n in range(64)
            )
        )
    won = [a for a in answers if a.json()["success"]]
    assert len(won) == 1 and won[0].json()["data"] == 500_000
    for refused in answers:
        if refused is not won[0]:
            assert 400 <= refused.status_code < 500 and "used" in refused.json()["message"].lower()
    balances = [server.balance_nano(person.account) for person in people]
    assert sorted(balances) == [0] * 7 + [10**9]
    assert len(server.events(type="redemption.redeemed")) == 1
    server.verified()


def test_what_one_process_credits_the_other_can_spend_at_once(two: list[Server]):
    two[0].add_channel()
    person = two[0].add_user("crosser")
    key = person.add_key()["key"]
    [code] = two[0].api("POST", "/api/redemption/", {"name": "x", "quota": 500_000, "count": 1})
    two[0].api("POST", "/api/user/topup", {"key": code}, person.access_token)
    body = {"model": "sandbox-chat", "messages": [{"role": "user", "content": "hi"}]}
    headers = {"Authorization": f"Bearer sk-{key}"}
    for server in two:
        until_sync(
            lambda server=server: (
                server.http.post("/v1/chat/completions", json=body, headers=headers).status_code
                == 200
            ),
            timeout_s=2.5,
        )


def test_a_batch_of_1000_codes_in_one_call_and_its_export(server: Server):
    batch = {"name": "spring", "quota": 1_000, "count": 1_000}
    codes = server.api("POST", "/api/redemption/", batch)
    assert len(set(codes)) == 1_000
    token = {"Authorization": ROOT_ACCESS_TOKEN}
    [row, *_] = items(server.api("GET", "/api/redemption/search?keyword=spring"))
    export = f"/api/redemption/export?batch={row['batch']}"
    text = server.http.get(f"{export}&format=txt", headers=token)
    assert text.status_code == 200
    assert set(codes) <= set(text.text.split())
    table = server.http.get(f"{export}&format=csv", headers=token)
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert sum(row["name"] == "spring" for row in rows) == 1_000
    issued = server.events(type="redemption.issued")
    assert issued[0]["body"]["count"] == 1_000


def test_wrong_codes_are_refused_kindly(server: Server):
    person = server.add_user("hopeful")
    for wrong in ("", "nonsense", "x" * 5_000, 7, None, {"$gt": ""}):
        answer = person.raw("POST", "/api/user/topup", {"key": wrong})
        assert 400 <= answer.status_code < 500 and answer.json()["message"], wrong
    assert server.balance_nano(person.account) == 0
