"""Statements, balances in time and exports over the API: right, private, never all in memory."""

import asyncio
import csv
import io
import socket
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import openpyxl
import orjson
import pytest

from admin import downloads
from admin.base import ApiHandler
from ledger.money import NANO_PER_USD
from ledger.statement_rows import View
from tests.admin.harness import Person, Server, data, person, refused
from tests.ledger.drafts import charge, recharge

LEDGER = "/api/ledger/"
CHANNEL = 777_123


@pytest.fixture
async def charges(server: Server, bob: Person) -> dict[str, int]:
    """A recharge of bob's, three charges through two of his keys, and one of eve's."""
    eve = await person(server, "eve")
    keys = [
        (await server.directory.keys.create(who, {"name": "laptop"}))[0].id
        for who in (bob.id, bob.id, eve.id)
    ]
    books = server.books
    await books.record(recharge("a", f"user:{bob.id}", 10**9))
    await books.record(recharge("b", f"user:{eve.id}", 10**9))
    for name, tokens, key in (("r1", 10, keys[0]), ("r2", 20, keys[1]), ("r3", 1, keys[1])):
        draft = charge(name, tokens, user=bob.id, key=key, channel=CHANNEL, held=())
        await books.record(draft)
    await books.record(charge("e1", 500, user=eve.id, key=keys[2], channel=4, held=()))
    return {"first": keys[0], "second": keys[1], "eve": eve.id, "foreign": keys[2]}


async def statement(client: httpx.AsyncClient, path: str, **query: Any) -> dict[str, Any]:
    answer = await client.get(f"{LEDGER}{path}", params={k: v for k, v in query.items() if v})
    assert answer.headers["Content-Type"].startswith("application/json")
    found: dict[str, Any] = await data(answer)
    return found


async def test_ones_own_statement(
    user: httpx.AsyncClient, bob: Person, charges: dict[str, int]
) -> None:
    found = await statement(user, "self/statement")
    assert found["account"] == f"user:{bob.id}" and found["by"] == "ts"
    assert (found["opening"], found["closing"]) == ("0", "0.999969")
    assert found["closing_nano"] == 999_969_000
    rows = found["rows"]
    assert [row["event"] for row in rows] == [
        "recharge:test:a",
        "usage:r1",
        "usage:r2",
        "usage:r3",
    ]
    assert [row["balance"] for row in rows] == ["1", "0.99999", "0.99997", "0.999969"]
    assert rows[1]["what"] == "test-model" and rows[1]["key"] == charges["first"]
    assert (rows[2]["input_tokens"], rows[2]["output_tokens"]) == (20, 0)
    assert rows[0]["time"].endswith("Z") and rows[0]["model"] is None
    totals = {total["group"]: total for total in found["totals"]}
    assert totals["usage.charged"]["amount"] == "-0.000031"
    assert totals["usage.charged"]["count"] == 3
    assert found["known_at"] is None and found["from"] is None and found["to"] is None


async def test_periods_join(user: httpx.AsyncClient, charges: dict[str, int]) -> None:
    whole = await statement(user, "self/statement")
    for by, column in (("ts", "time"), ("at", "effective")):
        cut = whole["rows"][2][column]
        early = await statement(user, "self/statement", to=cut, by=by)
        late = await statement(user, "self/statement", **{"from": cut}, by=by)
        assert early["rows"] + late["rows"] == whole["rows"]
        assert early["closing"] == late["opening"] == "0.99999"
        assert late["closing"] == whole["closing"]
    past = await statement(user, "self/statement", known_at=whole["rows"][1]["time"])
    assert past["rows"] == whole["rows"][:2]


async def test_no_user_sees_channels_costs_or_others(
    user: httpx.AsyncClient, charges: dict[str, int]
) -> None:
    for query in ("", "format=csv", "format=jsonl", "group=model", "group=key", "group=day"):
        text = (await user.get(f"{LEDGER}self/statement?{query}")).text
        assert "usage" in text or "group" in text or "test-model" in text
        assert "channel" not in text and "cost" not in text and str(CHANNEL) not in text
    foreign = (
        f"user:{charges['eve']}",
        f"key:{charges['foreign']}",
        "key:123456",
        "channel:4",
        f"budget:user:{charges['eve']}:day:2026-01-01",
        f"budget:key:{charges['foreign']}:day:2026-01-01",
        f"lot:{charges['eve']}:x",
        "prices",
    )
    for account in foreign:
        for what in ("statement", "balance", "export", "events"):
            refused(await user.get(f"{LEDGER}self/{what}?account={account}"), 403, "account")
    refused(await user.get(f"{LEDGER}self/statement?group=channel"), 400, "channel")
    refused(await user.get(f"{LEDGER}statement?account=user:1"), 403)


