"""The versioned price book: publishing, loading, taking effect, refusing."""

import asyncio
from decimal import Decimal

import pytest

from ledger.errors import BooksBusy, InvalidPrices, PriceMissing
from ledger.price_rows import checked_row, price_text
from ledger.prices import MAX_SKEW_US
from tests.ledger.price_fakes import Events, HandClock, open_book

HOUR_US = 3_600_000_000
CHAT = {"model": "gpt-4o", "input": "2.5", "cached": "1.25", "output": "10"}
DOTTED = {"model": "vendor/$model.v1.5", "input": "1"}


@pytest.fixture
def events():
    return Events()


@pytest.fixture
def clock():
    return HandClock()


def cost(book, model="gpt-4o", group="default"):
    return book.quote(model, group).charge_nano({"input": 1})


async def publish(book, events, *rows, **changes):
    return await book.publish(events, author="user:1", note="test", set_rows=rows, **changes)


async def test_a_version_is_an_event_that_says_who_what_and_from_when(events, clock):
    book = await open_book(events, clock)
    assert await publish(book, events, CHAT, groups=[("vip", "0.80")]) == 1
    event = events.by_id["price:1"]
    assert (event["type"], event["account"], event["amount"]) == ("price.published", "prices", 0)
    assert event["actor"] == "user:1"
    assert event["body"] == {
        "version": 1,
        "effective_us": clock.us,
        "author": "user:1",
        "note": "test",
        "set": [{"model": "gpt-4o", "input": "2.5", "cached": "1.25", "output": "10"}],
        "unset": [],
        "groups": [["vip", "0.8"]],
        "unset_groups": [],
    }


async def test_versions_carry_changes_and_fold_into_tables(events, clock):
    book = await open_book(events, clock)
    await publish(book, events, CHAT, DOTTED, groups=[("vip", "0.5"), ("gone", "2")])
    await publish(book, events, {**CHAT, "input": "5"}, unset_groups=["gone"])
    assert await publish(book, events, unset=["gpt-4o"]) == 3
    here, elsewhere = book, await open_book(events, clock)
    for book in (here, elsewhere):
        assert book.version == book.latest == 3
        assert [row["model"] for row in book.rows()] == ["vendor/$model.v1.5"]
        assert book.groups() == {"vip": "0.5"}
        assert [cost(book.table_of(v)) for v in (1, 2)] == [2_500, 5_000]
        assert book.table_of(1).groups == {"vip": "0.5", "gone": "2"}
        with pytest.raises(PriceMissing):
            cost(book)
    with pytest.raises(InvalidPrices):
        book.table_of(4)


async def test_a_charge_names_the_version_that_priced_it(events, clock):
    book = await open_book(events, clock)
    await publish(book, events, CHAT)
    before = book.quote("gpt-4o", "default")
    await publish(book, events, {**CHAT, "input": "5"})
    assert before.factors["version"] == 1
    assert before.charge_nano({"input": 1}) == 2_500
    assert book.quote("gpt-4o", "default").factors["version"] == 2


async def test_publishing_what_is_already_there_records_nothing(events, clock):
    book = await open_book(events, clock)
    assert await publish(book, events) == 0
    await publish(book, events, CHAT, groups=[("vip", "1")])
    same = {"model": "gpt-4o", "output": "10.0", "cached": "1.250", "input": "2.50"}
    assert await publish(book, events, {**same, "source": "operator"}) == 1
    assert await publish(book, events, groups=[("vip", "1.0")], unset=["nothing"]) == 1
    assert list(events.by_id) == ["price:1"]


async def test_only_what_differs_is_recorded(events, clock):
    book = await open_book(events, clock)
    await publish(book, events, CHAT, DOTTED)
    await publish(book, events, CHAT, {**DOTTED, "input": "2"})
    assert [row["model"] for row in events.by_id["price:2"]["body"]["set"]] == [DOTTED["model"]]
    assert events.by_id["price:2"]["body"]["groups"] is None


async def test_two_processes_that_publish_at_once_both_succeed(events, clock):
    one, two = await open_book(events, clock), await open_book(events, clock)
    numbers = await asyncio.gather(publish(one, events, CHAT), publish(two, events, DOTTED))
    assert sorted(numbers) == [1, 2]
    await one.refresh()
    await two.refresh()
    for book in (one, two):
        assert [row["model"] for row in book.rows()] == ["gpt-4o", DOTTED["model"]]


async def test_refresh_reads_only_what_is_new_and_by_its_id(events, clock):
    one, two = await open_book(events, clock), await open_book(events, clock)
    for price in range(1, 6):
        await publish(one, events, {**CHAT, "input": str(price)})
    events.asked = 0
    await asyncio.gather(two.refresh(), two.refresh())
    assert two.latest == 5
    assert cost(two) == 5_000
    events.asked = 0
    await two.refresh()
    assert events.asked == 1


async def test_whoever_refreshed_sees_what_another_refresh_has_found(events, clock, monkeypatch):
    one, two = await open_book(events, clock), await open_book(events, clock)
    await publish(one, events, CHAT)
    find, first, goes_on = events.find_one, asyncio.Event(), asyncio.Event()

    async def slow(collection, filter):
        if filter["_id"] == "price:2" and not first.is_set():
            first.set()
            await goes_on.wait()
        return await find(collection, filter)

    monkeypatch.setattr(events, "find_one", slow)
    other = asyncio.create_task(two.refresh())
    await first.wait()  # it has found version 1, and looks for another
    await two.refresh()
    assert two.version == 1 and cost(two) == 2_500
    goes_on.set()
    await other


