"""What the console asks: pages of the log and charts, with random filters."""

import random
import time
from collections.abc import Awaitable, Callable

from admin.events import Selection
from admin.logbook import TOPUP, TYPES
from admin.schemas.ledger import cursor_text
from admin.usage_report import Question, daily_usage, usage_by
from ledger.cubes import DAY_US
from ledger.store import Store
from tests.bench.ledger_data import HOUR_US, KEYS, RARE_MODEL, USERS, Month

PAGE = 10

#: Asks once and returns how many seconds that took.
Query = Callable[[random.Random], Awaitable[float]]
Choose = Callable[[random.Random], object]


def log_queries(store: Store, month: Month) -> dict[str, Query]:
    """Pages of the log as the console asks for them: the rows and how many there are in all."""

    def page(choose: Callable[[random.Random], Selection], deep: bool = False) -> Query:
        async def ask(rng: random.Random) -> float:
            selection = choose(rng)
            skip = 0
            if deep:
                skip = int(await selection.count(store) * rng.random()) // PAGE * PAGE
            asked = time.perf_counter()
            rows, total = await selection.listed(store, skip=skip, limit=PAGE)
            assert len(rows) == min(PAGE, total - skip), (selection, skip, total, len(rows))
            return time.perf_counter() - asked

        return ask

    async def by_cursor(rng: random.Random) -> float:
        cursor = cursor_text(_moment(month, rng), "~")
        asked = time.perf_counter()
        await Selection().after(store, cursor, limit=100, newest_first=True)
        return time.perf_counter() - asked

    def of_user(rng: random.Random, **more: object) -> Selection:
        return Selection(({"account": f"user:{rng.randint(1, USERS)}", **more},))

    def of_key(rng: random.Random) -> Selection:
        user = rng.randint(1, USERS)
        key = user * KEYS + rng.randrange(KEYS)
        return Selection(({"account": f"user:{user}", "body.key": {"$in": [key]}},))

    def within(rng: random.Random, **more: object) -> Selection:
        start = _moment(month, rng)
        end = start + rng.randint(1, 72) * HOUR_US // 2
        return Selection((more,) if more else (), start, end)

    def model(rng: random.Random) -> dict[str, object]:
        return {"body.model": f"model-{rng.randrange(20)}"}

    def user(rng: random.Random) -> dict[str, object]:
        return {"account": f"user:{rng.randint(1, USERS)}"}

    def channel(rng: random.Random) -> Selection:
        return Selection(({"body.channel": rng.randint(1, 5)},))

    rare = Selection(({"body.model": RARE_MODEL},))
    top_ups = Selection(({"type": {"$in": list(TYPES[TOPUP])}},))
    return {
        "everything, first page": page(lambda rng: Selection()),
        "everything, any page": page(lambda rng: Selection(), True),
        "everything, 100 rows by cursor": by_cursor,
        "one user, first page": page(of_user),
        "one user, any page": page(of_user, True),
        "one user and model, any page": page(lambda rng: of_user(rng, **model(rng)), True),
        "one key, any page": page(of_key, True),
        "one model, first page": page(lambda rng: Selection((model(rng),))),
        "one model, any page": page(lambda rng: Selection((model(rng),)), True),
        "a rare model, any page": page(lambda rng: rare, True),
        "one channel, any page": page(channel, True),
        "top-ups, any page": page(lambda rng: top_ups, True),
        "any period, any page": page(within, True),
        "model in any period": page(lambda rng: within(rng, **model(rng)), True),
        "user in any period": page(lambda rng: within(rng, **user(rng)), True),
    }


def dashboard_queries(store: Store, month: Month) -> dict[str, Query]:
    """Charts as the console asks for them."""

    def chart(by: str, days: int, **fixed: Choose) -> Query:
        async def ask(rng: random.Random) -> float:
            to_us = (month.end_us // DAY_US + 1) * DAY_US
            query = {
                name: value(rng) if callable(value) else value for name, value in fixed.items()
            }
            question = Question(query, to_us - days * DAY_US, to_us, by.split(","), costs=True)
            asked = time.perf_counter()
            await usage_by(store, question)
            return time.perf_counter() - asked

        return ask

    async def week(rng: random.Random) -> float:
        asked = time.perf_counter()
        await daily_usage(store, user(rng), month.end_us)
        return time.perf_counter() - asked

    def user(rng: random.Random) -> str:
        return f"user:{rng.randint(1, USERS)}"

    return {
        "One API's week of one user": week,
        "one user, month by day and model": chart("day,model", 31, account=user),
        "one user, week by hour": chart("hour", 7, account=user),
        "everybody, month by day": chart("day", 31),
        "everybody, month by day and model": chart("day,model", 31),
        "everybody, month by day and channel": chart("day,channel", 31),
        "everybody, month by user": chart("user", 31),
        "everybody, month by key": chart("key", 31),
        "everybody, two days by hour": chart("hour", 2),
    }


def _moment(month: Month, rng: random.Random) -> int:
    return month.end_us - rng.randrange(28 * 24 * HOUR_US) - HOUR_US