async def test_keys_budgets_and_lots_of_ones_own(
    user: httpx.AsyncClient, bob: Person, charges: dict[str, int]
) -> None:
    second = await statement(user, "self/statement", account=f"key:{charges['second']}")
    assert [row["event"] for row in second["rows"]] == ["usage:r2", "usage:r3"]
    assert second["closing"] == "-0.000021"
    budget = f"budget:user:{bob.id}:day:2026-01-01"
    for account in (budget, f"budget:key:{charges['first']}:month:2026-01-01", f"lot:{bob.id}:a"):
        assert (await statement(user, "self/statement", account=account))["rows"] == []
        assert (await data(await user.get(f"{LEDGER}self/balance?account={account}")))[
            "balance_nano"
        ] == 0


async def test_operators_see_every_account(
    admin: httpx.AsyncClient, bob: Person, charges: dict[str, int]
) -> None:
    channel = await statement(admin, "statement", account=f"channel:{CHANNEL}")
    assert [row["amount"] for row in channel["rows"]] == ["-0.00001", "-0.00002", "-0.000001"]
    assert all(row["channel"] == CHANNEL for row in channel["rows"])
    by_key = await statement(admin, "statement", account=f"channel:{CHANNEL}", group="key")
    assert [(row["group"], row["count"], row["amount"]) for row in by_key["rows"]] == [
        (f"key:{charges['first']}", 1, "-0.00001"),
        (f"key:{charges['second']}", 2, "-0.000021"),
    ]
    by_channel = await statement(admin, "statement", account=f"user:{bob.id}", group="channel")
    assert [row["group"] for row in by_channel["rows"]] == [f"channel:{CHANNEL}", None]
    refused(await admin.get(f"{LEDGER}statement"), 400, "account")


