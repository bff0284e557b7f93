"""The price book.

Owns the versions of the prices: version N is the event `price:N`, which carries only what it
changes. Promises that the table in force is a function of the recorded events and the time: all
versions whose time has come and that were not cancelled before, in the order in which they take
effect. Refuses a change as a whole when any part of it is malformed, publishes nothing when nothing
changes, and never takes back what may have been in force.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypedDict

import orjson

from ledger.clock import Clock
from ledger.errors import InvalidPrices, KeyReused
from ledger.events import Draft, Receipt
from ledger.price_changes import checked_groups, checked_rows, differences, restoring
from ledger.price_rows import Row
from ledger.price_table import PriceTable
from ledger.quote import Quote

ACCOUNT = "prices"
MAX_NOTE = 500
# How far the clocks of two machines may be apart. A version that is published at once takes effect
# no earlier than one published shortly before by a machine whose clock is ahead, so that the later
# publication wins.
MAX_SKEW_US = 60_000_000
MAX_EFFECTIVE_US = 2**53


class Changes(TypedDict, total=False):
    """What a version changes: the keyword arguments of `PriceBook.publish`."""

    set_rows: Sequence[Mapping[str, Any]]
    unset: Sequence[str]
    groups: Sequence[tuple[str, str]] | None
    unset_groups: Sequence[str]


class Reader(Protocol):
    """What the book needs of the store."""

    async def find_one(self, collection: str, filter: dict[str, Any]) -> dict[str, Any] | None: ...
    async def find_list(self, collection: str, filter: dict[str, Any]) -> list[dict[str, Any]]: ...


class Recorder(Protocol):
    """What publishing needs of the books."""

    async def record(self, draft: Draft) -> Receipt: ...


class PriceBook:
    """All published versions, and the table in force."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._reader: Reader | None = None
        self._bodies: list[dict[str, Any]] = []
        self._unsettled = False  # there are versions that the table does not know
        self._table = PriceTable(0, {}, {})
        self._next_us: int | None = None

    async def load(self, store: Reader) -> None:
        """Read all versions. Raises InvalidPrices when one between the first and last is gone."""
        events = await store.find_list("events", {"account": ACCOUNT})
        bodies = [_small(event["body"]) for event in events if event["type"] == "price.published"]
        bodies.sort(key=lambda body: int(body["version"]))
        for expected, body in enumerate(bodies, start=1):
            if body["version"] != expected:
                raise InvalidPrices(f"price version {expected} is missing from the events")
        self._reader = store
        self._bodies = bodies
        self._settle_table()

    async def refresh(self) -> None:
        """Read the versions that other processes published since."""
        if self._reader is None:
            raise InvalidPrices("the price book was not loaded")
        while True:
            event_id = f"price:{self.latest + 1}"
            event = await self._reader.find_one("events", {"_id": event_id})
            # Another call may have added the same version while this one was waiting.
            if event is None:
                break
            if event["body"]["version"] == self.latest + 1:
                self._bodies.append(_small(event["body"]))
                self._unsettled = True
        # Also what another call has added, which may still be looking for more.
        if self._unsettled:
            self._settle_table()

    @property
    def latest(self) -> int:
        """The number of the last published version, in force or not."""
        return len(self._bodies)

    @property
    def version(self) -> int:
        """The number of the version in force; 0 when nothing was ever published."""
        return self.table().version

    def table(self) -> PriceTable:
        """Return the table in force now."""
        if self._next_us is not None and self._clock.now_us() >= self._next_us:
            self._settle_table()
        return self._table

    def table_of(self, version: int) -> PriceTable:
        """Return the table of a version; of a cancelled one, what it would have been.

        Raises InvalidPrices when there is no such version.
        """
        return _fold(self.made_of(version))

    def made_of(self, version: int) -> list[dict[str, Any]]:
        """Return the bodies that a version's table is made of, in order. Raises as `table_of`."""
        wanted = self.body(version)
        order = self._in_order_of_effect(besides=version)
        return order[: order.index(wanted) + 1]

    def body(self, version: int) -> dict[str, Any]:
        """Return what a version says, not to be changed. Raises InvalidPrices as `table_of`."""
        if not 1 <= version <= self.latest:
            raise InvalidPrices(f"there is no price version {version}")
        return self._bodies[version - 1]

    def state(self, version: int) -> str:
        """Tell whether a version is in force, planned, cancelled or past."""
        if version in self._cancelled():
            return "cancelled"
        if self.body(version)["effective_us"] > self._clock.now_us():
            return "planned"
        return "in force" if version == self.version else "past"

    def versions(self) -> list[dict[str, Any]]:
        """Return the bodies of all versions, oldest first, not to be changed."""
        return list(self._bodies)

    def quote(
        self,
        model: str,
        group: str,
        channel_type: int | None = None,
        *,
        allow_unpriced: bool = False,
    ) -> Quote:
        """Return the price in force of a model for a group. Raises PriceMissing (see the table)."""
        return self.table().quote(model, group, channel_type, allow_unpriced=allow_unpriced)

    def rows(self) -> list[Row]:
        """Return the rows in force, by model name."""
        rows = self.table().rows
        return [rows[model] for model in sorted(rows)]

    def groups(self) -> dict[str, str]:
        """Return the group ratios in force, as decimal strings."""
        return dict(self.table().groups)

    async def publish(
        self,
        books: Recorder,
        *,
        author: str,
        note: str,
        set_rows: Sequence[Mapping[str, Any]] = (),
        unset: Sequence[str] = (),
        groups: Sequence[tuple[str, str]] | None = None,
        unset_groups: Sequence[str] = (),
        effective_us: int | None = None,
        expected: Mapping[str, Row | None] | None = None,
    ) -> int:
        """Record a version that makes these changes, and return its number.

        `author` is the actor ("user:1"). Without `effective_us` (microseconds since the epoch) it
        takes effect at once. When nothing changes, nothing is recorded and the number of the
        version in force is returned. `expected` are rows (None for no row) that must still be
        there as this version takes effect. Raises InvalidPrices, before anything is written, when
        any part is malformed or not as expected; BooksUnavailable when it can't be recorded.
        """
        rows = checked_rows(set_rows, unset)
        ratios = checked_groups(groups or (), unset_groups)

        def changes(base: PriceTable) -> dict[str, Any]:
            for model, row in (expected or {}).items():
                if base.rows.get(model) != row:
                    raise InvalidPrices(f"{model}: its price was changed meanwhile; look again")
            return differences(base, rows, unset, ratios, unset_groups)

        return await self._record(books, author, note, effective_us, changes)

    async def roll_back(
        self,
        books: Recorder,
        version: int,
        *,
        author: str,
        note: str,
        effective_us: int | None = None,
    ) -> int:
        """Publish a version that restores the whole table of another, and return its number.

        Nothing is recorded when that table is in force. Planned versions stay planned. Raises as
        `publish`.
        """
        table = self.table_of(version)

        def changes(base: PriceTable) -> dict[str, Any]:
            return restoring(base, table, version)

        return await self._record(books, author, note, effective_us, changes)

    async def cancel(self, books: Recorder, version: int, *, author: str, note: str) -> int:
        """Publish that a planned version will not take effect, and return that version's number.

        Raises InvalidPrices unless it is planned and at least MAX_SKEW_US away: by then every
        process must have heard of it, however its clock goes. Otherwise as `publish`.
        """

        def changes(base: PriceTable) -> dict[str, Any]:
            if version in self._cancelled():
                raise InvalidPrices(f"price version {version} is cancelled already")
            if self.body(version)["effective_us"] <= self._clock.now_us() + MAX_SKEW_US:
                raise InvalidPrices(
                    f"price version {version} is in force, or will be within a minute; roll back"
                    " to the version before instead"
                )
            return {"set": [], "unset": [], "groups": None, "unset_groups": [], "cancels": version}

        return await self._record(books, author, note, None, changes)

    async def _record(
        self,
        books: Recorder,
        author: str,
        note: str,
        effective_us: int | None,
        change: Callable[[PriceTable], dict[str, Any]],
    ) -> int:
        """Record the next version; `change` says what it changes of the table it follows on."""
        if len(note) > MAX_NOTE:
            raise InvalidPrices(f"a note has at most {MAX_NOTE} characters")
        while True:
            effect_us = self._effect(effective_us)
            base = _fold([b for b in self._in_order_of_effect() if b["effective_us"] <= effect_us])
            changes = change(base)
            if not any(changes.values()):
                return self.version
            number = self.latest + 1
            body = {
                "version": number,
                "effective_us": effect_us,
                "author": author,
                "note": note,
                **changes,
            }
            draft = Draft(f"price:{number}", "price.published", ACCOUNT, 0, author, body)
            try:
                await books.record(draft)
            except KeyReused:
                await self.refresh()
                continue
            await self.refresh()
            return number

    def _effect(self, wanted_us: int | None) -> int:
        now_us = self._clock.now_us()
        if wanted_us is not None and not now_us - MAX_SKEW_US <= wanted_us <= MAX_EFFECTIVE_US:
            raise InvalidPrices("prices can't take effect in the past")
        recent: list[int] = [
            body["effective_us"]
            for body in self._bodies
            if body["effective_us"] <= now_us + MAX_SKEW_US
        ]
        return max(now_us, wanted_us or 0, *recent)

    def _cancelled(self) -> set[int]:
        return {body["cancels"] for body in self._bodies if body.get("cancels")}

    def _in_order_of_effect(self, *, besides: int | None = None) -> list[dict[str, Any]]:
        """Order all versions but the cancelled ones, of which `besides` is kept."""
        out = self._cancelled() - {besides}
        bodies = [body for body in self._bodies if body["version"] not in out]
        return sorted(bodies, key=lambda body: (body["effective_us"], body["version"]))

    def _settle_table(self) -> None:
        self._unsettled = False
        now_us = self._clock.now_us()
        order = self._in_order_of_effect()
        self._table = _fold([body for body in order if body["effective_us"] <= now_us])
        later = [body["effective_us"] for body in order if body["effective_us"] > now_us]
        self._next_us = min(later, default=None)


def _small(body: dict[str, Any]) -> dict[str, Any]:
    """Return a version's body as an equal one that shares its fields' names, and half as big."""
    same: dict[str, Any] = orjson.loads(orjson.dumps(body))
    return same


def _fold(bodies: Iterable[Mapping[str, Any]]) -> PriceTable:
    table = PriceTable(0, {}, {})
    for body in bodies:
        table = table.changed(body["version"], body)
    return table
