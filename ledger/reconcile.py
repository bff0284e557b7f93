"""Reconciliation: an upstream's export against the charges that went through its channel.

Owns the matching and its report. Promises that every row of the export and every charge of the
period is in exactly one class (matched, differing, missing here, missing there; outside the period;
malformed), that the totals are those of the rows, and bounded memory: both sides lie in a temporary
database on disk that goes with the object. Writes nothing to the books. Refuses to guess a period:
without times in the export it must be given.

By id: rows with an upstream request id meet the charge that holds it. The rest, where one side has
no id, meet by tokens (or cost) and model within some seconds, nearest first; what is left over
meets the nearest of the same model, and differs.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ledger.events import Document
from ledger.history import History
from ledger.quote import INPUT_CLASSES, OUTPUT_CLASSES
from ledger.reconcile_match import (
    DIFFERING,
    MATCHED,
    MISSING_HERE,
    MISSING_THERE,
    Matching,
)
from ledger.tables import columns
from ledger.usage_export import BadExport, BadRow, Columns, read_export

CHUNK = 1_000
BUCKET_US = 60 * 1_000_000
# An upstream may date a request at its beginning, and a charge may be recorded late.
SLACK_US = 3_600 * 1_000_000
MALFORMED, OUTSIDE = "malformed", "outside"
CLASSES = (MATCHED, DIFFERING, MISSING_HERE, MISSING_THERE, OUTSIDE, MALFORMED)
SHOWN_BAD = 1_000

REPORT = columns(
    "class",
    "how",
    "line:integer",
    "event",
    "request_id_there",
    "request_id_here",
    "model_there",
    "model_here",
    "time_there:time",
    "time_here:time",
    "input_there:integer",
    "input_here:integer",
    "output_there:integer",
    "output_here:integer",
    "cost_there:money",
    "cost_here:money",
    "cost_difference:money",
    "charged:money",
    "differences",
)

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to reconcile. Times are in microseconds, `to_us` is not included.

    `match` is "id" (where both sides have ids) or "time" (never by id); charges and rows that meet
    by time are at most `bucket_us` apart.
    """

    channel: int
    mapping: Columns
    from_us: int | None = None
    to_us: int | None = None
    match: str = "id"
    bucket_us: int = BUCKET_US


