"""Versions of the price book: planned, cancelled, compared, brought back."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InvalidEvent, InvalidPrices
from ledger.events import Schemas
from ledger.price_diff import diff
from ledger.price_rows import checked_row
from ledger.price_table import PriceTable
from ledger.prices import MAX_SKEW_US, PriceBook
from tests.ledger.price_fakes import Events, HandClock, open_book

HOUR_US = 3_600_000_000
CHAT = {"model": "gpt-4o", "input": "2.5", "cached": "1.25", "output": "10"}
OTHER = {"model": "vendor/$model.v1.5", "input": "1"}
WHO = {"author": "user:1", "note": "test"}


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def cost(book: PriceBook, model: str = "gpt-4o", group: str = "default") -> int:
    return book.quote(model, group).charge_nano({"input": 1})


async def publish(book: PriceBook, events: Events, *rows: Mapping[str, Any], **more: Any) -> int:
    return await book.publish(events, **WHO, set_rows=rows, **more)


async def test_a_cancelled_version_never_takes_effect_and_later_changes_stay(
    events: Events, clock: HandClock
) -> None:
    book = await open_book(events, clock)
    await publish(book, events, CHAT)
    await publish(book, events, {**CHAT, "input": "9"}, effective_us=clock.us + HOUR_US)
    assert book.state(2) == "planned"
    assert await book.cancel(events, 2, **WHO) == 3
    await publish(book, events, {**CHAT, "input": "3"})
    assert [book.state(v) for v in (1, 2, 3, 4)] == ["past", "cancelled", "past", "in force"]
    clock.us += HOUR_US
    for seen in (book, await open_book(events, clock)):
        assert (seen.version, cost(seen)) == (4, 3_000)
        assert cost_of(seen.table_of(2)) == 9_000  # what it would have been
        assert cost_of(seen.table_of(4)) == 3_000
    assert events.by_id["price:3"]["body"]["cancels"] == 2


def cost_of(table: PriceTable) -> int:
    return table.quote("gpt-4o", "default").charge_nano({"input": 1})


async def test_what_may_be_in_force_somewhere_cannot_be_cancelled(
    events: Events, clock: HandClock
) -> None:
    book = await open_book(events, clock)
    await publish(book, events, CHAT)
    await publish(book, events, {**CHAT, "input": "9"}, effective_us=clock.us + HOUR_US)
    with pytest.raises(InvalidPrices, match="roll back"):
        await book.cancel(events, 1, **WHO)
    clock.us += HOUR_US - MAX_SKEW_US
    with pytest.raises(InvalidPrices, match="within a minute"):
        await book.cancel(events, 2, **WHO)
    with pytest.raises(InvalidPrices, match="no price version 7"):
        await book.cancel(events, 7, **WHO)
    assert list(events.by_id) == ["price:1", "price:2"]


async def test_of_two_who_cancel_at_once_one_is_told(events: Events, clock: HandClock) -> None:
    one, two = await open_book(events, clock), await open_book(events, clock)
    await publish(one, events, CHAT)
    await publish(one, events, {**CHAT, "input": "9"}, effective_us=clock.us + HOUR_US)
    await two.refresh()
    done = await asyncio.gather(
        one.cancel(events, 2, **WHO),
        two.cancel(events, 2, author="user:2", note="too"),
        return_exceptions=True,
    )
    assert {type(result) for result in done} == {int, InvalidPrices}
    assert sum("cancels" in event["body"] for event in events.by_id.values()) == 1


async def test_rolling_back_restores_rows_and_ratios_and_removes_what_came_since(
    events: Events, clock: HandClock
) -> None:
    book = await open_book(events, clock)
    await publish(book, events, CHAT, groups=[("vip", "0.5")])
    await publish(book, events, {**CHAT, "input": "9"}, OTHER, groups=[("vip", "2"), ("x", "3")])
    assert await book.roll_back(events, 1, **WHO) == 3
    assert diff(book.table(), book.table_of(1)).is_empty
    assert book.groups() == {"vip": "0.5"}
    body = events.by_id["price:3"]["body"]
    assert (body["restores"], body["unset"], body["unset_groups"]) == (1, [OTHER["model"]], ["x"])
    assert await book.roll_back(events, 1, **WHO) == 3  # nothing to restore, nothing recorded
    assert await book.roll_back(events, 2, **WHO) == 4
    assert (cost(book), book.groups()) == (9_000, {"vip": "2", "x": "3"})


async def test_a_rollback_can_be_planned(events: Events, clock: HandClock) -> None:
    book = await open_book(events, clock)
    await publish(book, events, CHAT)
    await publish(book, events, {**CHAT, "input": "9"})
    await book.roll_back(events, 1, effective_us=clock.us + HOUR_US, **WHO)
    assert (book.state(3), cost(book)) == ("planned", 9_000)
    clock.us += HOUR_US
    assert (book.state(3), cost(book)) == ("in force", 2_500)


def test_a_diff_names_models_fields_and_groups() -> None:
    before = _table([CHAT, {**OTHER, "source": "a"}], {"vip": "0.5"})
    after = _table(
        [{**CHAT, "input": "3"}, {"model": "new", "calls": "1"}, {**OTHER, "source": "b"}],
        {"vip": "0.5", "x": "2"},
    )
    found = diff(before, after)
    assert [row["model"] for row in found.added] == ["new"] and found.removed == []
    assert found.changed == {"gpt-4o": {"input": ("2.5", "3")}}
    assert found.groups == {"x": (None, "2")}
    assert list(found.lines()) == [
        "+ new: calls 1",
        "  gpt-4o: input 2.5 -> 3",
        "  group x: none -> 2",
    ]


def _table(rows: list[dict[str, Any]], groups: dict[str, str]) -> PriceTable:
    checked = [checked_row(row) for row in rows]
    return PriceTable(1, {row["model"]: row for row in checked}, groups)


def test_versions_of_the_first_kind_stay_valid() -> None:
    """A stored price.published of version 1, as it was written then."""
    body = {
        "version": 1,
        "effective_us": 5,
        "author": "user:1",
        "note": "",
        "set": [{"model": "gpt-4o", "input": "2.5"}],
        "unset": [],
        "groups": None,
        "unset_groups": [],
    }
    stored = {
        "_id": "price:1",
        "v": 1,
        "type": "price.published",
        "account": "prices",
        "amount": 0,
        "actor": "user:1",
        "body": body,
    }
    Schemas().check_stored(stored)
    with pytest.raises(InvalidEvent):
        Schemas().check_stored({**stored, "body": {**body, "cancels": 1}})
    Schemas().check_stored({**stored, "v": 2, "body": {**body, "cancels": 1}})


prices = st.integers(0, 20).map(str)
rows = st.dictionaries(st.sampled_from("abc"), st.fixed_dictionaries({"input": prices}))
ratios = st.dictionaries(st.sampled_from(("vip", "x")), prices)
versions = st.lists(st.tuples(rows, ratios, st.booleans()), min_size=1, max_size=6)


@given(versions, st.data())
def test_every_table_can_be_brought_back(
    history: list[tuple[dict[str, dict[str, str]], dict[str, str], bool]], data: st.DataObject
) -> None:
    async def run() -> None:
        events, clock = Events(), HandClock()
        book = await open_book(events, clock)
        for models, groups, replaces in history:
            clock.us += 1_000_000
            await publish(
                book,
                events,
                *({"model": model, **fields} for model, fields in models.items()),
                groups=list(groups.items()),
                unset=[m for m in book.table().rows if replaces and m not in models],
            )
        if not book.latest:
            return
        wanted = data.draw(st.integers(1, book.latest))
        table = book.table_of(wanted)
        await book.roll_back(events, wanted, **WHO)
        assert diff(book.table(), table).is_empty
        again = await open_book(events, clock)
        assert diff(again.table(), table).is_empty

    asyncio.run(run())
