"""Documents in memory, with the operators that the books use and no others.

Every command is a generator: between two `yield`s it changes at most one document, as a database
does, so that whoever drives it can let other commands in between or stop midway. What is unknown
here raises NotImplementedError, and a differential test compares the rest with the real database.
"""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import Any

import orjson

from ledger.errors import BatchStopped, Duplicate
from ledger.indexes import INDEXES

Document = dict[str, Any]
Steps = Generator[None, None, Any]
Change = Callable[[str, Document | None, Document | None], None]
UNIQUE = {("events", "writer_seq"): ("writer", "seq")}
_MISSING = object()


def copied(document: Document) -> Document:
    """Return a document that shares nothing with the given one."""
    copy: Document = orjson.loads(orjson.dumps(document))
    return copy


def value_at(document: Mapping[str, Any], path: str) -> Any:
    """Return the value at a dotted path, or _MISSING."""
    value: Any = document
    for part in path.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return _MISSING
        value = value[part]
    return value


def _comparable(a: Any, b: Any) -> bool:
    return a is not _MISSING and a is not None and isinstance(a, str) == isinstance(b, str)


COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "$exists": lambda a, b: (a is not _MISSING) == bool(b),
    "$eq": lambda a, b: a == b,
    "$ne": lambda a, b: a is _MISSING or a != b,
    "$gt": lambda a, b: _comparable(a, b) and a > b,
    "$gte": lambda a, b: _comparable(a, b) and a >= b,
    "$lt": lambda a, b: _comparable(a, b) and a < b,
    "$lte": lambda a, b: _comparable(a, b) and a <= b,
    "$in": lambda a, b: a in b,
}


def matches(document: Document, wanted: Mapping[str, Any]) -> bool:
    """Tell whether a document satisfies a filter."""
    for path, condition in wanted.items():
        if path[0] == "$":
            if path != "$expr":
                raise NotImplementedError(path)
            if not evaluate(document, condition):
                return False
            continue
        value = document.get(path, _MISSING) if "." not in path else value_at(document, path)
        if isinstance(condition, dict):
            for operator, operand in condition.items():
                compare = COMPARE.get(operator)
                if compare is None:
                    raise NotImplementedError(operator)
                if not compare(value, operand):
                    return False
        elif value != condition and not (condition is None and value is _MISSING):
            return False
    return True


EVALUATE: dict[str, Callable[[list[Any]], Any]] = {
    "$add": sum,
    "$subtract": lambda values: values[0] - values[1],
    "$ifNull": lambda values: next((v for v in values if v is not None), None),
    "$gte": lambda values: values[0] >= values[1],
    "$gt": lambda values: values[0] > values[1],
    "$lte": lambda values: values[0] <= values[1],
    "$lt": lambda values: values[0] < values[1],
    "$eq": lambda values: values[0] == values[1],
    "$and": all,
    "$max": max,
}


def evaluate(document: Document, expression: Any) -> Any:
    """Return the value of an aggregation expression; a missing field is null."""
    if isinstance(expression, str) and expression.startswith("$"):
        value = value_at(document, expression[1:])
        return None if value is _MISSING else value
    if isinstance(expression, Mapping):
        ((operator, operands),) = expression.items()
        if operator not in EVALUATE:
            raise NotImplementedError(operator)
        return EVALUATE[operator]([evaluate(document, operand) for operand in operands])
    return expression


def _put(document: Document, path: str, change: Callable[[Any], Any]) -> None:
    *parents, last = path.split(".")
    for part in parents:
        document = document.setdefault(part, {})
    new = change(document.get(last, _MISSING))
    if new is _MISSING:
        document.pop(last, None)
    else:
        document[last] = new


UPDATE: dict[str, Callable[[Any], Callable[[Any], Any]]] = {
    "$set": lambda by: lambda old: by,
    "$inc": lambda by: lambda old: by if old is _MISSING else old + by,
    "$max": lambda by: lambda old: by if old is _MISSING or by > old else old,
    "$min": lambda by: lambda old: by if old is _MISSING or by < old else old,
    "$unset": lambda by: lambda old: _MISSING,
}


def updated(document: Document, update: Mapping[str, Any], *, inserting: bool) -> Document:
    """Return the document as an update leaves it."""
    document = copied(document)
    for operator, fields in update.items():
        if operator == "$setOnInsert":
            if not inserting:
                continue
            operator = "$set"
        if operator not in UPDATE:
            raise NotImplementedError(operator)
        for path, operand in fields.items():
            _put(document, path, UPDATE[operator](operand))
    return document