class Reconciliation:
    """A finished reconciliation; `close` removes its temporary database."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.from_us = wanted.from_us
        self.to_us = wanted.to_us
        self.malformed: list[BadRow] = []
        self._malformed = self._outside = 0
        self._matching = Matching()

    def close(self) -> None:
        """Remove what lies on disk."""
        self._matching.close()

    def __enter__(self) -> "Reconciliation":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    @property
    def agrees(self) -> bool:
        """Tell whether both sides say the same."""
        totals = self.totals()
        doubtful = (DIFFERING, MISSING_HERE, MISSING_THERE, MALFORMED)
        return not any(totals[name]["count"] for name in doubtful)

    def totals(self) -> dict[str, dict[str, Any]]:
        """Return the number of rows and the sums of each class."""
        return {
            **self._matching.totals(),
            OUTSIDE: {"count": self._outside},
            MALFORMED: {"count": self._malformed},
        }

    def rows(self, *classes: str, limit: int | None = None) -> Iterator[Sequence[Any]]:
        """Yield the rows of some classes, in the columns of REPORT, at most `limit` of each."""
        for name in classes or CLASSES:
            if name == MALFORMED:
                for bad in self.malformed[:limit]:
                    yield (MALFORMED, None, bad.line, *(None,) * 15, bad.message)
            elif name != OUTSIDE:
                yield from islice(self._matching.rows(name), limit)

    async def load_export(self, lines: Iterable[str], progress: Progress | None) -> None:
        """Read the export. Raises BadExport."""
        rows, read = read_export(lines, self.wanted.mapping), 0
        while chunk := await asyncio.to_thread(lambda: list(islice(rows, CHUNK))):
            good = []
            for row in chunk:
                if isinstance(row, BadRow):
                    self._malformed += 1
                    if len(self.malformed) < SHOWN_BAD:
                        self.malformed.append(row)
                elif self._is_outside(row.time_us):
                    self._outside += 1
                else:
                    good.append(row)
            await asyncio.to_thread(self._matching.add_theirs, good)
            read += len(chunk)
            if progress is not None:
                progress(read)
        self._choose_period()

    def _is_outside(self, time_us: int | None) -> bool:
        if time_us is None:
            return False
        early = self.from_us is not None and time_us < self.from_us
        return early or (self.to_us is not None and time_us >= self.to_us)

    def _choose_period(self) -> None:
        """Take the period from the export where it wasn't given. Raises BadExport."""
        first, last = self._matching.span()
        if self.from_us is None:
            self.from_us = first
        if self.to_us is None and last is not None:
            self.to_us = last + 1
        if self.from_us is None or self.to_us is None:
            raise BadExport("give the period, from and to: the export says no times")

    async def load_charges(self, history: History, progress: Progress | None) -> None:
        """Read the charges of the channel in the period, and a little around it."""
        assert self.from_us is not None and self.to_us is not None
        slack, read = max(SLACK_US, self.wanted.bucket_us), 0
        pages = _charges(history, self.wanted.channel, self.from_us - slack, self.to_us + slack)
        async with aclosing(pages):
            async for page in pages:
                ours = [self._ours(event) for event in page]
                await asyncio.to_thread(self._matching.add_ours, ours)
                read += len(page)
                if progress is not None:
                    progress(read)

    def _ours(self, event: Document) -> tuple[Any, ...]:
        assert self.from_us is not None and self.to_us is not None
        body, usage = event["body"], event["body"]["usage"]
        return (
            event["_id"],
            body.get("upstream_request_id"),
            body["served_model"],
            event["at"],
            sum(int(usage.get(name, 0)) for name in INPUT_CLASSES),
            sum(int(usage.get(name, 0)) for name in OUTPUT_CLASSES),
            _cost(body, self.wanted.channel),
            -int(event["amount"]),
            int(self.from_us <= event["at"] < self.to_us),
        )

    async def match(self) -> None:
        """Bring both sides together."""
        wanted = self.wanted
        compared = [f for f in ("model", "input", "output", "cost") if f in wanted.mapping]
        await asyncio.to_thread(
            self._matching.match, compared, wanted.match == "id", wanted.bucket_us
        )


async def reconcile(
    history: History, lines: Iterable[str], wanted: Wanted, *, progress: Progress | None = None
) -> Reconciliation:
    """Compare an export, given as lines of CSV, with the charges of a channel.

    `progress` is told how many rows of either side were read. Close what is returned. Raises
    BadExport, StoreError, and ArchiveMissing when charges of the period are not at hand.
    """
    result = Reconciliation(wanted)
    try:
        await result.load_export(lines, progress)
        await result.load_charges(history, progress)
        await result.match()
    except BaseException:
        result.close()
        raise
    return result


async def _charges(
    history: History, channel: int, from_us: int, to_us: int
) -> AsyncGenerator[list[Document], None]:
    query: Mapping[str, Any] = {"type": "usage.charged", "body.channel": channel}
    page: list[Document] = []
    found = history.read([query], from_us=max(0, from_us), to_us=to_us)
    async with aclosing(found):
        async for event in found:
            page.append(event)
            if len(page) == CHUNK:
                yield page
                page = []
    if page:
        yield page


def _cost(body: Document, channel: int) -> int | None:
    """Return what this channel's attempts cost by our books; None when that isn't known."""
    known = [
        int(attempt["cost_nano"])
        for attempt in body.get("attempts") or ()
        if attempt["channel"] == channel and "cost_nano" in attempt
    ]
    return sum(known) if known else None
