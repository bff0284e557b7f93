"""Re-pricing: the exact difference, and not a byte written."""

import asyncio
from collections.abc import AsyncIterator
from fractions import Fraction
from math import ceil
from typing import Any

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import reversal_runs
from ledger.books import Books
from ledger.clock import Clock
from ledger.errors import PriceMissing
from ledger.events import Draft
from ledger.history import History
from ledger.price_rows import checked_row
from ledger.price_table import PriceTable
from ledger.reprice import Repriced, price_again, reprice
from ledger.reversals import Request, propose
from ledger.store import Store
from tests.ledger.drafts import charge, recharge

USD = 10**9


@pytest.fixture
async def books(store: Store) -> AsyncIterator[Books]:
    books = await Books.open(store, Clock(), flush_interval_s=0.01)
    yield books
    await books.close()


def table(*rows: dict[str, Any], **groups: str) -> PriceTable:
    checked = [checked_row(row) for row in rows]
    return PriceTable(9, {row["model"]: row for row in checked}, groups)


def of(request: str, tokens: int, **changes: Any) -> Draft:
    """A charge of tokens at 1 USD per million, with some fields of its body changed."""
    who = {name: changes.pop(name) for name in ("user", "channel") if name in changes}
    draft = charge(request, tokens, held=(), **who)
    return Draft(
        draft.id,
        draft.type,
        draft.account,
        draft.amount_nano,
        draft.actor,
        {**draft.body, **changes},
    )


async def found(books: Books, prices: PriceTable, **period: Any) -> dict[str, Any]:
    result: Repriced = await reprice(
        await History.open(books.store), prices, {3: 1, 4: 33}, **period
    )
    return result.to_json()


async def test_totals_and_differences_by_user_and_model(books: Books) -> None:
    for n, user in enumerate((1, 1, 2)):
        await books.append(of(f"r{n}", 1_000, user=user))
    await books.append(of("o", 1_000, user=2, model="other", served_model="other"))
    answer = await found(
        books, table({"model": "test-model", "input": "1.5"}, {"model": "other", "input": "0.25"})
    )
    totals = answer["totals"]
    assert (totals["count"], totals["changed"]) == (4, 4)
    assert totals["charged_nano"] == 4_000_000 and totals["would_be_nano"] == 4_750_000
    assert (totals["difference"], totals["difference_nano"]) == ("0.00075", 750_000)
    users = {row["account"]: row["difference_nano"] for row in answer["users"]}
    assert users == {"user:1": 1_000_000, "user:2": -250_000}
    models = {row["model"]: row["difference_nano"] for row in answer["models"]}
    assert models == {"test-model": 1_500_000, "other": -750_000}
    both = {(r["account"], r["model"]): r["would_be"] for r in answer["users_and_models"]}
    assert both[("user:2", "other")] == "0.00025"
    assert [row["account"] for row in answer["users"]] == ["user:1", "user:2"]  # largest first


async def test_group_ratios_channel_types_and_mapped_models_count(books: Books) -> None:
    await books.append(of("g", 1_000, group="vip"))
    await books.append(of("t", 1_000, channel=4))
    await books.append(of("m", 1_000, served_model="cheap"))
    prices = table(
        {"model": "test-model", "input": "1"},
        {"model": "test-model(33)", "input": "2"},
        {"model": "cheap", "input": "0.5"},
        vip="3",
    )
    answer = await found(books, prices)
    assert answer["totals"]["would_be_nano"] == 3_000_000 + 2_000_000 + 500_000


async def test_what_cannot_be_priced_is_counted_apart(books: Books) -> None:
    await books.append(of("a", 1_000))
    await books.append(of("b", 2_000, model="gone", served_model="gone"))
    await books.append(of("c", 3_000, usage={"input": 10**12}, model="dear", served_model="dear"))
    prices = table({"model": "test-model", "input": "1"}, {"model": "dear", "input": "1000000"})
    answer = await found(books, prices)
    assert (answer["totals"]["count"], answer["totals"]["changed"]) == (1, 0)
    told = {row["model"]: (row["reason"], row["charged_nano"]) for row in answer["not_priced"]}
    assert told == {
        "gone": ("no price", 2_000_000),
        "dear": ("more than the books can hold", 3_000_000),
    }


