"""Reading archived events where they are now: in files.

Owns the questions that are asked of archives beside the database: the events of a period and an
account in the order of recording, and one event by its id. Promises to read only files whose
digest is the recorded one and which can hold an answer, in constant memory (newest first: in that
of one file a writer). Refuses to answer when the files are not at hand.
"""

import asyncio
import heapq
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from itertools import islice
from operator import eq, ge, gt, le, lt
from pathlib import Path
from typing import Any

import orjson

from ledger.archive_files import directory_name, is_pruned, segments_of, unchanged
from ledger.archived import ArchiveChanged, Archives
from ledger.errors import LedgerError
from ledger.events import Document
from ledger.segments import Segment, parse, read_lines
from ledger.store import Store

BATCH = 500

Filter = Mapping[str, Any]
Test = Callable[[Document], bool]

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "$eq": eq,
    "$gt": gt,
    "$gte": ge,
    "$lt": lt,
    "$lte": le,
    "$in": lambda value, among: value in among,
}


class ArchiveMissing(LedgerError):
    """The answer lies in an archive whose files are not at hand."""

    code = "archive_missing"


async def archived_in_time(
    store: Store,
    directory: Path | None,
    *alternatives: Filter,
    from_us: int | None = None,
    to_us: int | None = None,
    newest_first: bool = False,
    archives: Archives | None = None,
) -> AsyncGenerator[Document, None]:
    """Yield the events that are in files only and match any of the filters, by (ts, id).

    The counterpart of scan.in_time, with the same arguments; `directory` is where archives are
    kept. Raises ArchiveMissing when it is None or lacks an archive that overlaps the period.
    """
    archives = archives or await Archives.load(store)
    files = [
        (directory_name(number), segment, last_seq)
        for number in archives.numbers
        for segment, last_seq in await _overlapping(store, archives, number, from_us, to_us)
    ]
    if not files:
        return
    found = _merged(_at_hand(directory, files), alternatives, from_us, to_us, newest_first)
    while events := await asyncio.to_thread(_some, found):
        for event in events:
            yield event


def _some(events: Iterator[Document]) -> list[Document]:
    return list(islice(events, BATCH))


async def _overlapping(
    store: Store, archives: Archives, number: int, from_us: int | None, to_us: int | None
) -> list[tuple[Segment, int]]:
    """Return an archive's segments that overlap a period, with the last number of their range."""
    document = await store.find_one("archives", {"_id": number}, projection={"manifest": 1})
    found = []
    for segment in segments_of(document["manifest"]) if document else ():
        run = archives.at(segment.writer, segment.first_seq)
        inside = (from_us is None or segment.last_ts >= from_us) and (
            to_us is None or segment.first_ts < to_us
        )
        if run is not None and inside:
            found.append((segment, run.last_seq))
    return found


File = tuple[Path, Segment, int]


def _at_hand(directory: Path | None, files: list[tuple[str, Segment, int]]) -> list[File]:
    found = []
    for name, segment, last_seq in files:
        path = directory / name / segment.file if directory is not None else None
        if path is None or not path.exists():
            where = f" in {directory}" if directory is not None else " at hand"
            raise ArchiveMissing(
                f"events of this period are in {name}, which is not{where}; say where archives are"
                " kept (ARCHIVE_DIR), or restore it"
            )
        found.append((path, segment, last_seq))
    return found


def _merged(
    files: list[File],
    alternatives: Sequence[Filter],
    from_us: int | None,
    to_us: int | None,
    newest_first: bool,
) -> Iterator[Document]:
    """Merge the writers' events; each writer's are in the order of recording already."""
    by_writer: dict[int, list[File]] = {}
    for file in sorted(files, key=lambda f: f[1].first_seq, reverse=newest_first):
        by_writer.setdefault(file[1].writer, []).append(file)
    wanted, hints = matcher(alternatives), _hints(alternatives)
    period = from_us or 0, to_us

    def of_writer(files: list[File]) -> Iterator[Document]:
        for file in files:
            events = _matching(file, wanted, hints, period)
            yield from reversed(list(events)) if newest_first else events

    runs = [of_writer(by_writer[writer]) for writer in sorted(by_writer)]
    return heapq.merge(*runs, key=lambda e: (e["ts"], e["_id"]), reverse=newest_first)


def _matching(
    file: File, wanted: Test, hints: Sequence[bytes], period: tuple[int, int | None]
) -> Iterator[Document]:
    path, segment, last_seq = file
    unchanged(path, segment)
    from_us, to_us = period
    for number, line in read_lines(path):
        # Most lines are about somebody else; looking for bytes is much cheaper than parsing.
        if hints and not any(hint in line for hint in hints):
            continue
        event = parse(path, number, line)
        if to_us is not None and event["ts"] >= to_us:
            return
        if event["ts"] >= from_us and is_pruned(event, last_seq) and wanted(event):
            yield event


