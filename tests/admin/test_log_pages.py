"""Pages and totals of the log: for random filters, what a plain search of the events finds."""

import pytest

from admin.events import Selection
from admin.logbook import CONSUME, TYPES
from admin.schemas.ledger import cursor_text
from ledger.cubes import MINUTE_BITS
from ledger.projector import project, save_position
from ledger.rollups import ROLLUPS, cells_of, packed
from ledger.scan import about
from tests.ledger.random_books import plant, random_events, seeded

pytestmark = pytest.mark.database


async def books_of(store, rng, *, projected=0.7, **how):
    """Two writers' events, a part of which is in the rollups."""
    events = random_events(rng, 1, 110, **how) + random_events(rng, 2, 60, **how)
    await plant(store, events)
    for slot in (1, 2):
        mine = [event for event in events if event["writer"] == slot]
        done = int(len(mine) * projected)
        await project(store, slot, mine[:done], {}, ROLLUPS)
        await save_position(store, slot, done, ROLLUPS)
    return sorted(events, key=lambda event: (event["ts"], event["_id"]))


def random_selection(rng, events):
    filters = rng.choice(
        (
            (),
            ({"account": "user:1"},),
            ({"body.model": "rare"},),
            ({"body.model": "gpt-4o", "body.channel": 2},),
            ({"type": {"$in": list(TYPES[rng.choice((1, 2, 3))])}},),
            ({"account": "user:2", "body.key": {"$in": [1, 4]}},),
            ({"account": "user:1", "body.key": 3}, {"account": "user:2", "body.key": 4}),
            ({"body.key": {"$in": []}},),
            ({"body.model": "rare"}, {"account": "user:3"}, {"_id": events[5]["_id"]}),
            ({"body.outcome": "failed"},),
            about("channel:3"),
            about("key:2"),
        )
    )
    start, end = sorted(rng.choice(events)["ts"] + rng.randint(-1, 1) for _ in range(2))
    start, end = rng.choice(((None, None), (None, None), (start, end), (None, end), (start, None)))
    return Selection(filters, start, end)


def counting(store, monkeypatch):
    """Note the events of the periods that are asked for."""
    find, read = store.find, []

    async def counted(collection, *args, **kwargs):
        async for document in find(collection, *args, **kwargs):
            if collection == "events":
                read.append(document)
            yield document

    monkeypatch.setattr(store, "find", counted)
    return read


async def plainly(store, selection):
    """All that is selected, newest first, without rollups."""
    return [event async for event in selection.read(store, newest_first=True)]


@pytest.mark.parametrize("seed", range(4))
async def test_pages_and_totals_equal_the_rows(store, seed):
    rng = seeded(seed)
    events = await books_of(store, rng, projected=rng.choice((0, 0.5, 1)))
    for _ in range(15):
        await assert_equal(store, rng, random_selection(rng, events))


async def assert_equal(store, rng, selection):
    """A total, the charges in it and some page are those of all rows, read plainly."""
    rows = await plainly(store, selection)
    assert await selection.count(store) == len(rows), selection
    charges = [event for event in rows if event["type"] in TYPES[CONSUME]]
    charged = -sum(event["amount"] for event in charges), len(charges)
    assert await selection.charged(store) == charged, selection
    size, skip = rng.randint(1, 12), rng.randint(0, max(1, len(rows)))
    newest_first = rng.random() < 0.7
    page = await selection.page(store, skip=skip, limit=size, newest_first=newest_first)
    order = rows if newest_first else rows[::-1]
    assert [e["_id"] for e in page] == [e["_id"] for e in order[skip : skip + size]], selection


@pytest.mark.parametrize("by_minute", [True, False])
async def test_pages_and_totals_of_busy_hours_equal_the_rows(store, monkeypatch, by_minute):
    """Many events in a minute; and pages of which a version that did not count by minute wrote the
    first part, or all."""
    monkeypatch.setattr("ledger.seek.DEEP", 5)
    rng = seeded(60 + by_minute)
    events = await books_of(store, rng, projected=0.8, longest_us=50 * 10**6)
    if not by_minute:
        for page in await store.find_list("rollups", {"shelf": "quarter.all"}):
            for key, cell in (cells := cells_of(page)).items():
                last_minute = (cell[-1].bit_length() - 1) // MINUTE_BITS
                fewer = cell[-1] % (1 << MINUTE_BITS * max(last_minute, 0))
                cells[key] = [*cell[:-1], rng.choice((0, fewer))]
            change = {"$set": {"cells": packed(cells)}}
            await store.update_one("rollups", {"_id": page["_id"]}, change)
    for _ in range(18):
        filters = rng.choice(((), ({"body.model": "gpt-4o"},), ({"body.channel": 2},)))
        start, end = sorted(rng.choice(events)["ts"] + rng.randint(-1, 1) for _ in range(2))
        await assert_equal(store, rng, Selection(filters, start, rng.choice((end, None))))
    if by_minute:
        selection = Selection((), events[9]["ts"] + 10**6, events[-9]["ts"])
        asked = counting(store, monkeypatch)
        count = await selection.count(store)
        await selection.page(store, skip=count // 2, limit=10)
        assert 10 <= len(asked) < 40 < count


@pytest.mark.parametrize("newest_first", [True, False])
async def test_walking_by_cursor_finds_everything_once(store, newest_first):
    rng = seeded(21)
    events = await books_of(store, rng)
    for _ in range(4):
        selection = random_selection(rng, events)
        rows = await plainly(store, selection)
        wanted = rows if newest_first else rows[::-1]
        walked, cursor = [], None
        while True:
            page = await selection.after(store, cursor, limit=13, newest_first=newest_first)
            walked += page
            if len(page) < 13:
                break
            cursor = cursor_text(page[-1]["ts"], page[-1]["_id"])
        assert [e["_id"] for e in walked] == [e["_id"] for e in wanted], selection
