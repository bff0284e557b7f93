"""Failures that users of such gateways reported of their panels, tried here; docs/failures.md."""

import asyncio
from typing import Any

import httpx

from admin.times import utc_day
from ledger.accounts import balance_nano, read
from ledger.books import Books
from ledger.clock import Clock
from ledger.verify import verify
from tests.admin.harness import Person, Server, data
from tests.ledger.drafts import charge, recharge

DAY_US = 86_400_000_000


async def balance(server: Server, account: str) -> int:
    return balance_nano(await read(server.books.store, account))


async def test_saving_a_note_during_charges_moves_no_money(
    server: Server, admin: httpx.AsyncClient, user: httpx.AsyncClient, bob: Person
) -> None:
    account = f"user:{bob.id}"
    await server.books.record(recharge("a", account, 10**9))

    async def edit(number: int) -> None:
        body = {"id": bob.id, "display_name": f"note {number}", "group": "vip"}
        await data(await admin.put("/api/user/", json=body))

    async def spend(number: int) -> None:
        await server.books.record(charge(f"r{number}", 7, user=bob.id, held=()))

    await asyncio.gather(*map(edit, range(15)), *map(spend, range(60)))
    await data(await user.get("/api/user/token"))
    assert await balance(server, account) == 10**9 - 60 * 7_000
    adjusted = {"account": account, "type": "balance.adjusted"}
    assert await server.books.store.count("events", adjusted) == 0
    assert (await verify(server.books.store)).ok


async def test_setting_a_quota_during_charges_keeps_every_charge(
    server: Server, admin: httpx.AsyncClient, bob: Person
) -> None:
    account = f"user:{bob.id}"
    await server.books.record(recharge("a", account, 10**9))

    async def edit(quota: int) -> None:
        await data(await admin.put("/api/user/", json={"id": bob.id, "quota": quota}))

    async def spend(number: int) -> None:
        await server.books.record(charge(f"r{number}", 7, user=bob.id, held=()))

    spending = asyncio.gather(*map(spend, range(40)))
    for number in range(8):
        await edit(400_000 + 10_000 * number)
    await spending
    store = server.books.store
    events = await store.find_list("events", {"account": account})
    changes = [event for event in events if event["type"] == "balance.adjusted"]
    assert changes and {event["actor"] for event in changes} == {"user:2"}
    for event in changes:
        assert event["amount"] == event["body"]["to_nano"] - event["body"]["from_nano"]
    assert await balance(server, account) == sum(event["amount"] for event in events)
    assert (await read(store, account))["spent"] == 40 * 7_000
    assert (await verify(store)).ok


async def test_deleting_a_key_moves_no_money(
    server: Server, user: httpx.AsyncClient, bob: Person
) -> None:
    await server.books.record(recharge("a", f"user:{bob.id}", 10**9))
    fields = {"name": "k", "remain_quota": 1_000, "unlimited_quota": False}
    made = await data(await user.post("/api/token/", json=fields))
    await server.books.record(charge("r1", 5_000, user=bob.id, key=made["id"], held=()))
    assert await balance(server, f"key:{made['id']}") < 0
    before = await balance(server, f"user:{bob.id}")
    await data(await user.delete(f"/api/token/{made['id']}"))
    await server.books.settled()
    assert await balance(server, f"user:{bob.id}") == before == 10**9 - 5_000_000


class Then(Clock):
    """A clock that stands where it is put."""

    at_us = 0

    def now_us(self) -> int:
        return self.at_us


async def test_log_chart_and_statement_mean_the_same_day(
    server: Server, user: httpx.AsyncClient, bob: Person
) -> None:
    """The last microsecond of a UTC day and the first of the next, wherever days are summed."""
    store, clock = server.books.store, Then()
    midnight_us = server.books.clock.now_us() // DAY_US * DAY_US
    clock.at_us = midnight_us - 60_000_000
    then = await Books.open(store, clock, flush_interval_s=0.01)
    for name, at_us, tokens in (("late", midnight_us - 1, 10), ("early", midnight_us, 20)):
        clock.at_us = at_us
        await then.record(charge(name, tokens, user=bob.id, held=()))
    recorded = await store.find_list("events", {"account": f"user:{bob.id}"})
    assert sorted(event["ts"] for event in recorded) == [midnight_us - 1, midnight_us]

    async def own(path: str, **query: Any) -> Any:
        return await data(await user.get(path, params=query))

    old = await own("/api/user/dashboard")
    assert sorted((row["Day"], row["Quota"]) for row in old) == [
        (utc_day(midnight_us - 1), 5),
        (utc_day(midnight_us), 10),
    ]
    chart = await own("/api/ledger/self/dashboard", by="day")
    assert sorted(row["charged_nano"] for row in chart) == [10_000, 20_000]
    sums = (await own("/api/ledger/self/statement", group="day"))["rows"]
    assert [row["amount_nano"] for row in sums] == [-10_000, -20_000]
    today = {"start_timestamp": midnight_us // 10**6, "type": 2}
    assert (await own("/api/log/self/stat", **today))["amount_nano"] == 20_000
    assert (await own("/api/log/self/stat", type=2))["amount_nano"] == 30_000
    await then.close()
