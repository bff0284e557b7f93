"""Finding events: by account, time, type and what a log is filtered by.

Owns the selections. Promises that a user's selections stay inside the user's own account and keys,
that pages by cursor never repeat or skip an event that was there at the start, and that sums are
exact and equal the rows. Sums come from rollups, which also tell where the rows of a page are.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from admin.logbook import CONSUME, TEST, TEST_KEY, TYPES
from admin.owning import require_own
from admin.schemas.ledger import cursor_of, end_of_second
from gateway.directory.directory import Directory
from gateway.directory.keys import Key
from gateway.directory.users import User
from ledger import scan
from ledger.cubes import AMOUNT, EVENTS, TYPE
from ledger.events import Document
from ledger.recent import Recent
from ledger.seek import Seek
from ledger.store import Store
from ledger.totals import count_events, sums

Query = dict[str, Any]
MOST_KEYS = 1_000
MOST_OWNERS = 20


@dataclass(frozen=True, slots=True)
class Selection:
    """Events that match any of the filters (all events, if there is none) within a time."""

    filters: tuple[Query, ...] = ()
    from_us: int | None = None
    to_us: int | None = None

    def narrowed(self, **more: Any) -> "Selection":
        """Return the part of the selection that also matches these fields."""
        filters = tuple({**wanted, **more} for wanted in self.filters or ({},))
        return Selection(filters, self.from_us, self.to_us)

    def of_request(self, request: str) -> "Selection":
        """Return the part of the selection that one request made: its charge, by either's id."""
        ids = {"$in": [request, f"usage:{request}", f"reverse:usage:{request}"]}
        return self.narrowed(_id=ids)

    async def read(
        self, store: Store, *, newest_first: bool = False
    ) -> AsyncGenerator[Document, None]:
        """Yield the events in the order of (time of recording, id), or backwards."""
        found = scan.in_time(
            store,
            *self.filters,
            from_us=self.from_us,
            to_us=self.to_us,
            newest_first=newest_first,
            now_us=await store.server_now_us(),
        )
        async with aclosing(found):
            async for event in found:
                yield event

    async def page(
        self,
        store: Store,
        *,
        skip: int = 0,
        limit: int,
        newest_first: bool = True,
        recent: Recent | None = None,
    ) -> list[Document]:
        """Return some events, behind the first `skip`."""
        rows: list[Document] = []
        async with aclosing(await self._found(store, skip, limit, newest_first, recent)) as found:
            async for event in found:
                rows.append(event)
                if len(rows) == limit:
                    break
        return rows

    async def listed(
        self, store: Store, *, skip: int = 0, limit: int
    ) -> tuple[list[Document], int]:
        """Return a page, newest first, and how many events there are, as of one moment."""
        recent = await Recent.read(store)
        rows = await self.page(store, skip=skip, limit=limit, recent=recent)
        return rows, await self.count(store, recent=recent)

    async def _found(
        self, store: Store, skip: int, need: int, newest_first: bool, recent: Recent | None
    ) -> AsyncGenerator[Document, None]:
        now_us = await store.server_now_us()
        search = Seek(
            store,
            self.filters,
            self.from_us,
            self.to_us,
            newest_first=newest_first,
            now_us=now_us,
            recent=recent,
        )
        return search.rows(skip=skip, need=need)

    async def after(
        self, store: Store, cursor: str | None, *, limit: int, newest_first: bool
    ) -> list[Document]:
        """Return the events behind a cursor."""
        if cursor is None:
            return await self.page(store, limit=limit, newest_first=newest_first)
        ts, event_id = cursor_of(cursor)
        if newest_first:
            rest = Selection(self.filters, self.from_us, _least(self.to_us, ts + 1))
        else:
            rest = Selection(self.filters, max(self.from_us or 0, ts), self.to_us)
        rows: list[Document] = []
        async with aclosing(await rest._found(store, 0, limit + 1, newest_first, None)) as found:
            async for event in found:
                place = (event["ts"], event["_id"])
                if place < (ts, event_id) if newest_first else place > (ts, event_id):
                    rows.append(event)
                    if len(rows) == limit:
                        break
        return rows

    async def count(self, store: Store, *, recent: Recent | None = None) -> int:
        """Count the selected events, those in archives included."""
        known = await count_events(store, self.filters, self.from_us, self.to_us, recent=recent)
        if known is not None:
            return known
        count = 0
        async with aclosing(self.read(store)) as events:
            async for _ in events:
                count += 1
        return count

    async def charged(self, store: Store) -> tuple[int, int]:
        """Sum the charges among the selected events: nano-dollars and how many there are."""
        nano = count = 0
        found = await sums(store, self.filters, self.from_us, self.to_us, by=(TYPE,))
        if found is not None:
            for (kind,), cell in found.items():
                if kind in TYPES[CONSUME]:
                    nano -= cell[AMOUNT]
                    count += cell[EVENTS]
            return nano, count
        async with aclosing(self.read(store)) as events:
            async for event in events:
                if event["type"] in TYPES[CONSUME]:
                    nano -= event["amount"]
                    count += 1
        return nano, count


