"""Pages and totals of the log: for random filters, what a plain search of the events finds."""

import pytest

from admin.events import Selection
from admin.logbook import CONSUME, TYPES
from admin.schemas.ledger import cursor_text
from ledger.projector import project, save_position
from ledger.rollups import ROLLUPS
from ledger.scan import about
from tests.ledger.random_books import plant, random_events, seeded

pytestmark = pytest.mark.database


async def books_of(store, rng, *, projected=0.7):
    """Two writers' events, a part of which is in the rollups."""
    events = random_events(rng, 1, 110) + random_events(rng, 2, 60)
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


async def plainly(store, selection):
    """All that is selected, newest first, without rollups."""
    return [event async for event in selection.read(store, newest_first=True)]


@pytest.mark.parametrize("seed", range(4))
async def test_pages_and_totals_equal_the_rows(store, seed):
    rng = seeded(seed)
    events = await books_of(store, rng, projected=rng.choice((0, 0.5, 1)))
    for _ in range(25):
        selection = random_selection(rng, events)
        rows = await plainly(store, selection)
        assert await selection.count(store) == len(rows), selection
        charges = [event for event in rows if event["type"] in TYPES[CONSUME]]
        charged = -sum(event["amount"] for event in charges), len(charges)
        assert await selection.charged(store) == charged, selection
        size, skip = rng.randint(1, 12), rng.randint(0, max(1, len(rows)))
        page = await selection.page(store, skip=skip, limit=size)
        assert [e["_id"] for e in page] == [e["_id"] for e in rows[skip : skip + size]], selection


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