async def test_a_version_takes_effect_when_its_time_comes(events, clock):
    book = await open_book(events, clock)
    await publish(book, events, CHAT)
    await publish(book, events, {**CHAT, "input": "9"}, effective_us=clock.us + HOUR_US)
    assert (book.version, book.latest, cost(book)) == (1, 2, 2_500)
    clock.us += HOUR_US - 1
    assert cost(book) == 2_500
    clock.us += 1
    assert (book.version, cost(book)) == (2, 9_000)


async def test_an_urgent_change_does_not_bring_a_planned_one_forward(events, clock):
    book = await open_book(events, clock)
    await publish(book, events, CHAT)
    await publish(book, events, {**CHAT, "input": "9"}, effective_us=clock.us + HOUR_US)
    assert await publish(book, events, DOTTED) == 3
    here, elsewhere = book, await open_book(events, clock)
    for book in (here, elsewhere):
        assert (book.version, cost(book)) == (3, 2_500)
        assert cost(book.table_of(3)) == 2_500
        assert cost(book.table_of(2), DOTTED["model"]) == 1_000
    clock.us += HOUR_US
    assert (book.version, cost(book), cost(book, DOTTED["model"])) == (2, 9_000, 1_000)


async def test_of_two_machines_with_clocks_apart_the_later_publication_wins(events, clock):
    fast = await open_book(events, HandClock(clock.us + 5_000_000))
    await publish(fast, events, {**CHAT, "input": "3"})
    slow = await open_book(events, clock)
    await publish(slow, events, {**CHAT, "input": "4"})
    clock.us += MAX_SKEW_US
    late = await open_book(events, clock)
    assert (late.version, cost(late)) == (2, 4_000)


async def test_prices_never_take_effect_in_the_past(events, clock):
    book = await open_book(events, clock)
    with pytest.raises(InvalidPrices):
        await publish(book, events, CHAT, effective_us=clock.us - HOUR_US)
    assert not events.by_id


async def test_a_missing_version_is_noticed(events, clock):
    book = await open_book(events, clock)
    for price in range(1, 4):
        await publish(book, events, {**CHAT, "input": str(price)})
    del events.by_id["price:2"]
    with pytest.raises(InvalidPrices, match="version 2"):
        await open_book(events, clock)


async def test_books_that_are_away_change_nothing(events, clock):
    class Away(Events):
        async def record(self, draft):
            raise BooksBusy("full")

    book = await open_book(events, clock)
    with pytest.raises(BooksBusy):
        await publish(book, Away(), CHAT)
    assert book.version == 0
    assert await publish(book, events, CHAT) == 1


BAD_ROWS = [
    {},
    {"model": "m"},
    {"model": "", "input": "1"},
    {"model": " m", "input": "1"},
    {"model": "m\n", "input": "1"},
    {"model": "m" * 201, "input": "1"},
    {"model": 5, "input": "1"},
    {"model": "m", "input": "-1"},
    {"model": "m", "input": "1e3"},
    {"model": "m", "input": "NaN"},
    {"model": "m", "input": "Infinity"},
    {"model": "m", "input": ""},
    {"model": "m", "input": 2.5},
    {"model": "m", "input": True},
    {"model": "m", "input": "1000000.1"},
    {"model": "m", "input": "0.0000000000001"},
    {"model": "m", "input": Decimal("1e-999999")},
    {"model": "m", "input": "1", "prize": "1"},
    {"model": "m", "input": "1", "tiers": [{}]},
    {"model": "m", "input": "1", "tiers": [{"above_input_tokens": 5}]},
    {"model": "m", "input": "1", "tiers": [{"above_input_tokens": 0, "input": "1"}]},
    {"model": "m", "input": "1", "tiers": [{"above_input_tokens": 2.0, "input": "1"}]},
    {"model": "m", "input": "1", "tiers": [{"above_input_tokens": 5, "input": "1"}] * 2},
    {"model": "m", "input": "1", "tiers": "no"},
    {"model": "m", "input": "1", "max_output_tokens": -1},
    {"model": "m", "input": "1", "max_output_tokens": True},
]


@pytest.mark.parametrize("row", BAD_ROWS)
async def test_one_bad_row_refuses_the_whole_change(events, clock, row):
    book = await open_book(events, clock)
    with pytest.raises(InvalidPrices):
        await publish(book, events, CHAT, row)
    assert not events.by_id
    assert book.rows() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"groups": [("", "1")]},
        {"groups": [("vip", "-1")]},
        {"groups": [("vip", "x")]},
        {"groups": [("vip", "1"), ("vip", "2")]},
        {"groups": [("vip", "1")], "unset_groups": ["vip"]},
        {"unset": ["gpt-4o"]},
        {"unset": [""]},
    ],
)
async def test_bad_groups_and_contradictions_refuse_the_whole_change(events, clock, changes):
    book = await open_book(events, clock)
    with pytest.raises(InvalidPrices):
        await publish(book, events, CHAT, **changes)
    assert not events.by_id


def test_a_row_says_its_output_price_itself():
    assert checked_row({"model": "m", "input": "2"}) == {"model": "m", "input": "2", "output": "2"}
    assert checked_row({"model": "m", "images": "2"}) == {"model": "m", "images": "2"}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("2.50", "2.5"),
        ("0", "0"),
        ("0.0", "0"),
        ("007", "7"),
        ("100", "100"),
        (3, "3"),
        (Decimal("1E+2"), "100"),
        (Decimal("-0"), "0"),
        (Decimal("0.000000000001"), "0.000000000001"),
        ("1000000", "1000000"),
    ],
)
def test_equal_prices_have_equal_text(value, text):
    assert price_text(value, "m") == text