def _least(one: int | None, other: int) -> int:
    return other if one is None else min(one, other)


def about(account: str) -> tuple[Query, ...]:
    """Return filters for the events that concern an account."""
    return scan.about(account)


async def about_own(directory: Directory, user: User, account: str | None) -> tuple[Query, ...]:
    """Like `about`, for the user's own account or one of the user's keys, deleted ones included.

    Raises ValidationError for any other account, whether it exists or not.
    """
    if account is None:
        return ({"account": user.account},)
    await require_own(directory, user, account)
    return scan.about(account, user.account)


async def log_selection(
    directory: Directory, sent: Mapping[str, Any], own: User | None
) -> Selection:
    """Select what One API's log filters ask for; `own` keeps to one user's account."""
    query: Query = {} if own is None else {"account": own.account}
    if sent.get("username"):
        user = await directory.users.by_username(sent["username"])
        query["account"] = user.account if user else "user:0"
    if sent.get("type"):
        query["type"] = {"$in": list(TYPES[sent["type"]])}
    if sent.get("type") == TEST:
        query |= {"type": {"$in": list(TYPES[CONSUME])}, "body.key": TEST_KEY}
    if sent.get("model_name"):
        query["body.model"] = sent["model_name"]
    for name in ("channel", "group", "outcome"):
        if sent.get(name):
            query[f"body.{name}"] = sent[name]
    filters: tuple[Query, ...] = (query,) if query else ()
    if sent.get("token_name"):
        keys = await _keys_named(directory, sent["token_name"], own)
        filters = _of_keys(keys, query)
    end_us = sent.get("end_timestamp")
    return Selection(
        filters,
        sent.get("start_timestamp") or None,
        end_of_second(end_us) if end_us else None,
    )


async def search_selection(directory: Directory, keyword: str, own: User | None) -> Selection:
    """Select events by id, request id, model, key name or (for admins) user name, exactly."""
    either: list[Query] = [
        {"_id": keyword},
        {"_id": f"usage:{keyword}"},
        # What was asked about that request (gateway/relay/moderator.py); "." comes after "-".
        {"_id": {"$gt": f"usage:{keyword}-moderation-", "$lt": f"usage:{keyword}-moderation."}},
        {"body.model": keyword},
    ]
    keys = await _keys_named(directory, keyword, own)
    if keys:
        either.extend(_of_keys(keys, {}))
    if own is not None:
        return Selection(tuple({**wanted, "account": own.account} for wanted in either))
    user = await directory.users.by_username(keyword)
    if user is not None:
        either.append({"account": user.account})
    return Selection(tuple(either))


async def _keys_named(directory: Directory, name: str, own: User | None) -> list[Key]:
    """The keys with this name; several may share one."""
    filters = {} if own is None else {"user_id": own.id}
    found = await directory.keys.search(name, 0, MOST_KEYS, filters=filters)
    return [key for key in found.items if key.name == name]


def _of_keys(keys: Sequence[Key], query: Query) -> tuple[Query, ...]:
    """Narrow a query to keys, by owner: the events of an account are cheap to find."""
    owners: dict[str, list[int]] = {}
    for key in keys:
        owners.setdefault(f"user:{key.user_id}", []).append(key.id)
    account = query.get("account")
    if account is not None:
        owners = {account: owners.get(account, [])}
    if len(owners) > MOST_OWNERS or not owners:
        return ({**query, "body.key": {"$in": [key.id for key in keys]}},)
    return tuple(
        {**query, "account": owner, "body.key": {"$in": ids}} for owner, ids in owners.items()
    )
