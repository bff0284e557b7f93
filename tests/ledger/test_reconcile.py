"""Reconciling: each row in one class, sums that agree, memory that does not grow."""

import random
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ledger.books import Books
from ledger.clock import Clock
from ledger.events import Draft
from ledger.history import History
from ledger.money import usd
from ledger.reconcile import REPORT, Reconciliation, Wanted, reconcile
from ledger.store import Store
from ledger.tables import json_object
from ledger.usage_export import BadExport
from tests.ledger.drafts import charge

MAPPING = {name: name for name in ("request_id", "model", "time", "input", "output", "cost")}
HEAD = "request_id,model,time,input,output,cost\n"
T0_US = 1_700_000_000_000_000
CHANNEL = 3


@pytest.fixture
async def books(store: Store) -> AsyncIterator[Books]:
    clock = Clock()
    clock.now_us = lambda: T0_US + 2 * 10**9  # type: ignore[method-assign]
    books = await Books.open(store, clock, flush_interval_s=0.01)
    yield books
    await books.close()


def ours(
    name: str,
    *,
    rid: str | None,
    at_s: float = 0,
    tokens: tuple[int, int] = (10, 20),
    cost_nano: int | None = 500,
    channel: int = CHANNEL,
    model: str = "gpt-4o",
) -> Draft:
    draft = charge(name, 1_000, channel=channel, held=())
    attempt: dict[str, Any] = {"channel": channel, "status": 200}
    if cost_nano is not None:
        attempt |= {"cost_nano": cost_nano}
    body = {
        **draft.body,
        "upstream_request_id": rid,
        "served_model": model,
        "usage": {"input": tokens[0] - 1, "cached": 1, "output": tokens[1]},
        "attempts": [{"channel": 99, "status": 500, "error": "x"}, attempt],
    }
    at_us = T0_US + int(at_s * 1_000_000)
    return Draft(draft.id, draft.type, draft.account, draft.amount_nano, draft.actor, body, at_us)


def row(
    rid: str = "",
    *,
    at_s: float = 0,
    tokens: tuple[int, int] = (10, 20),
    cost: str = "0.0000005",
    model: str = "gpt-4o-2024-08-06",
) -> str:
    return f"{rid},{model},{T0_US / 1_000_000 + at_s:.3f},{tokens[0]},{tokens[1]},{cost}\n"


async def run(books: Books, *lines: str, **more: Any) -> Reconciliation:
    wanted = Wanted(CHANNEL, more.pop("mapping", MAPPING), **more)
    return await reconcile(await History.open(books.store), [HEAD, *lines], wanted)


def counts(result: Reconciliation) -> dict[str, int]:
    return {name: total["count"] for name, total in result.totals().items() if total["count"]}


def shown(result: Reconciliation, *classes: str) -> list[dict[str, Any]]:
    return [json_object(REPORT, values) for values in result.rows(*classes)]


async def test_rows_with_ids_meet_their_charges(books: Books) -> None:
    for name in ("a", "b", "c"):
        await books.append(ours(name, rid=f"req_{name}", at_s=1))
    await books.append(ours("elsewhere", rid="req_a", channel=4))
    with await run(
        books,
        row("req_a", at_s=2),
        row("req_b", tokens=(12, 20), cost="0.0000009", at_s=0),
        row("req_x", cost="1", at_s=3),
    ) as result:
        assert counts(result) == {
            "matched": 1,
            "differing": 1,
            "missing_here": 1,
            "missing_there": 1,
        }
        assert not result.agrees
        (matched,) = shown(result, "matched")
        assert (matched["event"], matched["line"], matched["how"]) == ("usage:a", 2, "id")
        (differing,) = shown(result, "differing")
        assert differing["differences"] == "input +2, cost +0.0000004 USD"
        assert differing["cost_difference"] == "0.0000004"
        (here,) = shown(result, "missing_here")
        assert (here["request_id_there"], here["cost_there"]) == ("req_x", "1")
        (there,) = shown(result, "missing_there")
        assert (there["event"], there["cost_here"]) == ("usage:c", "0.0000005")
        totals = result.totals()
        assert totals["differing"]["cost_there"] == "0.0000009"
        assert totals["differing"]["cost_here_nano"] == 500
        assert totals["matched"]["charged"] == "0.001"
        assert totals["missing_here"]["input_there"] == 10


async def test_all_that_agrees(books: Books) -> None:
    for n in range(5):
        await books.append(ours(f"r{n}", rid=f"req_{n}", at_s=n))
    with await run(books, *(row(f"req_{n}", at_s=n) for n in range(5))) as result:
        assert counts(result) == {"matched": 5} and result.agrees


async def test_an_id_that_is_there_twice_is_missing_here_once(books: Books) -> None:
    await books.append(ours("a", rid="req_a"))
    with await run(books, row("req_a"), row("req_a")) as result:
        assert counts(result) == {"matched": 1, "missing_here": 1}
        assert shown(result, "missing_here")[0]["differences"] == "this request id is there twice"


