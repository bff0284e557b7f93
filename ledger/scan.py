"""Reading many events in the order of time, a bounded piece at a time.

Owns the windows of time in which events are read, and what is known of the ends of the books.
Promises constant memory and queries that ask for a closed range of an index, so that the database
never sorts or fetches more than a page, however many events there are. Refuses nothing.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from ledger.events import Document
from ledger.store import Store

FEW, MANY = 250, 2_000
FIRST_WINDOW_US = 60 * 1_000_000
SHORTEST_WINDOW_US = 1_000
STARTED_TOGETHER_US = 24 * 3_600 * 1_000_000
LONG_WINDOW_US = 3_600 * 1_000_000
LONGEST_WINDOW_US = 366 * 24 * 3_600 * 1_000_000
EXPECTED = 20_000
MOST = 2 * MANY


async def last_event(store: Store, writer: int) -> Document | None:
    """Return the event with a writer's highest number, or None.

    The search begins at the projection's watermark, behind which only a short tail can be.
    """
    position = await store.find_one("positions", {"_id": f"accounts:{writer}"})
    for start in dict.fromkeys((int(position["seq"]) if position else 0, 0)):
        tail = {"writer": writer, "seq": {"$gte": start}}
        last = await store.find_one("events", tail, sort=[("seq", -1)])
        if last is not None:
            return last
    return None


async def counts(store: Store) -> dict[int, int]:
    """Return how many events each writer has, writers that nobody registered included."""
    grouped = await store.aggregate(
        "events", [{"$group": {"_id": "$writer", "events": {"$sum": 1}}}]
    )
    return {int(group["_id"]): int(group["events"]) for group in sorted(grouped, key=_writer)}


def _writer(group: Document) -> int:
    return int(group["_id"])


async def total(store: Store) -> int:
    """Return how many events there are, from the writers' last numbers: they have no gaps."""
    slots = await store.find_list("writers", {})
    last = [await last_event(store, slot["_id"]) for slot in slots]
    return sum(int(event["seq"]) for event in last if event is not None)


async def birth_us(store: Store) -> int | None:
    """Return when the first event of all was recorded, or a time shortly before; None for none.

    Where the first event of a slot is gone, its next one can be only a little older than those of
    others: slots are taken in order.
    """
    slots = await store.find_list("writers", {}, projection={"_id": 1}, sort=[("_id", 1)])
    asked = [await store.find_one("events", {"writer": s["_id"], "seq": 1}) for s in slots]
    times = [int(first["ts"]) for first in asked if first is not None]
    if not times:
        return None
    return min(times) - (0 if len(times) == len(slots) else STARTED_TOGETHER_US)


def about(account: str, owner: str | None = None) -> tuple[Document, ...]:
    """Return the filters for the events that may concern an account, for `in_time`.

    Besides its own, these are the charges through a key or a channel, those that count in a budget
    or are paid from a lot, and what became of a code. Which of them move it, and by how much, is
    for `accounts.effects` to say. The `owner` of a key, if known, makes its charges much cheaper to
    find.
    """
    kind, _, name = account.partition(":")
    if owner is not None and kind == "key":
        return {"account": account}, {"account": owner, "body.key": int(name)}
    return ({"account": account}, *_ELSEWHERE.get(kind, _nowhere)(name))


def _nowhere(name: str) -> tuple[Document, ...]:
    return ()


def _of_key(name: str) -> tuple[Document, ...]:
    return ({"body.key": int(name)},) if name.isdigit() else ()


def _of_channel(name: str) -> tuple[Document, ...]:
    if not name.isdigit():
        return ()
    return {"body.channel": int(name)}, {"body.attempts.channel": int(name)}


def _of_code(name: str) -> tuple[Document, ...]:
    return {"_id": f"redeem:{name}"}, {"_id": f"revoke:{name}"}


def _of_budget(name: str) -> tuple[Document, ...]:
    owner, number = (name.split(":") + [""])[:2]
    return _of_key(number) if owner == "key" else ({"account": f"{owner}:{number}"},)


def _of_lot(name: str) -> tuple[Document, ...]:
    return ({"account": f"user:{name.partition(':')[0]}"},)


_ELSEWHERE: dict[str, Callable[[str], tuple[Document, ...]]] = {
    "key": _of_key,
    "channel": _of_channel,
    "code": _of_code,
    "budget": _of_budget,
    "lot": _of_lot,
}


async def in_time(
    store: Store,
    *alternatives: Mapping[str, Any],
    from_us: int | None = None,
    to_us: int | None = None,
    newest_first: bool = False,
    now_us: int,
) -> AsyncGenerator[Document, None]:
    """Yield the events that match any of the filters, in the order of (time of recording, id).

    Filters must not speak of `ts`; `from_us` is included, `to_us` is not. Without `to_us` events
    of clocks that run up to a minute ahead of `now_us` are included. Each filter is asked for by
    itself, since `$or` and `$and` keep some databases from using an index.
    """
    born = await birth_us(store)
    if born is None:
        return
    start = born if from_us is None else max(born, from_us)
    end = now_us + FIRST_WINDOW_US if to_us is None else min(to_us, now_us + FIRST_WINDOW_US)
    found = within(store, alternatives, start, end, newest_first=newest_first)
    async with aclosing(found):
        async for event in found:
            yield event


