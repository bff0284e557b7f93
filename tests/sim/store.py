"""What one process sees of the simulated database: the part of ledger.store.Store that the books
use, over a network with weather.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from typing import Any

import orjson

from ledger.errors import Duplicate, OutcomeUnknown, StoreError, Unavailable
from ledger.store import Store
from tests.sim.loop import Actor
from tests.sim.mongo import Document, Steps
from tests.sim.server import Server
from tests.sim.weather import Plan

CURSOR_BATCH = 2
Filter = Mapping[str, Any]
Sort = Sequence[tuple[str, int]]


class SimStore:
    """The database as one process reaches it."""

    driver = "simulated"
    name = "simulated"

    def __init__(self, server: Server, owner: Actor) -> None:
        self._server = server
        self._loop = server.loop
        self._owner = owner
        self.cut_off = False

    # -- the way there and back -------------------------------------------------------------------

    async def _send(
        self, name: str, make: Callable[[], Steps], *args: Any, write: bool, documents: int = 1
    ) -> Any:
        if not self._owner.alive:
            raise Unavailable("this process is dead")
        server, loop = self._server, self._loop
        server.commands += 1
        plan = server.weather.plan(name, documents if write else 0)
        future: asyncio.Future[Any] = loop.create_future()
        if plan.gives_up_s is not None:
            loop.call_later(
                plan.gives_up_s, self._give_up, future, name, write and not plan.certain,
                context=server.actor.context,
            )  # fmt: skip
        server.under_way += len(plan.arrivals)
        last = plan.answered % len(plan.arrivals) if plan.arrivals else 0
        for number, delay in enumerate(plan.arrivals):
            answered = number == last and plan.gives_up_s is None
            loop.call_later(
                delay, self._arrive, name, make, plan, future, answered, write,
                context=server.actor.context,
            )  # fmt: skip
        if server.say is not None:
            server.say(f"{self._owner} sends {name} {args or ''} {_told(plan)}")
        return await future

    def _arrive(
        self,
        name: str,
        make: Callable[[], Steps],
        plan: Plan,
        future: asyncio.Future[Any],
        answered: bool,
        write: bool,
    ) -> None:
        server = self._server
        server.under_way -= 1
        if server.away or self.cut_off:
            self._lose(future, name, write)
            return
        if server.say is not None:
            server.say(f"{name} of {self._owner} arrives{' again' if future.done() else ''}")

        def answer(value: Any, error: StoreError | None) -> None:
            if answered:
                self._loop.call_later(
                    plan.back_s, self._answer, future, name, write, value, error,
                    context=server.actor.context,
                )  # fmt: skip

        server.run(make(), plan.cut, answer)

    def _answer(
        self,
        future: asyncio.Future[Any],
        name: str,
        write: bool,
        value: Any,
        error: StoreError | None,
    ) -> None:
        if self._server.away or self.cut_off:
            self._lose(future, name, write)
        elif not future.done():
            if self._server.say is not None:
                self._server.say(f"{self._owner} is answered {name}: {error!r} {value}")
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(value)

    def _lose(self, future: asyncio.Future[Any], name: str, write: bool) -> None:
        delay = self._server.weather.rng.random() * 3
        self._loop.call_later(
            delay, self._give_up, future, name, write, context=self._server.actor.context
        )

    def _give_up(self, future: asyncio.Future[Any], name: str, unknown: bool) -> None:
        if not future.done():
            error = OutcomeUnknown if unknown else Unavailable
            future.set_exception(error(f"no answer to {name}"))

    # -- reading ----------------------------------------------------------------------------------

    async def ping(self) -> None:
        """Return when the database answers."""
        await self.count("writers", {"_id": 0})

    async def server_now_us(self) -> int:
        """Return the server's clock at the moment of the command."""

        def steps() -> Steps:
            yield
            return self._server.now_us()

        return int(await self._send("server_now_us", steps, write=False))

    async def find_one(
        self,
        collection: str,
        filter: Filter,
        *,
        sort: Sort | None = None,
        projection: Mapping[str, Any] | None = None,
    ) -> Document | None:
        """Return the first document that matches, or None."""
        found = await self.find_list(collection, filter, sort=sort, projection=projection, limit=1)
        return found[0] if found else None

    async def find_list(
        self,
        collection: str,
        filter: Filter,
        *,
        sort: Sort | None = None,
        projection: Mapping[str, Any] | None = None,
        limit: int = 0,
        skip: int = 0,
    ) -> list[Document]:
        """Return the documents that match."""
        mongo = self._server.mongo
        found: list[Document] = await self._send(
            f"find {collection}",
            lambda: mongo.find(
                collection, filter, sort=sort, projection=projection, limit=limit, skip=skip
            ),
            write=False,
        )
        return found

    find_ids = Store.find_ids

    async def find(
        self,
        collection: str,
        filter: Filter,
        *,
        sort: Sort | None = None,
        projection: Mapping[str, Any] | None = None,
        limit: int = 0,
        batch_size: int = 0,
    ) -> AsyncGenerator[Document, None]:
        """Stream the documents that match, a few at a time, each batch as it is by then."""
        ids = [d["_id"] for d in await self.find_list(collection, filter, sort=sort, limit=limit)]
        for start in range(0, len(ids), CURSOR_BATCH):
            some = {**filter, "_id": {"$in": ids[start : start + CURSOR_BATCH]}}
            for document in await self.find_list(
                collection, some, sort=sort, projection=projection
            ):
                yield document

    async def count(self, collection: str, filter: Filter) -> int:
        """Return how many documents match."""
        mongo = self._server.mongo
        return int(await self._send("count", lambda: mongo.count(collection, filter), write=False))

    # -- writing ----------------------------------------------------------------------------------

    async def insert_events(self, docs: Sequence[Document]) -> None:
        """Insert events in order; see ledger.store."""
        await self.insert_many("events", docs)

    async def insert_many(self, collection: str, docs: Iterable[Document]) -> None:
        """Insert documents in order; see ledger.store."""
        documents, mongo = [orjson.dumps(doc) for doc in docs], self._server.mongo
        if documents:
            await self._send(
                f"insert_{collection}",
                lambda: mongo.insert(collection, documents),
                write=True,
                documents=len(documents),
            )

    async def insert_one(self, collection: str, doc: Document) -> None:
        """Insert a document. Raises Duplicate."""
        mongo, document = self._server.mongo, orjson.dumps(doc)
        name = f"insert one {collection}"
        await self._send(name, lambda: mongo.insert_one(collection, document), write=True)

    async def update_one(
        self, collection: str, filter: Filter, update: Filter, *, upsert: bool = False
    ) -> int:
        """Update one document; return 1 if it was matched or upserted, else 0."""
        mongo = self._server.mongo
        name = f"update {collection}"
        done = await self._send(
            name,
            lambda: mongo.update(collection, filter, update, upsert),
            filter,
            update,
            write=True,
        )
        return int(done is not None)

    async def update_many(self, collection: str, filter: Filter, update: Filter) -> int:
        """Update every document that matches and return how many did."""
        mongo = self._server.mongo
        name = f"update many {collection}"
        return int(
            await self._send(
                name, lambda: mongo.update_many(collection, filter, update), write=True
            )
        )

    async def find_one_and_update(
        self,
        collection: str,
        filter: Filter,
        update: Filter,
        *,
        upsert: bool = False,
        sort: Sort | None = None,
    ) -> Document | None:
        """Update one document and return it as it is afterwards, or None."""
        if sort is not None:
            raise NotImplementedError("sort")
        mongo = self._server.mongo
        done: Document | None = await self._send(
            f"change {collection}",
            lambda: mongo.update(collection, filter, update, upsert),
            filter,
            update,
            write=True,
        )
        return done

    async def bulk_update(
        self, collection: str, updates: Sequence[tuple[Filter, Filter, bool]]
    ) -> int:
        """Apply (filter, update, upsert) to one document each, in no order."""
        if not updates:
            return 0
        mongo, mixed = self._server.mongo, list(updates)
        self._server.weather.rng.shuffle(mixed)
        return int(
            await self._send(
                f"bulk {collection}",
                lambda: mongo.bulk(collection, mixed),
                mixed,
                write=True,
                documents=len(mixed),
            )
        )

    async def delete_one(self, collection: str, filter: Filter) -> int:
        """Delete one document that matches; return 1 or 0."""
        mongo = self._server.mongo
        steps = lambda: mongo.delete(collection, filter, 1)  # noqa: E731
        return int(await self._send(f"delete {collection}", steps, write=True))

    async def delete_many(self, collection: str, filter: Filter) -> int:
        """Delete every document that matches."""
        mongo = self._server.mongo
        steps = lambda: mongo.delete(collection, filter)  # noqa: E731
        return int(await self._send(f"delete {collection}", steps, write=True))

    async def next_id(self, name: str) -> int:
        """Return the next integer of a sequence."""
        while True:
            found = await self.find_one_and_update(
                "sequences", {"_id": name}, {"$inc": {"value": 1}}
            )
            if found is not None:
                return int(found["value"])
            try:
                await self.insert_one("sequences", {"_id": name, "value": 0})
            except Duplicate:
                continue


def _told(plan: Plan) -> str:
    if plan.gives_up_s is None and len(plan.arrivals) == 1 and plan.cut is None:
        return ""
    gives_up = "" if plan.gives_up_s is None else f" gives up after {plan.gives_up_s:.2f}"
    arrivals = ", ".join(f"{delay:.2f}" for delay in plan.arrivals)
    return f"[arrives after {arrivals or 'never'}{gives_up}, cut {plan.cut}]"
