"""The database, behind one door.

Owns every driver call. Promises that writes are majority-acknowledged and journaled, reads come
from the primary, both drivers behave alike, and every failure is a `StoreError` that says whether
something may have happened. Refuses to hide an exception that it does not know. Times are integer
microseconds, never dates; integers up to 64 bits are kept exactly.
"""

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any, cast

from pymongo import ReturnDocument, UpdateOne
from pymongo.errors import BulkWriteError, PyMongoError

from ledger.drivers import close_client, index_model, make_client, settled
from ledger.errors import Duplicate, OutcomeUnknown, Unavailable
from ledger.indexes import Index
from ledger.store_errors import READING, WRITING, classify, raise_unless_lost_races

Document = dict[str, Any]
Filter = Mapping[str, Any]
Sort = Sequence[tuple[str, int]]
Update = Mapping[str, Any] | list[dict[str, Any]]

_CHUNK = 1000
_IDS_AT_ONCE = 40  # some databases compare each document that is found with every id
_AT_ONCE = 100_000  # as much as fits into one answer: each further one costs a question


class Store:
    """One database through one client, bound to the event loop that it was made in.

    Every method raises `Unavailable` when the database cannot be reached and `StoreRefused` when it
    rejects the command; methods that write also raise `OutcomeUnknown` when the answer was lost.
    """

    def __init__(self, client: Any, database: str, driver: str) -> None:
        self.driver = driver
        self.name = database
        self._client = client
        self._db = client[database]
        self._events = self._db["events"]

    # -- the connection -------------------------------------------------------------------------

    @classmethod
    async def connect(
        cls, url: str, database: str, driver: str = "motor", *, timeout_s: float = 10.0
    ) -> "Store":
        """Open the database and check that it answers within `timeout_s` seconds."""
        with READING:
            store = cls(make_client(driver, url, timeout_s), database, driver)
        try:
            await store.ping()
        except BaseException:
            await store.close()
            raise
        return store

    async def close(self) -> None:
        """Close all connections."""
        await close_client(self._client)

    async def ping(self) -> None:
        """Return when the database answers."""
        with READING:
            await self._client.admin.command("ping")

    async def server_version(self) -> str:
        """Return the version that the database says it is."""
        with READING:
            return str((await self._client.admin.command("buildInfo"))["version"])

    async def hello(self) -> Document:
        """Return what the database says of itself: its role, its set and its members."""
        with READING:
            return dict(await self._client.admin.command("hello"))

    def write_concern(self) -> Document:
        """Return what the driver waits for after each write."""
        return dict(self._events.write_concern.document)

    async def server_now_us(self) -> int:
        """Return the database's clock in microseconds since the epoch; it ticks in milliseconds."""
        now: datetime = (await self.hello())["localTime"]
        return round(now.timestamp() * 1000) * 1000

    async def ensure_indexes(self, table: Iterable[Index]) -> None:
        """Create the indexes that are missing. Raises StoreRefused if one exists otherwise."""
        by_name = attrgetter("collection")
        with WRITING:
            for collection, indexes in groupby(sorted(table, key=by_name), by_name):
                await self._db[collection].create_indexes([index_model(i) for i in indexes])

    async def collection_names(self) -> list[str]:
        """Return the names of the collections that exist."""
        with READING:
            return list(await self._db.list_collection_names())

    async def index_names(self, collection: str) -> set[str]:
        """Return the names of the indexes that exist on a collection."""
        with READING:
            return set(await self._db[collection].index_information())

    async def drop_database(self) -> None:
        """Remove everything. For tests and for a rebuild from nothing."""
        with WRITING:
            await self._client.drop_database(self.name)

    # -- reading --------------------------------------------------------------------------------

    async def find_one(
        self,
        collection: str,
        filter: Filter,
        *,
        sort: Sort | None = None,
        projection: Mapping[str, Any] | None = None,
    ) -> Document | None:
        """Return the first document that matches, or None."""
        with READING:
            found: Document | None = await self._db[collection].find_one(
                filter, projection, sort=sort
            )
        return found

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
        """Stream the documents that match; memory holds one batch. `limit` 0 means no limit."""
        chunk = batch_size or _CHUNK
        cursor = self._db[collection].find(
            filter, projection, sort=sort, limit=limit, batch_size=chunk
        )
        try:
            while cursor.alive:
                with READING:
                    documents = await cursor.to_list(chunk)
                for document in documents:
                    yield document
        finally:
            with suppress(PyMongoError):  # the server forgets an abandoned cursor by itself
                await cursor.close()

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
        """Return the documents that match, all in memory."""
        with READING:
            cursor = self._db[collection].find(
                filter, projection, sort=sort, limit=limit, skip=skip, batch_size=_AT_ONCE
            )
            return cast(list[Document], await cursor.to_list(None))

    async def find_ids(
        self,
        collection: str,
        ids: Iterable[Any],
        *,
        projection: Mapping[str, Any] | None = None,
    ) -> list[Document]:
        """Return the documents with these ids, as far as they exist, in no order."""
        wanted, found = list(dict.fromkeys(ids)), list[Document]()
        for start in range(0, len(wanted), _IDS_AT_ONCE):
            some = {"_id": {"$in": wanted[start : start + _IDS_AT_ONCE]}}
            found += await self.find_list(collection, some, projection=projection)
        return found

    async def count(self, collection: str, filter: Filter) -> int:
        """Return how many documents match."""
        with READING:
            return int(await self._db[collection].count_documents(filter))

    async def aggregate(
        self, collection: str, pipeline: Sequence[Mapping[str, Any]]
    ) -> list[Document]:
        """Run a pipeline and return its documents, all in memory."""
        with READING:
            cursor = await settled(self._db[collection].aggregate(list(pipeline)))
            return cast(list[Document], await cursor.to_list(None))

    async def watch(self, collections: Sequence[str]) -> AsyncGenerator[Document, None]:
        """Yield an empty document once watching, then one per change in these collections.

        A hint only: what changed must be read by a query. Any trouble, also a server without change
        streams, raises Unavailable; the caller goes on polling.
        """
        pipeline = [
            {"$match": {"ns.coll": {"$in": list(collections)}}},
            {"$project": {"_id": 1}},
        ]
        try:
            async with await settled(self._db.watch(pipeline)) as stream:
                await stream.try_next()  # opens the cursor: what changes from here on is seen
                yield {}
                async for _ in stream:
                    yield {}
        except PyMongoError as exc:
            raise Unavailable(f"cannot watch for changes: {exc}") from exc
        raise Unavailable("the change stream ended")

    # -- writing --------------------------------------------------------------------------------

    async def insert_events(self, docs: Sequence[Document]) -> None:
        """Insert events in order, in one command; all are durable when it returns.

        Raises BatchStopped when one was refused: those before it are durable, none after it landed.
        After OutcomeUnknown any prefix may have landed. Every document must bring its `_id`, so
        that the driver leaves it as it is.
        """
        if docs:
            with WRITING:
                await self._events.insert_many(docs, ordered=True)

    async def insert_one(self, collection: str, doc: Document) -> None:
        """Insert a document. Raises Duplicate."""
        with WRITING:
            await self._db[collection].insert_one(_own(doc))

    async def insert_many(self, collection: str, docs: Iterable[Document]) -> None:
        """Insert documents in order. Raises BatchStopped like `insert_events`."""
        documents = [_own(doc) for doc in docs]
        if documents:
            with WRITING:
                await self._db[collection].insert_many(documents, ordered=True)

    async def update_one(
        self, collection: str, filter: Filter, update: Update, *, upsert: bool = False
    ) -> int:
        """Update one document; return 1 if it was matched or upserted, else 0. Raises Duplicate."""
        with WRITING:
            result = await self._db[collection].update_one(filter, update, upsert=upsert)
        return int(result.matched_count) or int(result.upserted_id is not None)

    async def update_many(self, collection: str, filter: Filter, update: Update) -> int:
        """Update every document that matches and return how many did."""
        with WRITING:
            result = await self._db[collection].update_many(filter, update)
        return int(result.matched_count)

    async def find_one_and_update(
        self,
        collection: str,
        filter: Filter,
        update: Update,
        *,
        upsert: bool = False,
        sort: Sort | None = None,
    ) -> Document | None:
        """Update one document and return it as it is afterwards, or None. Raises Duplicate.

        An upsert never returns None: the embedded database does when two upserts race for one
        document, after it applied both, and that is reported as OutcomeUnknown.
        """
        with WRITING:
            found: Document | None = await self._db[collection].find_one_and_update(
                filter, update, upsert=upsert, sort=sort, return_document=ReturnDocument.AFTER
            )
        if found is None and upsert:
            raise OutcomeUnknown(f"an upsert into {collection} did not say what it did")
        return found

    async def bulk_update(
        self, collection: str, updates: Sequence[tuple[Filter, Update, bool]]
    ) -> int:
        """Apply (filter, update, upsert) to one document each, in no order.

        Returns how many were matched or upserted. An upsert that lost the race for its document
        counts as unmatched; any other refusal raises after the rest was applied.
        """
        if not updates:
            return 0
        operations = [UpdateOne(filter, update, upsert) for filter, update, upsert in updates]
        try:
            done = await self._db[collection].bulk_write(operations, ordered=False)
            result: Mapping[str, Any] = done.bulk_api_result
        except BulkWriteError as exc:
            raise_unless_lost_races(exc, [upsert for _, _, upsert in updates])
            result = exc.details
        except PyMongoError as exc:
            raise classify(exc, write=True) from exc
        return int(result["nMatched"]) + int(result["nUpserted"])

    async def delete_one(self, collection: str, filter: Filter) -> int:
        """Delete one document that matches; return 1 or 0."""
        with WRITING:
            return int((await self._db[collection].delete_one(filter)).deleted_count)

    async def delete_many(self, collection: str, filter: Filter) -> int:
        """Delete every document that matches and return how many there were."""
        with WRITING:
            return int((await self._db[collection].delete_many(filter)).deleted_count)

    async def next_id(self, name: str) -> int:
        """Return the next integer of a sequence: 1, 2, 3, … A lost answer leaves a gap."""
        while True:
            found = await self.find_one_and_update(
                "sequences", {"_id": name}, {"$inc": {"value": 1}}
            )
            if found is not None:
                return int(found["value"])
            with suppress(Duplicate):  # another process made the sequence at the same time
                await self.insert_one("sequences", {"_id": name, "value": 0})


def _own(doc: Document) -> Document:
    """Return a document that the driver may add an `_id` to without touching the caller's."""
    return doc if "_id" in doc else dict(doc)
