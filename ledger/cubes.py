"""Cubes: how events add up, by what, and what is counted.

Owns the dimensions and measures of a cell, the table of cubes, and the arithmetic of cells.
Promises that cells can be merged in any order and any grouping with the same result. Refuses
nothing; ledger/rollups.py keeps the cells.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add, or_
from typing import Any

from ledger.costs import by_channel
from ledger.events import Document

HOUR_US = 3_600 * 1_000_000
DAY_US = 24 * HOUR_US
QUARTER_US = HOUR_US // 4
MINUTE_US = 60 * 1_000_000
ACCOUNTS_PER_PAGE = 256

#: What a cell is about, in this order; None where a cube or an event does not say.
DIMENSIONS = ("type", "account", "key", "model", "channel", "group")
TYPE, ACCOUNT, KEY, MODEL, CHANNEL, GROUP = range(6)

# What was counted before version 3 of usage.charged, and what came with it: a page keeps only
# numbers, so a new class stands behind all others, and _WIDTH_BEFORE tells an older row.
_CLASSES = (
    "input",
    "cached",
    "cache_write",
    "audio_input",
    "image_input",
    "output",
    "reasoning",
    "audio_output",
    "image_output",
    "characters",
    "calls",
    "images",
    "seconds",
)
_CLASSES_SINCE = ("cache_write_1h", "web_searches", "file_searches")

#: What a cell counts, in this order. `amount_nano` is signed as in the events. A charge with
#: attempts on several channels has its costs where each attempt was, and is `tried` on those that
#: did not answer, with its amount in `tried_nano`. `first_tokens` is how many requests
#: `first_token_ms` sums. Then the first and the last time of recording, and a bit for each minute
#: of the hour (or hour of the day) in which something was counted. In cells of a quarter of an hour
#: `minutes` is how many events each of its minutes has: MINUTE_BITS each, the first ones lowest.
SUMMED = (
    "events",
    "amount_nano",
    "cost_nano",
    "requests",
    "latency_ms",
    "first_token_ms",
    "first_tokens",
    "tried",
    "tried_nano",
    *_CLASSES,
    *_CLASSES_SINCE,
)
MEASURES = (*SUMMED, "first_us", "last_us", "when", "minutes")
EVENTS, AMOUNT, COST, REQUESTS, LATENCY, FIRST_TOKEN, FIRST_TOKENS = range(7)
TRIED, TRIED_AMOUNT = 7, 8
_CLASS = {name: SUMMED.index(name) for name in (*_CLASSES, *_CLASSES_SINCE)}
FIRST, LAST, WHEN, MINUTES = range(len(SUMMED), len(SUMMED) + 4)
_WIDTH_BEFORE = len(MEASURES) - 1 - len(_CLASSES_SINCE)  # minutes were not counted either
NEVER_US = 2**62
MINUTE_BITS = 16  # beyond that they can't tell, and the events are read
_MINUTE_MASK = (1 << MINUTE_BITS) - 1
_OF_MINUTE = tuple(1 << MINUTE_BITS * number for number in range(QUARTER_US // MINUTE_US))

Key = tuple[Any, ...]
Cell = list[int]
Cells = dict[Key, Cell]


@dataclass(frozen=True, slots=True)
class Cube:
    """Cells by time and some dimensions.

    `span_us` is how long the time of a page is. `key` leaves out of a cell's key what the cube does
    not keep; `by` tells the partition, whose pages are found together, and of which each has one
    page for a time. With `blocks` a partition is only a part of everybody, so that no page grows
    big, and all of them are found together.
    """

    name: str
    span_us: int
    keeps: tuple[int, ...]
    key: Callable[[Key], Key]
    by: Callable[[Key], str]
    blocks: bool = False

    def shelf(self, partition: str) -> str:
        """Return the name under which the pages of a partition are found, in order of time."""
        return self.name if self.blocks or not partition else f"{self.name}:{partition}"


def _same(key: Key) -> Key:
    return key


def _account(key: Key) -> str:
    account: str = key[ACCOUNT]
    return account


def _without_people(key: Key) -> Key:
    return (key[0], None, None, key[3], key[4], key[5])


def _everybody(key: Key) -> str:
    return ""


def _people(key: Key) -> Key:
    return (key[0], key[1], key[2], None, None, None)


def _block(key: Key) -> str:
    number = key[ACCOUNT].rpartition(":")[2]
    return str(int(number) // ACCOUNTS_PER_PAGE) if number.isdigit() else "-"


_ALL = tuple(range(len(DIMENSIONS)))
_NO_PEOPLE = (TYPE, MODEL, CHANNEL, GROUP)

HOUR_ACCOUNT = Cube("hour.account", HOUR_US, _ALL, _same, _account)
HOUR_ALL = Cube("hour.all", HOUR_US, _NO_PEOPLE, _without_people, _everybody)
DAY_ACCOUNT = Cube("day.account", DAY_US, _ALL, _same, _account)
DAY_ALL = Cube("day.all", DAY_US, _NO_PEOPLE, _without_people, _everybody)
DAY_PEOPLE = Cube("day.people", DAY_US, (TYPE, ACCOUNT, KEY), _people, _block, blocks=True)
QUARTER_ALL = Cube("quarter.all", QUARTER_US, _NO_PEOPLE, _without_people, _everybody)

CUBES = (HOUR_ACCOUNT, HOUR_ALL, QUARTER_ALL, DAY_ACCOUNT, DAY_ALL, DAY_PEOPLE)


def empty_cell() -> Cell:
    """Return a cell without events."""
    return [*[0] * len(SUMMED), NEVER_US, 0, 0, 0]


def widened(cell: Cell) -> Cell:
    """Return a stored cell, without its minutes, with the classes that it was written without."""
    if len(cell) != _WIDTH_BEFORE:
        return cell
    return [*cell[:-3], *[0] * len(_CLASSES_SINCE), *cell[-3:]]


def merged(one: Cell, other: Cell) -> Cell:
    """Return the cell of the events of both."""
    cell = list(map(add, one, other))
    cell[FIRST] = min(one[FIRST], other[FIRST])
    cell[LAST] = max(one[LAST], other[LAST])
    cell[WHEN] = one[WHEN] | other[WHEN]
    return cell


def total(cells: Sequence[Cell]) -> Cell:
    """Return the cell of the events of all."""
    if not cells:
        return empty_cell()
    columns = list(zip(*cells, strict=True))
    times = [min(columns[FIRST]), max(columns[LAST]), reduce(or_, columns[WHEN])]
    return [*map(sum, columns[:FIRST]), *times, sum(columns[MINUTES])]


def by_minute(cell: Cell) -> list[int] | None:
    """Return how many events each minute of a quarter of an hour has.

    None when the cell can't tell: of a longer time, or (in part) of a version that did not count.
    """
    left, counts = cell[MINUTES], list[int]()
    for _ in _OF_MINUTE:
        counts.append(left & _MINUTE_MASK)
        left >>= MINUTE_BITS
    return counts if not left and sum(counts) == cell[EVENTS] else None


def minute_of(ts: int) -> int:
    """Return one event at this time, as a quarter's cell counts it."""
    return _OF_MINUTE[ts % QUARTER_US // MINUTE_US]


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any) -> int | None:
    return int(value) if isinstance(value, int) else None