class Mongo:
    """One database. `changed(collection, before, after)` is called at every change."""

    def __init__(self, changed: Change) -> None:
        self.collections: dict[str, dict[Any, Document]] = {}
        self._changed = changed
        self._unique: dict[str, dict[tuple[Any, ...], Any]] = {}

    # -- commands, as steps -----------------------------------------------------------------------

    def insert(self, collection: str, documents: Sequence[bytes]) -> Steps:
        """Insert documents, as JSON, in order; stops at the first that is refused."""
        for position, document in enumerate(documents):
            try:
                self._insert(collection, orjson.loads(document))
            except Duplicate as error:
                raise BatchStopped(position, error) from None
            yield

    def insert_one(self, collection: str, document: bytes) -> Steps:
        """Insert one document, as JSON."""
        self._insert(collection, orjson.loads(document))
        yield

    def find(
        self,
        collection: str,
        wanted: Mapping[str, Any],
        *,
        sort: Sequence[tuple[str, int]] | None = None,
        projection: Mapping[str, Any] | None = None,
        limit: int = 0,
        skip: int = 0,
    ) -> Steps:
        """Return the documents that match now."""
        found = list(self._matching(collection, wanted))
        for path, direction in reversed(sort or ()):
            found.sort(key=lambda d: value_at(d, path), reverse=direction < 0)
        found = found[skip : skip + limit] if limit else found[skip:]
        yield
        return [_projected(document, projection) for document in found]

    def count(self, collection: str, wanted: Mapping[str, Any]) -> Steps:
        """Return how many documents match now."""
        yield
        return sum(1 for _ in self._matching(collection, wanted))

    def update(
        self,
        collection: str,
        wanted: Mapping[str, Any],
        update: Mapping[str, Any],
        upsert: bool = False,
    ) -> Steps:
        """Update one document and return it, or None when none matched."""
        done = self._update(collection, wanted, update, upsert)
        yield
        return None if done is None else copied(done)

    def update_many(
        self, collection: str, wanted: Mapping[str, Any], update: Mapping[str, Any]
    ) -> Steps:
        """Update all that match, each by itself, and return their number."""
        matched = list(self._matching(collection, wanted))
        for document in matched:
            now = self.collections[collection].get(document["_id"])
            if now is not None and matches(now, wanted):
                self._replace(collection, now, updated(now, update, inserting=False))
            yield
        return len(matched)

    def bulk(
        self, collection: str, updates: Iterable[tuple[Mapping[str, Any], Mapping[str, Any], bool]]
    ) -> Steps:
        """Apply each update by itself and return how many matched or were upserted."""
        matched = 0
        for wanted, update, upsert in updates:
            try:
                matched += self._update(collection, wanted, update, upsert) is not None
            except Duplicate:
                if not upsert:
                    raise
            yield
        return matched

    def delete(self, collection: str, wanted: Mapping[str, Any], limit: int = 0) -> Steps:
        """Delete what matches, up to `limit`, and return how many there were."""
        found = list(self._matching(collection, wanted))[: limit or None]
        for document in found:
            now = self.collections[collection].get(document["_id"])
            if now is not None and matches(now, wanted):
                del self.collections[collection][now["_id"]]
                self._changed(collection, now, None)
            yield
        return len(found)

    # -- one document -----------------------------------------------------------------------------

    def _matching(self, collection: str, wanted: Mapping[str, Any]) -> Iterable[Document]:
        documents = self.collections.get(collection, {})
        one = wanted.get("_id")
        if one is not None and not isinstance(one, Mapping):
            found = documents.get(one)
            return [found] if found is not None and matches(found, wanted) else []
        return (document for document in list(documents.values()) if matches(document, wanted))

    def _insert(self, collection: str, document: Document) -> Document:
        documents = self.collections.setdefault(collection, {})
        if document["_id"] in documents:
            raise Duplicate("_id_", document["_id"])
        for (where, name), fields in UNIQUE.items():
            if where == collection:
                key = tuple(document[field] for field in fields)
                taken = self._unique.setdefault(name, {})
                if key in taken:
                    raise Duplicate(name, key)
                taken[key] = document["_id"]
        documents[document["_id"]] = document
        self._changed(collection, None, document)
        return document

    def _update(
        self, collection: str, wanted: Mapping[str, Any], update: Mapping[str, Any], upsert: bool
    ) -> Document | None:
        for document in self._matching(collection, wanted):
            return self._replace(collection, document, updated(document, update, inserting=False))
        if not upsert:
            return None
        fresh: Document = {}
        for path, value in wanted.items():
            if not isinstance(value, Mapping):
                _put(fresh, path, lambda old, value=value: value)
        return self._insert(collection, updated(fresh, update, inserting=True))

    def _replace(self, collection: str, before: Document, after: Document) -> Document:
        self.collections[collection][before["_id"]] = after
        self._changed(collection, before, after)
        return after


def _projected(document: Document, projection: Mapping[str, Any] | None) -> Document:
    document = copied(document)
    if projection is None:
        return document
    kept: Document = {"_id": document["_id"]}
    for path, wanted in projection.items():
        if not wanted:
            raise NotImplementedError("a projection that leaves fields out")
        _keep(kept, document, path.split("."))
    return kept


def _keep(kept: Document, document: Document, path: list[str]) -> None:
    """Copy what is at a path, and what leads to it even if nothing is there."""
    first, *rest = path
    if first in document:
        if not rest:
            kept[first] = document[first]
        elif isinstance(document[first], dict):
            _keep(kept.setdefault(first, {}), document[first], rest)


def check_unique_indexes() -> None:
    """Fail when the product has a unique index on a simulated collection that is not known here."""
    for index in INDEXES:
        if index.unique and index.collection in ("events", "accounts", "positions", "writers"):
            fields = tuple(field for field, _ in index.keys)
            if UNIQUE.get((index.collection, index.name)) != fields:
                raise AssertionError(f"the simulation does not know {index}")
