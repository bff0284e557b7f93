"""A month of a reseller's books: 50 users, 150 keys, 20 models, 5 channels, days and nights."""

import math
import random
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Any

from ledger.events import GENESIS, Document, Draft
from ledger.projector import project, save_position
from ledger.rollups import ROLLUPS
from ledger.store import Store
from ledger.views import ACCOUNTS
from ledger.writers import Writer
from tests.ledger.drafts import charge, recharge

DAYS, USERS, KEYS, MODELS, CHANNELS = 30, 50, 3, 20, 5
HOUR_US = 3_600 * 1_000_000
RARE_MODEL, RARE = "rare-model", 1 / 5_000
RECHARGES = 1 / 500
BATCH, FLUSH = 1_000, 10_000
RATES = {"input": "1", "cached": "0.1", "output": "4"}
NANO = {"input": 1_000, "cached": 100, "output": 4_000}

Said = Callable[[str], None]


class Month:
    """Random drafts, the same ones for the same seed."""

    def __init__(self, events: int, end_us: int, seed: int = 1) -> None:
        self.events = events
        self.end_us = end_us
        self._rng = random.Random(seed)
        self._users = _skewed(USERS)
        self._models = {
            user * KEYS + n: self._rng.sample(range(MODELS), self._rng.randint(1, 5))
            for user in range(1, USERS + 1)
            for n in range(KEYS)
        }

    def times(self) -> Iterator[int]:
        """Yield times over the month, more of them by day than by night."""
        hours = DAYS * 24
        weights = [2 + math.sin(hour % 24 / 24 * math.tau) for hour in range(hours)]
        start_us, whole, due = self.end_us - hours * HOUR_US, sum(weights), 0.0
        made = 0
        for hour, weight in enumerate(weights):
            due += self.events * weight / whole
            count = (self.events if hour == hours - 1 else round(due)) - made
            made += count
            offsets = sorted(self._rng.randrange(HOUR_US) for _ in range(count))
            yield from (start_us + hour * HOUR_US + offset for offset in offsets)

    def draft(self, number: int) -> Draft:
        """Return one event: first a recharge of every user, then mostly charges."""
        rng = self._rng
        if number <= USERS:
            return recharge(f"bench-{number}", f"user:{number}", 10**15)
        user = 1 + rng.choices(range(USERS), cum_weights=self._users)[0]
        if rng.random() < RECHARGES:
            return recharge(f"bench-{number}", f"user:{user}", 10**9)
        key = user * KEYS + min(rng.randrange(KEYS), rng.randrange(KEYS))
        models = self._models[key]
        model = models[min(rng.randrange(len(models)), rng.randrange(len(models)))]
        name = RARE_MODEL if rng.random() < RARE else f"model-{model}"
        channel = 1 + (model + (rng.random() < 0.2)) % CHANNELS
        usage = {"input": rng.randint(20, 9_000), "cached": 512, "output": rng.randint(5, 900)}
        base = charge(f"bench-{number}", 0, user=user, key=key, channel=channel, held=())
        nano = sum(NANO[kind] * count for kind, count in usage.items())
        price = {**base.body["price"], "model": name, "rates": RATES}
        latency = {"total": rng.randint(200, 9_000), "first_token": rng.randint(100, 900)}
        frame = '{"prompt_tokens": 4096, "completion_tokens": 512, "total_tokens": 4608}'
        body: dict[str, Any] = {**base.body, "model": name, "served_model": name, "usage": usage}
        body |= {"price": price, "latency_ms": latency, "usage_frame": frame, "stream": True}
        return Draft(base.id, base.type, base.account, -nano, base.actor, body)


def _skewed(count: int) -> list[float]:
    """Cumulative weights of which the first are the largest."""
    return list(accumulate(1 / (rank + 3) for rank in range(count)))


async def load(store: Store, month: Month, say: Said) -> None:
    """Write a month straight into the database, accounts and rollups included."""
    await store.insert_one(
        "writers", {"_id": 1, "epoch": 1, "expires_us": 0, "host": "", "released": True}
    )
    writer = Writer(1, 1, 1, GENESIS, 0)
    marks: dict[str, dict[str, Any]] = {"accounts": {}, "rollups": {}}
    events: list[Document] = []
    for number, ts in enumerate(month.times(), start=1):
        events.append(writer.number(month.draft(number), 2, "0" * 32, ts))
        if number % BATCH == 0 or number == month.events:
            await store.insert_events(events[-(number % BATCH or BATCH) :])
        if len(events) == FLUSH or number == month.events:
            await project(store, 1, events, marks["accounts"], ACCOUNTS)
            await project(store, 1, events, marks["rollups"], ROLLUPS)
            events = []
            say(f"loaded {number} of {month.events} events")
            if len(marks["rollups"]) > ROLLUPS.remember:
                marks["rollups"].clear()
    for view in (ACCOUNTS, ROLLUPS):
        await save_position(store, 1, month.events, view)