BAD = (
    ("group=mood", "group"),
    ("format=pdf", "format"),
    ("by=mood", "by"),
    ("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "ends before"),
    ("from=yesterday", "from"),
    ("account=bob", "account"),
    ("acount=user:1", "acount"),
)


@pytest.mark.parametrize(("query", "named"), BAD)
async def test_bad_queries_are_named(user: httpx.AsyncClient, query: str, named: str) -> None:
    refused(await user.get(f"{LEDGER}self/statement?{query}"), 400, named)


async def test_balances_at_a_time(
    admin: httpx.AsyncClient, user: httpx.AsyncClient, bob: Person, charges: dict[str, int]
) -> None:
    rows = (await statement(user, "self/statement"))["rows"]
    for query in ("at", "known_at"):
        for row in rows:
            then = await data(await user.get(f"{LEDGER}self/balance?{query}={row['time']}"))
            assert then["balance"] == row["balance"]
    both = {"at": rows[3]["time"], "known_at": rows[1]["time"]}
    then = await data(await user.get(f"{LEDGER}self/balance", params=both))
    assert then["balance"] == rows[1]["balance"] and then["requests"] == 1
    account = f"user:{bob.id}"
    path = f"{LEDGER}balance?account={account}&at={rows[2]['time']}"
    assert (await data(await admin.get(path)))["spent"] == "0.00003"
    now = await data(await user.get(f"{LEDGER}self/balance"))
    later = await data(await user.get(f"{LEDGER}self/balance?at=4000000000"))
    assert later == now
    refused(await user.get(f"{LEDGER}self/balance?at=soon"), 400, "at")


def sheet_of(content: bytes) -> list[dict[str, Any]]:
    sheet = openpyxl.load_workbook(io.BytesIO(content)).worksheets[0]
    names, *rows = sheet.iter_rows(values_only=True)
    return [dict(zip(names, row, strict=True)) for row in rows]


async def test_files_of_statements(user: httpx.AsyncClient, charges: dict[str, int]) -> None:
    answers = {
        form: await user.get(f"{LEDGER}self/statement?format={form}")
        for form in ("csv", "jsonl", "xlsx")
    }
    for form, answer in answers.items():
        assert answer.status_code == 200
        named = answer.headers["Content-Disposition"]
        assert named.startswith('attachment; filename="statement-user-') and form in named
        assert answer.headers["Content-Type"] == downloads.CONTENT_TYPES[form]
    cells = list(csv.DictReader(io.StringIO(answers["csv"].text)))
    lines = [orjson.loads(line) for line in answers["jsonl"].text.splitlines()]
    sheet = sheet_of(answers["xlsx"].content)
    for rows in (cells, lines, sheet):
        assert [row["line"] for row in rows] == [
            "opening",
            *["event"] * 4,
            *["total"] * 2,
            "closing",
        ]
        assert [row["balance"] or None for row in rows][-1] == "0.999969"
        assert [row["event"] for row in rows[1:5]] == [line["event"] for line in lines[1:5]]
    assert round(sum(row["amount_usd"] or 0 for row in sheet) * NANO_PER_USD) == 999_969_000


async def test_files_of_events(
    admin: httpx.AsyncClient, user: httpx.AsyncClient, bob: Person, charges: dict[str, int]
) -> None:
    for client, path in ((user, "self/export"), (admin, f"export?account=user:{bob.id}")):
        joint = "&" if "?" in path else "?"
        lines = (await client.get(f"{LEDGER}{path}{joint}format=jsonl")).text.splitlines()
        book = await client.get(f"{LEDGER}{path}{joint}format=xlsx")
        assert book.headers["Content-Disposition"] == 'attachment; filename="ledger.xlsx"'
        sheet, events = sheet_of(book.content), [orjson.loads(line) for line in lines]
        assert [row["id"] for row in sheet] == [event["id"] for event in events]
        assert [row["amount"] for row in sheet] == [event["amount"] for event in events]
        assert [orjson.loads(row["body"]) for row in sheet] == [e["body"] for e in events]
        assert [row["hash"] for row in sheet] == [event["hash"] for event in events]


class Endless:
    """Rows that never end by themselves."""

    def __init__(self, count: int) -> None:
        self.rows = 0
        self.many = asyncio.Event()
        self.ended = asyncio.Event()
        self._count = count

    async def __call__(self, statement: Any, view: View) -> AsyncGenerator[list[Any], None]:
        try:
            while True:
                self.rows += 1
                if self.rows == self._count:
                    self.many.set()
                yield [None] * len(view.table)
        finally:
            self.ended.set()


async def slow_client(server: Server, bob: Person, form: str) -> socket.socket:
    """Ask for a statement and read nothing of it; a small window keeps little on the way."""
    host, port = server.url.removeprefix("http://").split(":")
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(client, (host, int(port)))
    request = (
        f"GET /api/ledger/self/statement?format={form} HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: {bob.token}\r\n\r\n"
    )
    await loop.sock_sendall(client, request.encode())
    return client


@pytest.mark.parametrize("form", ["csv", "jsonl", "xlsx"])
async def test_a_client_that_leaves_ends_the_work(
    server: Server, bob: Person, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    endless = Endless(500)
    monkeypatch.setattr("admin.handlers.statements.rows", endless)
    client = await slow_client(server, bob, form)
    async with asyncio.timeout(20):
        await endless.many.wait()
        client.close()
        await endless.ended.wait()


async def test_a_client_that_does_not_read_is_waited_for(
    server: Server, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[int] = []
    endless = Endless(500)
    real = ApiHandler.flush

    def flush(handler: ApiHandler, *args: Any) -> Any:
        flushed.append(endless.rows)
        return real(handler, *args)

    monkeypatch.setattr(ApiHandler, "flush", flush)
    monkeypatch.setattr("admin.handlers.statements.rows", endless)
    client = await slow_client(server, bob, "jsonl")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(2):
            await endless.ended.wait()
    sent = endless.rows
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await endless.ended.wait()
    assert endless.rows == sent and 0 < len(flushed) < 200, "nothing is made that nobody takes"
    client.close()
    async with asyncio.timeout(20):
        await endless.ended.wait()