async def test_reversed_and_failed_requests_are_left_out(books: Books) -> None:
    for n in range(3):
        await books.append(of(f"r{n}", 1_000))
    await books.append(of("f", 0, usage={"input": 500}, outcome="failed"))
    request = Request("user:9", "why", event="usage:r1")
    document, _ = await propose(books, request, USD)
    await reversal_runs.run(books, document["_id"])
    answer = await found(books, table({"model": "test-model", "input": "2"}))
    assert (answer["totals"]["count"], answer["totals"]["difference_nano"]) == (2, 2_000_000)
    assert (answer["reversed"]["count"], answer["reversed"]["charged_nano"]) == (1, 1_000_000)
    assert answer["failed"]["count"] == 1


async def test_a_shortfall_is_told_and_not_taken_for_a_change_of_price(books: Books) -> None:
    short = of("s", 600, usage={"input": 1_000}, shortfall_nano=400_000)
    await books.append(short)
    totals = (await found(books, table({"model": "test-model", "input": "1"})))["totals"]
    assert (totals["changed"], totals["shortfall_nano"]) == (0, 400_000)
    assert (totals["charged_nano"], totals["would_be_nano"]) == (600_000, 1_000_000)


async def test_a_period_is_by_time_of_recording_and_progress_is_told(books: Books) -> None:
    await books.append(of("a", 1_000))
    first = await books.store.find_one("events", {"_id": "usage:a"})
    assert first is not None
    await books.append(of("b", 1_000))
    prices, told = table({"model": "test-model", "input": "2"}), list[int]()
    await reprice(await History.open(books.store), prices, {}, progress=told.append)
    assert told == [2]
    early = await found(books, prices, to_us=first["ts"] + 1)
    assert early["totals"]["count"] == 1
    assert (await found(books, prices, to_us=first["ts"]))["totals"]["count"] == 0
    assert (await found(books, prices, from_us=first["ts"] + 1))["totals"]["count"] == 1


async def dump(store: Store) -> dict[str, list[bytes]]:
    """Every byte of every document."""
    names = await store._db.list_collection_names()
    return {
        name: sorted([bson.encode(doc) async for doc in store.find(name, {})])
        for name in sorted(names)
    }


async def test_nothing_is_written_not_a_byte(store: Store) -> None:
    books = await Books.open(store, Clock(), flush_interval_s=0.01)
    await books.append(recharge("a", "user:1", USD))
    await asyncio.gather(*(books.append(of(f"r{n}", n)) for n in range(50)))
    await books.prices.publish(
        books, author="user:1", note="", set_rows=[{"model": "test-model", "input": "7"}]
    )
    prices = books.prices.table()
    await books.close()
    before = await dump(store)
    result = await reprice(await History.open(store), prices, {})
    assert result.whole.would_nano == 7 * result.whole.charged_nano > 0
    assert await dump(store) == before and before["events"]


counts = st.integers(0, 10**7)
prices = st.integers(0, 10**9).map(lambda n: f"{n // 10**6}.{n % 10**6:06d}")


@given(
    usage=st.fixed_dictionaries({"input": counts, "output": counts, "cached": counts}),
    input_price=prices,
    output_price=prices,
    ratio=prices,
    mapped=st.booleans(),
    known=st.booleans(),
)
def test_re_pricing_is_the_exact_sum_rounded_up_once(
    usage: dict[str, int],
    input_price: str,
    output_price: str,
    ratio: str,
    mapped: bool,
    known: bool,
) -> None:
    name = "served" if mapped else "asked"
    row = {"model": name, "input": input_price, "output": output_price}
    body = {
        "model": "asked",
        "served_model": "served" if mapped else "asked",
        "group": "g",
        "usage": usage,
    }
    if not known:
        with pytest.raises(PriceMissing):
            price_again(body, table({"model": "third", "input": "1"}), None)
        return
    by_hand = Fraction(usage["input"] + usage["cached"]) * Fraction(input_price)
    by_hand += Fraction(usage["output"]) * Fraction(output_price)
    nano = ceil(by_hand * Fraction(ratio) * 1_000)
    assert price_again(body, table(row, g=ratio), None) == nano


def test_what_the_gateway_asked_itself_costs_nobody_anything() -> None:
    body = {"model": "m", "served_model": "m", "group": "g", "usage": {"input": 5}, "key": 0}
    prices = table({"model": "m", "input": "1"})
    assert price_again(body, prices, None) == 0
    assert price_again({**body, "key": 1}, prices, None) == 5_000
