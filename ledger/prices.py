"""The price book.

Owns the versions of the prices: version N is the event `price:N`, which carries only what it
changes. Promises that the table in force is a function of the recorded events and the time: all
versions whose time has come, in the order in which they take effect. Refuses a change as a whole
when any part of it is malformed, and publishes nothing when nothing changes.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypedDict

from ledger.clock import Clock
from ledger.errors import InvalidPrices, KeyReused
from ledger.events import Draft, Receipt
from ledger.price_rows import Row, checked_name, checked_row, price_text, same_prices
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
        self._table = PriceTable(0, {}, {})
        self._next_us: int | None = None

    async def load(self, store: Reader) -> None:
        """Read all versions. Raises InvalidPrices when one between the first and last is gone."""
        events = await store.find_list("events", {"account": ACCOUNT})
        bodies = [event["body"] for event in events if event["type"] == "price.published"]
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
        found = False
        while True:
            event_id = f"price:{self.latest + 1}"
            event = await self._reader.find_one("events", {"_id": event_id})
            # Another call may have added the same version while this one was waiting.
            if event is None:
                break
            if event["body"]["version"] == self.latest + 1:
                self._bodies.append(event["body"])
                found = True
        if found:
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
        """Return the table of a version. Raises InvalidPrices when there is no such version."""
        if not 1 <= version <= self.latest:
            raise InvalidPrices(f"there is no price version {version}")
        order = self._in_order_of_effect()
        return _fold(order[: order.index(self._bodies[version - 1]) + 1])

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
    ) -> int:
        """Record a version that makes these changes, and return its number.

        `author` is the actor ("user:1"). Without `effective_us` (microseconds since the epoch) it
        takes effect at once. When nothing changes, nothing is recorded and the number of the
        version in force is returned. Raises InvalidPrices, before anything is written, when any
        part is malformed; BooksUnavailable when it can't be recorded.
        """
        rows = _checked_rows(set_rows, unset)
        ratios = _checked_groups(groups or (), unset_groups)
        if len(note) > MAX_NOTE:
            raise InvalidPrices(f"a note has at most {MAX_NOTE} characters")
        while True:
            effect_us = self._effect(effective_us)
            base = _fold([b for b in self._in_order_of_effect() if b["effective_us"] <= effect_us])
            changes = _differences(base, rows, unset, ratios, unset_groups)
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

    def _in_order_of_effect(self) -> list[dict[str, Any]]:
        return sorted(self._bodies, key=lambda body: (body["effective_us"], body["version"]))

    def _settle_table(self) -> None:
        now_us = self._clock.now_us()
        order = self._in_order_of_effect()
        self._table = _fold([body for body in order if body["effective_us"] <= now_us])
        later = [body["effective_us"] for body in order if body["effective_us"] > now_us]
        self._next_us = min(later, default=None)


def _fold(bodies: Iterable[Mapping[str, Any]]) -> PriceTable:
    table = PriceTable(0, {}, {})
    for body in bodies:
        table = table.changed(body["version"], body)
    return table


def _checked_rows(set_rows: Sequence[Mapping[str, Any]], unset: Sequence[str]) -> list[Row]:
    rows = [checked_row(row) for row in set_rows]
    _refuse_repeats([*(row["model"] for row in rows), *(checked_name(m, "model") for m in unset)])
    return rows


def _checked_groups(
    groups: Sequence[tuple[str, str]], unset: Sequence[str]
) -> list[tuple[str, str]]:
    ratios = [(checked_name(name, "group"), price_text(r, f"group {name}")) for name, r in groups]
    _refuse_repeats([*(name for name, _ in ratios), *(checked_name(n, "group") for n in unset)])
    return ratios


def _refuse_repeats(names: Sequence[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InvalidPrices(f"{name}: named twice in one change")
        seen.add(name)


def _differences(
    table: PriceTable,
    rows: Sequence[Row],
    unset: Sequence[str],
    ratios: Sequence[tuple[str, str]],
    unset_groups: Sequence[str],
) -> dict[str, Any]:
    changed_ratios = [[name, r] for name, r in ratios if table.groups.get(name) != r]
    return {
        "set": [
            row
            for row in rows
            if row["model"] not in table.rows or not same_prices(row, table.rows[row["model"]])
        ],
        "unset": [model for model in unset if model in table.rows],
        "groups": changed_ratios or None,
        "unset_groups": [name for name in unset_groups if name in table.groups],
    }