async def within(
    store: Store,
    alternatives: Sequence[Mapping[str, Any]],
    start: int,
    end: int,
    *,
    newest_first: bool = False,
    width: int = FIRST_WINDOW_US,
) -> AsyncGenerator[Document, None]:
    """Yield the events from `start` to before `end` that match any of the filters, like `in_time`.

    `width` is the first piece of time that is asked for; the next ones follow from what is found.
    """
    longest: int | None = None
    while start < end:
        cut = max(start, end - width) if newest_first else min(end, start + width)
        window = (cut, end) if newest_first else (start, cut)
        page = await _window(store, alternatives, *window)
        if page is None:
            width = max((window[1] - window[0]) // 8, SHORTEST_WINDOW_US)
            continue
        for event in reversed(page) if newest_first else page:
            yield event
        start, end = (start, cut) if newest_first else (cut, end)
        width = _next_width(width, len(page))
        if width > LONG_WINDOW_US:
            longest = await _longest_us(store) if longest is None else longest
            width = min(width, longest)


async def _longest_us(store: Store) -> int:
    """Return how long a piece of time may be, lest it hold far too many events to be asked for.

    That is judged by the average of the books: behind a long time without events there may be very
    many of them, and some databases fetch all that match before they hand out the first.
    """
    slots = await store.find_list("writers", {})
    found = [await last_event(store, slot["_id"]) for slot in slots]
    last = [event for event in found if event is not None]
    born = await birth_us(store)
    if born is None or not last:
        return LONGEST_WINDOW_US
    events = sum(int(event["seq"]) for event in last)
    lasted = max(int(event["ts"]) for event in last) - born
    return min(max(lasted * EXPECTED // events, FIRST_WINDOW_US), LONGEST_WINDOW_US)


async def _window(
    store: Store, alternatives: Sequence[Mapping[str, Any]], from_us: int, to_us: int
) -> list[Document] | None:
    """Return the events of a window in order; None when they are too many to hold at once."""
    found: dict[str, Document] = {}
    for wanted in alternatives or ({},):
        async with aclosing(matching(store, wanted, from_us, to_us)) as events:
            async for event in events:
                found[event["_id"]] = event
                if len(found) > MOST and to_us - from_us > SHORTEST_WINDOW_US:
                    return None
    return sorted(found.values(), key=lambda event: (event["ts"], event["_id"]))


async def at_times(
    store: Store, alternatives: Sequence[Mapping[str, Any]], times: Sequence[int]
) -> list[Document]:
    """Return the events recorded at one of some times that match any of the filters."""
    found: dict[str, Document] = {}
    for wanted in alternatives or ({},):
        asked, checked = _asked(wanted)
        for event in await store.find_list("events", {**asked, "ts": {"$in": list(times)}}):
            if matches(event, checked):
                found[event["_id"]] = event
    return list(found.values())


async def matching(
    store: Store,
    wanted: Mapping[str, Any],
    from_us: int,
    to_us: int,
) -> AsyncGenerator[Document, None]:
    """Yield the events from `from_us` to before `to_us` that match a filter, in no order.

    Of an account's events only those of the period are asked for, and the rest of the filter is
    looked at here: one more condition would keep some databases from using the whole index.
    """
    asked, checked = _asked(wanted)
    bounded = {**asked, "ts": {"$gte": from_us, "$lt": to_us}}
    async with aclosing(store.find("events", bounded)) as events:
        async for event in events:
            if matches(event, checked):
                yield event


def _asked(wanted: Mapping[str, Any]) -> tuple[Document, Document]:
    """Divide a filter into what the database is asked, and what is looked at afterwards."""
    here = all(_is_plain(condition) for condition in wanted.values())
    if not here or "_id" in wanted or "account" not in wanted:
        return dict(wanted), {}
    rest = {field: value for field, value in wanted.items() if field != "account"}
    return {"account": wanted["account"]}, rest


def _is_plain(condition: Any) -> bool:
    if isinstance(condition, Mapping):
        return set(condition) == {"$in"}
    return isinstance(condition, (str, int))


def matches(event: Document, wanted: Mapping[str, Any]) -> bool:
    """Tell whether an event matches a filter of plain values and `$in`, as the database would."""
    return all(_has(event, field.split("."), condition) for field, condition in wanted.items())


def _has(value: Any, path: Sequence[str], condition: Any) -> bool:
    if isinstance(value, list):
        return any(_has(one, path, condition) for one in value)
    if path:
        return isinstance(value, Mapping) and _has(value.get(path[0]), path[1:], condition)
    if isinstance(condition, Mapping):
        return value in condition["$in"]
    return bool(value == condition)


def _next_width(width: int, found: int) -> int:
    if found < FEW:
        return min(width * 4, LONGEST_WINDOW_US)
    if found > MANY:
        return max(width // 4, SHORTEST_WINDOW_US)
    return width