def key_of(event: Document) -> Key:
    """Return which cell an event belongs to."""
    body = event["body"]
    get = body.get
    return (
        event["type"],
        event["account"],
        _number(get("key")),
        _text(get("model")),
        _number(get("channel")),
        _text(get("group")),
    )


def count(cell: Cell, event: Document) -> None:
    """Add an event to a cell, what it has on other channels, its bit and its minute excepted."""
    cell[EVENTS] += 1
    cell[AMOUNT] += event["amount"]
    ts = event["ts"]
    if ts < cell[FIRST]:
        cell[FIRST] = ts
    if ts > cell[LAST]:
        cell[LAST] = ts
    if event["type"] != "usage.charged":
        return
    body = event["body"]
    get = body.get
    cell[COST] += get("cost_nano") or 0
    cell[REQUESTS] += get("outcome") != "failed"
    for name, used in body["usage"].items():
        at = _CLASS.get(name)
        if at is not None:
            cell[at] += used
    latency = get("latency_ms")
    if latency:
        cell[LATENCY] += latency.get("total") or 0
        first = latency.get("first_token")
        if first is not None:
            cell[FIRST_TOKEN] += first
            cell[FIRST_TOKENS] += 1


def elsewhere(event: Document) -> dict[int, int]:
    """Return the costs of a charge's attempts on channels other than the one that answered."""
    body = event["body"]
    costs = by_channel(body)
    tried = {attempt["channel"] for attempt in body["attempts"]} - {body["channel"]}
    return {channel: costs.get(f"channel:{channel}", 0) for channel in tried}
