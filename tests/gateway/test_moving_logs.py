"""The old system's log as history: every row once, however often it is read, and found again."""

import random
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.directory.old_log import CONSUME, OldLog, OldRow, Wanted, count_of, packed
from gateway.moving.logs import LogMover, Logs
from ledger.store import Store
from tests.old_system import OldSystem

pytestmark = pytest.mark.database
SOURCE, SYSTEM = "0123456789ab", "One API"
NAMES = ("user_id", "created_at", "type", "username", "token_name", "model_name", "quota")
BEGIN_S = 1_700_000_000


def old_log(path: Path, rows: int) -> OldSystem:
    """A log of three users, of whom one is gone, with gaps in its ids."""
    old = OldSystem(path)
    more = ("prompt_tokens", "completion_tokens", "channel_id", "request_id", "elapsed_time")
    old.add_many(
        "logs",
        ("id", *NAMES, *more),
        [
            (n * 3, n % 3 + 1, BEGIN_S + n, 2, f"u{n % 3 + 1}", "默认", "gpt-4o", n, 5, 7, 2, "", 9)
            for n in range(1, rows + 1)
        ],
    )
    return old


class Killed(Exception):
    """What happens on the way."""


def mover(store: Store, said: list[str]) -> LogMover:
    return LogMover(store, SOURCE, SYSTEM, {1, 2}, said.append)


async def ids_of(store: Store) -> list[int]:
    rows, _ = await OldLog(store).listed(Wanted(), skip=0, limit=100_000)
    return [row["id"] for row in rows]


async def test_every_row_is_there_once_though_it_was_killed(store: Store, tmp_path: Path) -> None:
    old = old_log(tmp_path / "a.db", 2_500)
    logs, said = Logs(str(old.path)), list[str]()
    assert logs.found().rows == 2_500 and logs.found().not_kept == ("logs.system_prompt_reset",)

    def killed(line: str) -> None:
        said.append(line)
        if len(said) == 3:
            raise Killed

    with pytest.raises(Killed):
        await LogMover(store, SOURCE, SYSTEM, {1, 2}, killed, say_each_s=0).run(logs, 2_500)
    assert said[-1] == f"log: {await count_of(store, SOURCE)} rows were stored now; 2500 are there"
    assert (await mover(store, said).run(logs, 2_500)).startswith("log: 2500 rows are here")
    assert await ids_of(store) == [n * 3 for n in range(2_500, 0, -1)]

    async def everything() -> list[dict[str, Any]]:
        return await store.find_list("old_log", {}, sort=[("_id", 1)])

    before = await everything()
    assert "0 of them new" in await mover(store, said).run(logs, 2_500)
    assert await everything() == before
    # What is deleted there stays here, in the same page as what is new.
    old.run("DELETE FROM logs WHERE id <= 6000")
    old.add("logs", id=7_502, user_id=None, created_at=None, type=None, quota=None, content=None)
    assert "2501 rows are here as history, 1 of them new" in await mover(store, said).run(logs, 501)


async def test_a_log_can_begin_later_and_then_earlier(store: Store, tmp_path: Path) -> None:
    old = old_log(tmp_path / "a.db", 1_200)
    late, said = Logs(str(old.path), BEGIN_S + 1_000), list[str]()
    assert late.found().rows == 201
    await store.insert_one("imports", {"_id": SOURCE})
    await mover(store, said).run(late, 201)
    assert await ids_of(store) == [n * 3 for n in range(1_200, 999, -1)]
    await mover(store, said).run(Logs(str(old.path), BEGIN_S + 500), 701)
    assert await ids_of(store) == [n * 3 for n in range(1_200, 499, -1)]
    # A user who did not come along: only operators see the rows, by the name that stands there.
    log = OldLog(store)
    assert (await log.listed(Wanted(user_id=3), skip=0, limit=1))[1] == 0
    by_name = Wanted(user_id=-1, username="u3")
    assert (await log.listed(by_name, skip=0, limit=1))[1] == 234


def request_id(at_s: int) -> str:
    """As One API makes them, by the clock of a server that may stand anywhere."""
    return f"{datetime.fromtimestamp(at_s, UTC):%Y%m%d%H%M%S}012345678"


