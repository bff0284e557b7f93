"""The old system's log, brought along as history: gateway/directory/old_log.py keeps it.

Read by ids, a page at a time, so that memory holds one page however long the log is. A page is
written whole, and one that is there already gets the rows that it lacks: given again, an import
goes on where it was broken off and adds what came since; what was deleted there since stays here.
"""

import asyncio
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from gateway.directory.old_log import (
    COLLECTION,
    NOBODY,
    PAGE_IDS,
    OldRow,
    count_of,
    packed,
    page_id,
    unpacked,
)
from gateway.moving.connect import Connection, SourceError, connected
from gateway.moving.here import IMPORTS
from gateway.moving.values import seconds, text, whole, yes
from ledger.store import Store

TABLE = "logs"
_NEEDED = {"id", "user_id", "created_at"}
#: Columns, by what we call them; one of new-api counts seconds.
_TEXTS = {"content": 2_000, "username": 255, "token_name": 255, "model_name": 255}
_OTHERS = (
    "type quota prompt_tokens completion_tokens channel_id request_id elapsed_time use_time"
    " is_stream"
).split()

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Found:
    """What a log is before it is read. `columns` that are there are not kept."""

    rows: int
    not_kept: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Logs:
    """A log to bring along: where it is, and from when on (unix seconds)."""

    location: str
    since_s: int = 0

    def found(self) -> Found:
        """Look at it. Raises SourceError where it is no log of the family."""
        with connected(self.location) as connection:
            columns = _columns(connection)
            count = connection.rows(f"SELECT COUNT(*) FROM {_from(connection, self.since_s)}")
        known = _NEEDED | {*_TEXTS, *_OTHERS}
        not_kept = tuple(f"{TABLE}.{name}" for name in columns if name not in known)
        return Found(whole(count[0][0]), not_kept)

    def pages(self, first_page: int) -> Generator[list[OldRow], None, None]:
        """Yield the rows page by page, by ids. Raises SourceError."""
        with connected(self.location) as connection:
            wanted = [n for n in _columns(connection) if n in _NEEDED | {*_TEXTS, *_OTHERS}]
            names = ", ".join(map(connection.quoted, wanted))
            where, order = _from(connection, self.since_s), connection.quoted("id")
            first = first_page * PAGE_IDS
            while True:
                found = connection.rows(
                    f"SELECT {names} FROM {where} AND {order} >= {first}"
                    f" ORDER BY {order} LIMIT {PAGE_IDS}"
                )
                if not found:
                    return
                rows = [_row(dict(zip(wanted, row, strict=True))) for row in found]
                page = rows[0].id // PAGE_IDS
                first = (page + 1) * PAGE_IDS
                yield [row for row in rows if row.id < first]


class LogMover:
    """Brings one log along."""

    def __init__(
        self,
        store: Store,
        source: str,
        system: str,
        owners: set[int],
        say: Say,
        *,
        say_each_s: float = 5.0,
    ) -> None:
        self._store = store
        self._source = source
        self._system = system
        self._owners = owners
        self._say = say
        self._say_each_s = say_each_s

    async def run(self, logs: Logs, there: int) -> str:
        """Store all rows; returns what is here then. Raises SourceError if that is too little."""
        state = await self._store.find_one(IMPORTS, {"_id": self._source}) or {}
        before = state.get("logs") or {}
        # From an earlier time than last time: from the beginning.
        again = before.get("since_s", logs.since_s) > logs.since_s
        pages = logs.pages(0 if again else int(before.get("page", 0)))
        try:
            new = await self._pages(pages, logs, there)
        finally:
            with suppress(ValueError):  # a thread is reading yet: then it is closed behind it
                pages.close()
        here = await count_of(self._store, self._source)
        if here < there:
            raise SourceError(f"the log has {there} rows, and {here} are here: import again")
        return f"log: {here} rows are here as history, {new} of them new; no amount is made from it"

    async def _pages(self, pages: Iterator[list[OldRow]], logs: Logs, there: int) -> int:
        said, new = time.monotonic(), 0
        while (rows := await asyncio.to_thread(next, pages, None)) is not None:
            number = rows[0].id // PAGE_IDS
            new += await self._page(number, rows)
            mark = {"logs": {"page": number, "since_s": logs.since_s}}
            await self._store.update_one(IMPORTS, {"_id": self._source}, {"$set": mark})
            if time.monotonic() - said >= self._say_each_s:
                said = time.monotonic()
                self._say(f"log: {new} rows were stored now; {there} are there")
        return new

    async def _page(self, number: int, rows: list[OldRow]) -> int:
        """Store a page, and return how many rows came with it."""
        mine = {row.id: self._owned(row) for row in rows}
        key = {"_id": page_id(self._source, number)}
        known = await self._store.find_one(COLLECTION, key)
        if known is None:
            await self._store.insert_one(COLLECTION, self._packed(mine))
            return len(mine)
        mine |= {row.id: row for row in unpacked(known)}
        if len(mine) == known["count"]:
            return 0
        less = {**key, "count": known["count"]}
        await self._store.update_one(COLLECTION, less, {"$set": self._packed(mine)})
        return len(mine) - int(known["count"])

    def _packed(self, rows: dict[int, OldRow]) -> dict[str, Any]:
        return packed(self._source, self._system, [rows[number] for number in sorted(rows)])

    def _owned(self, row: OldRow) -> OldRow:
        return row if row.user_id in self._owners else replace(row, user_id=NOBODY)


def _columns(connection: Connection) -> list[str]:
    if TABLE not in connection.tables():
        raise SourceError(f"{connection.name} has no table {TABLE}; say --without-logs")
    connection.rows(f"SELECT * FROM {connection.quoted(TABLE)} WHERE 1 = 0")
    columns = connection.columns()
    if missing := _NEEDED - set(columns):
        what = ", ".join(sorted(missing))
        raise SourceError(f"{connection.name}: {TABLE} lacks {what}; say --without-logs")
    return columns


def _from(connection: Connection, since_s: int) -> str:
    table, number, column = map(connection.quoted, (TABLE, "id", "created_at"))
    since = f" AND {column} >= {since_s}" if since_s else ""
    return f"{table} WHERE {number} >= 0{since}"


def _row(row: dict[str, Any]) -> OldRow:
    texts = {name: text(row.get(name))[:most] for name, most in _TEXTS.items()}
    elapsed_ms = whole(row.get("elapsed_time")) or whole(row.get("use_time")) * 1_000
    return OldRow(
        id=whole(row["id"]),
        user_id=whole(row["user_id"]),
        created_s=seconds(row["created_at"]),
        type=whole(row.get("type")),
        content=texts["content"],
        username=texts["username"],
        key=texts["token_name"],
        model=texts["model_name"],
        quota=whole(row.get("quota")),
        prompt_tokens=whole(row.get("prompt_tokens")),
        completion_tokens=whole(row.get("completion_tokens")),
        channel=whole(row.get("channel_id")),
        request_id=text(row.get("request_id"))[:100],
        elapsed_ms=elapsed_ms,
        stream=yes(row.get("is_stream")),
    )