async def test_rows_without_ids_meet_by_tokens_model_and_time(books: Books) -> None:
    await books.append(ours("near", rid=None, at_s=30))
    await books.append(ours("far", rid=None, at_s=20))
    await books.append(ours("other", rid=None, at_s=1, model="claude"))
    await books.append(ours("more", rid=None, at_s=100, tokens=(5, 5)))
    with await run(books, row(at_s=31), row(at_s=99, tokens=(7, 5)), to_us=T0_US + 10**9) as result:
        assert shown(result, "matched")[0]["event"] == "usage:near"
        assert shown(result, "matched")[0]["how"] == "time"
        (differing,) = shown(result, "differing")
        assert (differing["event"], differing["differences"]) == ("usage:more", "input +2")
        assert counts(result) == {"matched": 1, "differing": 1}  # the rest is before the export


async def test_ids_on_both_sides_that_differ_never_meet_by_time(books: Books) -> None:
    await books.append(ours("a", rid="req_a"))
    lines = (row("req_b"),)
    with await run(books, *lines) as result:
        assert counts(result) == {"missing_here": 1, "missing_there": 1}
    with await run(books, *lines, match="time") as result:
        assert counts(result) == {"matched": 1}


async def test_a_row_without_an_id_leaves_charges_with_ids_of_other_rows_alone(
    books: Books,
) -> None:
    await books.append(ours("a", rid="req_a"))
    await books.append(ours("b", rid=None))
    with await run(books, row(), row("req_a")) as result:
        assert counts(result) == {"matched": 2}
        met = {each["line"]: each["event"] for each in shown(result, "matched")}
        assert met == {2: "usage:b", 3: "usage:a"}


async def test_a_bucket_bounds_how_far_apart_they_meet(books: Books) -> None:
    await books.append(ours("a", rid=None, at_s=0))
    period = {"from_us": T0_US - 10**9, "to_us": T0_US + 10**9}
    with await run(books, row(at_s=61), **period) as result:
        assert counts(result) == {"missing_here": 1, "missing_there": 1}
    with await run(books, row(at_s=61), bucket_us=62_000_000, **period) as result:
        assert counts(result) == {"matched": 1}


async def test_unknown_costs_are_no_difference_and_a_nano_is_none(books: Books) -> None:
    await books.append(ours("a", rid="req_a", cost_nano=None))
    await books.append(ours("b", rid="req_b"))
    with await run(books, row("req_a", cost="7"), row("req_b", cost="0.000000501")) as result:
        assert counts(result) == {"matched": 2}


async def test_rows_outside_the_period_and_malformed_ones_are_counted(books: Books) -> None:
    await books.append(ours("a", rid="req_a", at_s=5))
    with await run(
        books,
        row("req_a", at_s=5),
        row("req_b", at_s=-100),
        "req_c,m,never,1,1,1\n",
        from_us=T0_US,
        to_us=T0_US + 10**7,
    ) as result:
        assert counts(result) == {"matched": 1, "outside": 1, "malformed": 1}
        (bad,) = shown(result, "malformed")
        assert bad["line"] == 4 and "never" in bad["differences"]


async def test_without_times_a_period_must_be_given(books: Books) -> None:
    await books.append(ours("a", rid="req_a"))
    mapping = {"request_id": "request_id", "cost": "cost"}
    with pytest.raises(BadExport, match="period"):
        await run(books, row("req_a"), mapping=mapping)
    with await run(books, row("req_a"), mapping=mapping, from_us=0, to_us=T0_US + 1) as result:
        assert counts(result) == {"matched": 1}


async def test_nothing_is_written(books: Books) -> None:
    await books.append(ours("a", rid="req_a"))
    before = await books.store.find_list("events", {})
    (await run(books, row("req_a"))).close()
    assert await books.store.find_list("events", {}) == before
    assert await books.store.count("reversals", {}) == 0


@pytest.mark.parametrize("seed", range(5))
async def test_every_row_and_every_charge_is_in_one_class(books: Books, seed: int) -> None:
    """A random export made from random charges, checked against what was done to it."""
    print(f"seed {seed}")
    rng = random.Random(seed)
    lines, expected = [], {"matched": 0, "differing": 0, "missing_here": 0, "missing_there": 0}
    sums = dict.fromkeys(expected, 0)
    for n in range(60):
        what = rng.choice(list(expected))
        tokens, nano = (100 + n, 200 + n), rng.randrange(1, 10**6)
        if what != "missing_here":
            await books.append(ours(f"r{n}", rid=f"req_{n}", at_s=n, tokens=tokens, cost_nano=nano))
        if what != "missing_there":
            off = 2 if what == "differing" else 0
            cost = usd(nano + off)
            lines.append(row(f"req_{n}", at_s=n, tokens=tokens, cost=cost))
            sums[what] += nano + off
        else:
            sums[what] += nano
        expected[what] += 1
    rng.shuffle(lines)
    with await run(books, *lines, from_us=T0_US - 1, to_us=T0_US + 10**9) as result:
        totals = result.totals()
        assert {name: totals[name]["count"] for name in expected} == expected
        for name, nano in sums.items():
            side = "cost_here_nano" if name == "missing_there" else "cost_there_nano"
            assert totals[name][side] == nano


async def test_memory_does_not_grow_with_the_export(books: Books) -> None:
    async def peak(rows: int) -> int:
        def lines() -> Any:
            yield HEAD
            for n in range(rows):
                yield row(f"req_{n}", at_s=n / 1_000)

        tracemalloc.start()
        result = await reconcile(await History.open(books.store), lines(), Wanted(CHANNEL, MAPPING))
        assert result.totals()["missing_here"]["count"] == rows
        result.close()
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    small, large = await peak(2_000), await peak(20_000)
    assert large < small + 1_000_000