def matcher(alternatives: Sequence[Filter]) -> Test:
    """Return a test for "matches any of these filters", as the database understands them.

    Filters compare fields (with dots, into lists too) with values or by $eq, $gt, $gte, $lt, $lte
    and $in. Raises LedgerError for anything else.
    """
    tests = [_all(alternative) for alternative in alternatives]
    if not tests:
        return lambda event: True
    return lambda event: any(test(event) for test in tests)


def _all(wanted: Filter) -> Test:
    tests = [_field(name, condition) for name, condition in wanted.items()]
    return lambda event: all(test(event) for test in tests)


def _field(name: str, condition: object) -> Test:
    path = name.split(".")
    conditions = condition if isinstance(condition, Mapping) else {"$eq": condition}
    compare = []
    for operator, value in conditions.items():
        if name.startswith("$") or operator not in _COMPARE:
            raise LedgerError(f"archives can't be searched by {name} {operator}")
        compare.append((_COMPARE[operator], value))

    def test(event: Document) -> bool:
        values = list(_values(event, path))
        return all(any(_holds(how, value, to) for value in values) for how, to in compare)

    return test


def _holds(how: Callable[[Any, Any], bool], value: object, to: object) -> bool:
    try:
        return how(value, to)
    except TypeError:  # an order between text and numbers, or with nothing, is no match
        return False


def _values(value: object, path: Sequence[str]) -> Iterator[object]:
    if isinstance(value, list) and (not path or not path[0].isdigit()):
        for item in value:
            yield from _values(item, path)
    elif not path:
        yield value
    elif isinstance(value, Mapping):
        if path[0] in value:
            yield from _values(value[path[0]], path[1:])
        elif len(path) == 1:
            yield None


def _hints(alternatives: Sequence[Filter]) -> list[bytes]:
    """Return bytes of which a line must have some to match; none when that can't be said."""
    hints = []
    for wanted in alternatives:
        equal = [(k, v) for k, v in wanted.items() if isinstance(v, str | int)]
        if not equal:
            return []
        name, value = max(equal, key=lambda item: len(str(item[1])))
        hints.append(orjson.dumps({name.rpartition(".")[2]: value})[1:-1])
    return hints


async def merged(
    *sources: AsyncGenerator[Document, None], newest_first: bool = False
) -> AsyncGenerator[Document, None]:
    """Merge sources that are each in the order of (ts, id); an event of two comes once."""
    heads: list[Document | None] = [await anext(source, None) for source in sources]
    last: str | None = None
    choose = max if newest_first else min
    while any(head is not None for head in heads):
        waiting = [i for i, head in enumerate(heads) if head is not None]
        first = choose(waiting, key=lambda i: _place(heads[i]))
        event, heads[first] = heads[first], await anext(sources[first], None)
        if event is not None and event["_id"] != last:
            last = event["_id"]
            yield event


def _place(event: Document | None) -> tuple[int, str]:
    assert event is not None
    return int(event["ts"]), str(event["_id"])


async def everything_in_time(
    store: Store,
    directory: Path | None,
    present: AsyncGenerator[Document, None],
    *alternatives: Filter,
    from_us: int | None = None,
    to_us: int | None = None,
    newest_first: bool = False,
) -> AsyncGenerator[Document, None]:
    """Merge what scan.in_time finds (`present`) with what is in archives, each event once.

    Raises ArchiveChanged at the end when events were pruned or restored meanwhile, for then some
    may be missing.
    """
    archives = await Archives.load(store)
    gone = archived_in_time(
        store,
        directory,
        *alternatives,
        from_us=from_us,
        to_us=to_us,
        newest_first=newest_first,
        archives=archives,
    )
    async with aclosing(present), aclosing(gone):
        both = merged(present, gone, newest_first=newest_first) if archives.numbers else present
        async with aclosing(both):
            async for event in both:
                yield event
    if not await archives.still(store):
        raise ArchiveChanged("events went to an archive, or came back, meanwhile; try again")


async def find_event(store: Store, directory: Path | None, event_id: str) -> Document | None:
    """Return an event by its id, from the database or from an archive; None if there is none.

    Raises ArchiveMissing when it is in an archive that is not at hand.
    """
    event = await store.find_one("events", {"_id": event_id})
    if event is not None:
        return event
    archives = await Archives.load(store)
    place = await archives.find(store, event_id)
    run = archives.at(*place) if place is not None else None
    if place is None or run is None:
        return None
    document = await store.find_one("archives", {"_id": run.archive}, projection={"manifest": 1})
    for segment in segments_of(document["manifest"]) if document else ():
        if segment.writer == place[0] and segment.first_seq <= place[1] <= segment.last_seq:
            files = _at_hand(directory, [(directory_name(run.archive), segment, run.last_seq)])
            return await asyncio.to_thread(_at, files[0], event_id)
    return None


def _at(file: File, event_id: str) -> Document | None:
    wanted = [{"_id": event_id}]
    return next(_matching(file, matcher(wanted), _hints(wanted), (0, None)), None)