def some_rows(rng: random.Random, source: str, count: int) -> list[OldRow]:
    return [
        OldRow(
            id=number,
            user_id=rng.choice((0, 1, 2)),
            created_s=BEGIN_S + number * 40 + rng.randint(-60, 60),
            type=rng.choice((1, 2, 2, 3)),
            content=source,
            username=rng.choice(("a", "李雷")),
            key=rng.choice(("k", "默认")),
            model=rng.choice(("m", "n")),
            quota=rng.randint(-5, 2**40),
            prompt_tokens=1,
            completion_tokens=2,
            channel=rng.choice((0, 3)),
            request_id=rng.choice(
                ("", request_id(BEGIN_S + number * 40 + rng.randint(-9, 9) * 3_600))
            ),
            elapsed_ms=1,
            stream=True,
        )
        for number in sorted(rng.sample(range(1, 5_000), count))
    ]


def some_wanted(rng: random.Random, rows: list[OldRow]) -> Wanted:
    wanted = Wanted(
        user_id=rng.choice((None, None, 1, 2, -1)),
        type=rng.choice((None, None, 2)),
        model=rng.choice((None, None, "m", "other")),
        key=rng.choice((None, None, "默认")),
        channel=rng.choice((None, None, 3)),
        from_s=rng.choice((None, None, BEGIN_S + rng.randint(0, 200_000))),
        to_s=rng.choice((None, None, BEGIN_S + rng.randint(0, 200_000))),
        keyword=rng.choice(
            (None, None, "m", "默认", "李雷", rng.choice(rows).request_id or "m", "9" * 20)
        ),
    )
    return (
        replace(wanted, username="a")
        if wanted.user_id is not None and rng.random() < 0.3
        else wanted
    )


def matches(row: OldRow, wanted: Wanted) -> bool:
    names = {row.model, row.key, row.request_id}
    mine = wanted.user_id in (None, row.user_id)
    if wanted.username is not None and row.user_id == 0 and row.username == wanted.username:
        mine = True
    return (
        mine
        and wanted.type in (None, row.type)
        and wanted.model in (None, row.model)
        and wanted.key in (None, row.key)
        and wanted.channel in (None, row.channel)
        and (wanted.from_s is None or wanted.from_s <= row.created_s)
        and (wanted.to_s is None or row.created_s <= wanted.to_s)
        and (
            wanted.keyword is None
            or wanted.keyword in names
            or (wanted.user_id is None and wanted.keyword == row.username)
        )
    )


@pytest.mark.parametrize("seed", range(3))
async def test_pages_and_sums_equal_the_rows(store: Store, seed: int) -> None:
    print("seed", seed)
    rng, log = random.Random(seed), OldLog(store)
    pages: dict[tuple[str, int], list[OldRow]] = {}
    for source in ("aa", "bb")[: rng.choice((1, 2))]:
        for row in some_rows(rng, source, 400):
            pages.setdefault((source, row.id // 1_000), []).append(row)
    await store.insert_many("old_log", [packed(s, SYSTEM, rows) for (s, _), rows in pages.items()])
    order = sorted(
        pages,
        key=lambda p: (max(r.created_s for r in pages[p]), f"{p[0]}:{p[1]:015d}"),
        reverse=True,
    )
    everything = [(source, row) for source, n in order for row in reversed(pages[source, n])]
    for _ in range(40):
        wanted = some_wanted(rng, [row for _, row in everything])
        right = [(source, row) for source, row in everything if matches(row, wanted)]
        skip, limit = rng.choice((0, 0, 7, 90)), rng.choice((0, 1, 10, 100))
        found, total = await log.listed(wanted, skip=skip, limit=limit)
        shown = [{**asdict(row), "source": s, "system": SYSTEM} for s, row in right]
        assert (found, total) == (shown[skip : skip + limit], len(right)), wanted
        requests = [row for _, row in right if row.type == CONSUME]
        assert await log.consumed(wanted) == (sum(row.quota for row in requests), len(requests))
