"""Proposals: what the package has and the book has not, and never what an operator set."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import InvalidPrices
from ledger.price_proposals import ADOPTED, adopt, propose
from ledger.price_rows import Row, checked_row
from ledger.prices import PriceBook
from tests.ledger.price_fakes import Events, HandClock

OLD, NEW = "genai-prices 0.2.3, maker", "genai-prices 0.2.4, maker"


def row(model: str, price: str, source: str = OLD) -> Row:
    return checked_row({"model": model, "input": price, "source": source})


async def seeded(*rows: Row) -> tuple[PriceBook, Events]:
    events, book = Events(), PriceBook(HandClock())
    await book.load(events)
    await book.publish(events, author="system", note="First prices", set_rows=rows)
    return book, events


async def set_by_operator(book: PriceBook, events: Events, *rows: Row, **more: Any) -> None:
    await book.publish(events, author="user:1", note="ours", set_rows=rows, **more)


async def test_added_changed_and_what_is_left_alone() -> None:
    book, events = await seeded(*(row(m, "1") for m in ("same", "dearer", "ours", "away", "lost")))
    # As the console sends an edited row: with the source that it was shown.
    await set_by_operator(book, events, row("ours", "7"), row("new", "9"), unset=["away"])
    seed = [row(m, "1", NEW) for m in ("same", "away")]
    seed += [row(m, "2", NEW) for m in ("dearer", "ours", "new", "brand-new")]
    found = propose(book, seed, "genai-prices 0.2.4")
    assert [each["model"] for each in found.added] == ["brand-new"]
    (change,) = found.changed
    assert change.fields == {"input": ("1", "2"), "output": ("1", "2")}
    assert (found.kept, found.withdrawn, found.gone) == (["ours", "new"], ["away"], ["lost"])
    assert found.to_json()["changed"][0]["fields"][0]["before"] == "1"
    assert book.latest == 2, "to look changes nothing"
    number = await adopt(book, events, found, None, author="user:1", note="")
    assert number == 3 and book.body(3)["note"] == f"{ADOPTED}genai-prices 0.2.4"
    assert book.table().rows["dearer"]["input"] == "2" and book.table().rows["ours"]["input"] == "7"
    again = propose(book, seed, "")
    assert not again.rows
    later = propose(book, [row("dearer", "3", "genai-prices 0.2.5, maker")], "")
    assert [each.after["input"] for each in later.changed] == ["3"], "adopted rows are followed"
    await book.roll_back(events, 1, author="user:1", note="")
    assert propose(book, seed, "").rows.keys() >= {"dearer"}, "so are rows that were brought back"


async def test_only_what_was_looked_at_is_adopted() -> None:
    book, events = await seeded(row("a", "1"), row("b", "1"))
    seed = [row("a", "2", NEW), row("b", "2", NEW), row("c", "2", NEW)]
    found = propose(book, seed, "s")
    for models, named in ((["x"], "x"), ([], "nothing")):
        with pytest.raises(InvalidPrices, match=named):
            await adopt(book, events, found, models, author="user:1", note="")
    await adopt(book, events, found, ["b"], author="user:1", note="why not")
    assert (book.table().rows["a"]["input"], book.body(2)["note"]) == ("1", f"{ADOPTED}why not")
    await set_by_operator(book, events, row("a", "5"), row("c", "5"))
    for models in (["a"], ["c"], None):
        with pytest.raises(InvalidPrices, match="changed meanwhile"):
            await adopt(book, events, found, models, author="user:1", note="")
    assert book.latest == 3


PRICES = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(["1", "2", "3"]))


@settings(max_examples=60, deadline=None)
@given(seeds=st.lists(PRICES, min_size=1, max_size=4), ours=PRICES)
def test_whatever_happens_operators_rows_stay(
    seeds: list[dict[str, str]], ours: dict[str, str]
) -> None:
    async def run() -> None:
        first, *rest = seeds
        book, events = await seeded(*(row(m, p) for m, p in first.items()))
        await set_by_operator(book, events, *(row(m, f"{p}0") for m, p in ours.items()))
        for number, prices in enumerate(rest):
            seed = [row(m, p, f"genai-prices 9.{number}, x") for m, p in sorted(prices.items())]
            found = propose(book, seed, "s")
            if found.rows:
                await adopt(book, events, found, None, author="user:2", note="")
            table = book.table().rows
            assert {m: table[m]["input"] for m in ours} == {m: f"{p}0" for m, p in ours.items()}
            theirs = {m: p for m, p in prices.items() if m not in ours}
            assert {m: table[m]["input"] for m in theirs} == theirs

    import asyncio

    asyncio.run(run())
