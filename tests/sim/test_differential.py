"""The simulated database answers as the real one does: random operations on both."""

import random
from typing import Any

import pytest

from ledger.accounts import available_expression
from ledger.errors import BatchStopped, Duplicate, StoreError
from tests.sim.loop import Actor, SimLoop
from tests.sim.mongo import Mongo, check_unique_indexes
from tests.sim.server import Server
from tests.sim.store import SimStore
from tests.sim.weather import Weather

pytestmark = pytest.mark.database

ACCOUNTS = ("user:1", "user:2", "key:7")
OPERATIONS = 60


class Draws:
    """Random operations of the kinds that the books use: (method, arguments, options)."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.inserted = 0

    def next(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        """Draw one."""
        kinds = (
            self._insert_events, self._find_events, self._count, self._grant, self._project,
            self._upsert, self._slot, self._slots, self._find_accounts, self._idle, self._position,
            self._many, self._delete, self._bare,
        )  # fmt: skip
        return self.rng.choice(kinds)()

    def _few(self) -> int:
        return self.rng.randrange(4)

    def _insert_events(self) -> Any:
        events = []
        for _ in range(self.rng.randint(1, 4)):
            self.inserted += self.rng.random() < 0.8
            event = {"_id": f"e{self.inserted}", "writer": self._few(), "seq": self.inserted}
            if self.rng.random() < 0.2:
                event |= {"_id": f"x{self.rng.random()}", "seq": self.rng.randint(0, self.inserted)}
            events.append({**event, "ts": self.rng.randrange(100), "body": {"key": self._few()}})
        return "insert_events", (events,), {}

    def _find_events(self) -> Any:
        low = self.rng.randrange(20)
        wanted = self.rng.choice((
            {"writer": self._few(), "seq": {"$gt": low, "$lte": low + 5}},
            {"writer": self._few(), "seq": {"$gte": low}},
            {"_id": f"e{low}"},
            {"body.key": self._few()},
        ))  # fmt: skip
        sort = [("seq", self.rng.choice((1, -1))), ("_id", 1)]
        return self.rng.choice((
            ("find_list", ("events", wanted), {"sort": sort, "limit": self._few()}),
            ("find_list", ("events", wanted), {"sort": sort, "skip": 1, "limit": 2}),
            ("find_one", ("events", wanted), {"sort": sort}),
        ))  # fmt: skip

    def _count(self) -> Any:
        wanted = {"_id": {"$ne": self._few()}, "released": False}
        return "count", ("writers", wanted), {}

    def _grant(self) -> Any:
        w, amount = self._few(), self.rng.randint(-5, 20)
        guard: dict[str, Any] = {"_id": self.rng.choice(ACCOUNTS)}
        if self.rng.random() < 0.6:
            guard["$expr"] = {"$gte": [available_expression(), amount]}
        if self.rng.random() < 0.5:
            guard[f"slice_rev.{w}"] = self.rng.choice((1, 2, {"$exists": False}))
        change = {"$inc": {"granted": amount, f"granted_by.{w}": amount, f"slice_rev.{w}": 1}}
        return "find_one_and_update", ("accounts", guard, change), {}

    def _project(self) -> Any:
        updates = []
        for account in self.rng.sample(ACCOUNTS, self.rng.randint(1, 3)):
            w, mark = self._few(), self._few()
            expected = mark or {"$exists": False}
            change = {
                "$inc": {"credited": 10, f"consumed_by.{w}": 1},
                "$set": {f"applied.{w}": mark + 1},
                "$max": {"last_ts": self.rng.randrange(9)},
                "$min": {"first_ts": self.rng.randrange(9)},
            }
            updates.append(({"_id": account, f"applied.{w}": expected}, change, not mark))
        return "bulk_update", ("accounts", updates), {}

    def _upsert(self) -> Any:
        change = {"$inc": {"n": 1}, "$set": {"at_us": self.rng.randrange(50)}}
        return "update_one", ("recalls", {"_id": self._few()}, change), {"upsert": True}

    def _slot(self) -> Any:
        slot = {"_id": self._few(), "epoch": 1, "released": False, "expires_us": 5}
        guard = {"_id": self._few(), "epoch": self.rng.randint(1, 3)}
        change = {"$set": {"released": self.rng.random() < 0.5}, "$inc": {"epoch": 1}}
        return self.rng.choice((
            ("insert_one", ("writers", slot), {}),
            ("find_one_and_update", ("writers", guard, change), {}),
            ("update_one", ("writers", guard, change), {}),
        ))  # fmt: skip

    def _slots(self) -> Any:
        wanted = self.rng.choice(({}, {"released": False}, {"expires_us": {"$lt": 9}}))
        return "find_list", ("writers", wanted), {"sort": [("_id", 1)]}

    def _find_accounts(self) -> Any:
        wanted = {"_id": {"$in": list(self.rng.sample(ACCOUNTS, 2))}}
        shown = {f"applied.{self._few()}": 1}
        return "find_list", ("accounts", wanted), {"projection": shown, "sort": [("_id", 1)]}

    def _idle(self) -> Any:
        wanted = {f"granted_by.{self._few()}": {"$exists": True}}
        return "find_list", ("accounts", wanted), {"sort": [("_id", 1)]}

    def _position(self) -> Any:
        change = {"$max": {"seq": self.rng.randrange(30)}}
        return "update_one", ("positions", {"_id": "accounts:1"}, change), {"upsert": True}

    def _many(self) -> Any:
        wanted = {"seq": {"$gte": self._few() * 10}}
        return "update_many", ("positions", wanted, {"$set": {"seen": True}}), {}

    def _delete(self) -> Any:
        wanted = {"at_us": {"$lt": self.rng.randrange(20)}}
        return "delete_many", ("recalls", wanted), {}

    def _bare(self) -> Any:
        guard = {"_id": self.rng.choice(ACCOUNTS), "granted_by.1": self.rng.randrange(20)}
        return "update_one", ("accounts", guard, {"$inc": {"granted_by.1": -1}}), {}


async def _answer(coro: Any) -> Any:
    try:
        return await coro
    except BatchStopped as stop:
        return "stopped", stop.position, type(stop.cause).__name__
    except Duplicate as error:
        return "duplicate", error.index
    except StoreError as error:
        return type(error).__name__


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value


@pytest.mark.parametrize("seed", range(12))
async def test_the_simulated_database_answers_like_the_real_one(store, seed):
    loop = SimLoop(random.Random(0))
    weather = Weather(random.Random(0))
    server = Server(loop, Mongo(lambda *change: None), weather)
    simulated, draws = SimStore(server, Actor("client")), Draws(seed)
    try:
        for number in range(OPERATIONS):
            method, args, options = draws.next()
            real = _plain(await _answer(getattr(store, method)(*args, **options)))
            mine = _plain(loop.run(_answer(getattr(simulated, method)(*args, **options))))
            assert mine == real, f"seed {seed}, operation {number}: {method} {args} {options}"
        for name in ("events", "accounts", "writers", "positions", "recalls"):
            real = _plain(await store.find_list(name, {}, sort=[("_id", 1)]))
            mine = sorted(_plain(list(server.mongo.collections.get(name, {}).values())),
                          key=lambda document: document["_id"])  # fmt: skip
            assert mine == real, name
    finally:
        loop.discard()


def test_every_unique_index_is_known():
    check_unique_indexes()
