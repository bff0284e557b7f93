"""What all managers share: a collection of documents with integer ids, kept fresh, soft-deleted.

Every write moves `changed_us` (the database's clock, never backwards on one document), by which
other processes notice it. Deleted documents stay, marked, so that the books keep their names.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from gateway.directory.checks import Check, clean
from gateway.directory.errors import Conflict, Invalid, NotFound
from ledger.errors import Duplicate
from ledger.store import Store

T = TypeVar("T")
Document = dict[str, Any]

MAX_PAGE_SIZE = 1_000
_MAX_PAGE = 10_000_000
_FIELD_OF_INDEX = {
    "hash": "key",
    "access_token_hash": "access_token",
    "mailbox": "e-mail address",
    "_id_": "id",
}


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Part of a listing, and how many objects there are in all."""

    items: list[T]
    total: int


class Documents(Generic[T]):
    """Reads and writes of one collection. Subclasses say what a document means."""

    kind: ClassVar[str]
    collection: ClassVar[str]
    checks: ClassVar[Mapping[str, Check]]
    orders: ClassVar[Mapping[str, str]] = {"id": "_id"}
    searched: ClassVar[Sequence[str]] = ()
    filtered: ClassVar[Sequence[str]] = ()

    def __init__(self, store: Store, applied: Callable[[T], None]) -> None:
        """`applied` is told of every object that this process wrote, deleted ones included."""
        self._store = store
        self._applied = applied

    @staticmethod
    def read(doc: Document) -> T:
        """Turn a stored document into the object."""
        raise NotImplementedError

    async def get(self, object_id: int) -> T:
        """Read from the database. Raises NotFound, also for what was deleted."""
        doc = await self._store.find_one(
            self.collection, {"_id": _storable_id(object_id), "deleted": False}
        )
        if doc is None:
            raise NotFound(self.kind, object_id)
        return self.read(doc)

    async def get_many(self, ids: Sequence[int]) -> dict[int, T]:
        """Read several by id, deleted ones included (for the names in old records)."""
        docs = await self._store.find_ids(self.collection, ids)
        return {doc["_id"]: self.read(doc) for doc in docs}

    async def counts(self, field: str) -> dict[Any, int]:
        """Return how many there are by the value of a field."""
        pipeline: list[Document] = [
            {"$match": {"deleted": False}},
            {"$group": {"_id": f"${field}", "count": {"$sum": 1}}},
        ]
        rows = await self._store.aggregate(self.collection, pipeline)
        return {row["_id"]: row["count"] for row in rows}

    async def update(self, object_id: int, changes: Mapping[str, Any]) -> T:
        """Change the given fields and no others; returns the object as it is now.

        Raises Invalid (nothing was changed), Conflict, NotFound.
        """
        return await self._change(object_id, clean(self.checks, changes))

    async def delete(self, object_id: int) -> T:
        """Mark as deleted: it is no longer found, its id is never used again. Raises NotFound."""
        return await self._change(object_id, {"deleted": True})

    async def list(
        self,
        page: int = 0,
        page_size: int = 10,
        *,
        order: str = "",
        filters: Mapping[str, Any] | None = None,
    ) -> Page[T]:
        """Return a page (counted from 0), newest first, or by a name in `orders`, largest first.

        `filters` are equalities on the fields named in `filtered`. Raises Invalid.
        """
        return await self._page(self._filter(filters), page, page_size, order)

    async def search(
        self,
        keyword: str,
        page: int = 0,
        page_size: int = 10,
        *,
        order: str = "",
        filters: Mapping[str, Any] | None = None,
    ) -> Page[T]:
        """Like list, of those whose id is the keyword or whose names start with it, literally."""
        query = self._filter(filters)
        keyword = _printable("keyword", keyword.strip()[:100])
        if keyword:
            prefix = {"$regex": "^" + re.escape(keyword)}
            either: list[Document] = [{field: prefix} for field in self.searched]
            if keyword.isascii() and keyword.isdigit() and len(keyword) < 19:
                either.append({"_id": int(keyword)})
            query["$or"] = either
        return await self._page(query, page, page_size, order)

    def _filter(self, filters: Mapping[str, Any] | None) -> Document:
        query: Document = {"deleted": False}
        for field, value in (filters or {}).items():
            if field not in self.filtered:
                raise Invalid(field, "cannot be filtered by")
            if not isinstance(value, str | int):
                raise Invalid(field, "must be a text or a number")
            query[field] = _printable(field, value) if isinstance(value, str) else value
        return query

    async def _page(self, query: Document, page: int, page_size: int, order: str) -> Page[T]:
        if not 0 <= page <= _MAX_PAGE:
            raise Invalid("p", f"must be between 0 and {_MAX_PAGE}")
        if not 1 <= page_size <= MAX_PAGE_SIZE:
            raise Invalid("page_size", f"must be between 1 and {MAX_PAGE_SIZE}")
        column = self.orders.get(order or "id")
        if column is None:
            raise Invalid("order", f"must be one of {', '.join(self.orders)}")
        sort = [(column, -1)] if column == "_id" else [(column, -1), ("_id", -1)]
        docs = await self._store.find_list(
            self.collection, query, sort=sort, skip=page * page_size, limit=page_size
        )
        total = await self._store.count(self.collection, query)
        return Page([self.read(doc) for doc in docs], total)

    async def _insert(self, fields: Document, object_id: int | None = None) -> T:
        """Store a new document under the next id (or the given one). Raises Conflict."""
        if object_id is None:
            object_id = await self._store.next_id(self.collection)
        now_us = await self._store.server_now_us()
        doc = {
            "_id": object_id,
            **fields,
            "created_s": now_us // 1_000_000,
            "deleted": False,
            "changed_us": now_us,
        }
        try:
            await self._store.insert_one(self.collection, doc)
        except Duplicate as error:
            raise self._conflict(error) from None
        return self._tell(doc)

    async def _change(
        self, object_id: int, fields: Document, extra: Document | None = None, **expected: Any
    ) -> T:
        """Set stored fields where the document is there (and as `expected`)."""
        update: Document = {"$max": {"changed_us": await self._store.server_now_us()}}
        if fields:
            update["$set"] = fields
        update.update(extra or {})
        query = {"_id": _storable_id(object_id), "deleted": False, **expected}
        try:
            doc = await self._store.find_one_and_update(self.collection, query, update)
        except Duplicate as error:
            raise self._conflict(error) from None
        if doc is None:
            raise NotFound(self.kind, object_id)
        return self._tell(doc)

    def _tell(self, doc: Document) -> T:
        written = self.read(doc)
        self._applied(written)
        return written

    def _conflict(self, error: Duplicate) -> Conflict:
        """Unique indexes are named after the field they guard."""
        return Conflict(self.kind, _FIELD_OF_INDEX.get(error.index, error.index))


async def reserve_ids(store: Store, sequence: str, count: int) -> int:
    """Take `count` consecutive ids of a sequence and return the first."""
    while True:
        found = await store.find_one_and_update(
            "sequences", {"_id": sequence}, {"$inc": {"value": count}}
        )
        if found is not None:
            return int(found["value"]) - count + 1
        await _make_sequence(store, sequence)


async def reserve_up_to(store: Store, sequence: str, last: int) -> None:
    """See to it that a sequence never gives out an id up to `last`."""
    await _make_sequence(store, sequence)
    await store.update_one("sequences", {"_id": sequence}, {"$max": {"value": last}})


async def _make_sequence(store: Store, sequence: str) -> None:
    with suppress(Duplicate):
        await store.insert_one("sequences", {"_id": sequence, "value": 0})


def _printable(field: str, value: str) -> str:
    """Some texts, such as half a surrogate pair, cannot even be asked of the database."""
    if not value.isprintable():
        raise Invalid(field, "must not contain control characters")
    return value


def _storable_id(object_id: int) -> int:
    """Ids beyond 64 bits cannot be asked of the database; nothing has them."""
    return object_id if abs(object_id) < 2**63 else -1
