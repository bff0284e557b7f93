"""Export: the events as text.

Owns the JSONL and CSV forms of the ledger. Promises one line per event, in the order of recording,
exact amounts, and constant memory however many events there are. Refuses unknown formats.
"""

import csv
import io
from collections.abc import AsyncIterator, Callable

import orjson

from ledger.errors import LedgerError
from ledger.events import Document, to_json
from ledger.scan import about, in_time
from ledger.store import Store

CSV_COLUMNS = (
    "id",
    "type",
    "account",
    "amount",
    "amount_nano",
    "at",
    "ts",
    "writer",
    "epoch",
    "seq",
    "actor",
    "body",
    "req_hash",
    "prev",
    "hash",
    "v",
)
_FORMULA_STARTS = ("=", "+", "@", "\t", "\r")


def jsonl_line(event: Document) -> str:
    """Return an event as one line of JSON in its outside form."""
    return orjson.dumps(to_json(event)).decode() + "\n"


def csv_line(event: Document) -> str:
    """Return an event as one line of CSV; the body is a JSON object in one cell."""
    outside = to_json(event)
    outside["body"] = orjson.dumps(outside["body"]).decode()
    return _csv([outside[column] for column in CSV_COLUMNS])


def _csv(cells: list[object]) -> str:
    """Write one row; an apostrophe disarms text that a spreadsheet would run as a formula."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(
        [f"'{c}" if isinstance(c, str) and c.startswith(_FORMULA_STARTS) else c for c in cells]
    )
    return buffer.getvalue()


_FORMATS: dict[str, tuple[str, Callable[[Document], str]]] = {
    "jsonl": ("", jsonl_line),
    "csv": (_csv(list(CSV_COLUMNS)), csv_line),
}
FORMATS = tuple(_FORMATS)


async def lines(
    store: Store,
    format: str,
    *,
    account: str | None = None,
    from_us: int | None = None,
    to_us: int | None = None,
) -> AsyncIterator[str]:
    """Yield the ledger line by line, oldest first.

    `account` keeps the events that concern one account; `from_us` (included) and `to_us` (not
    included) bound the time of recording, in microseconds since the epoch. Raises LedgerError for
    another format.
    """
    if format not in _FORMATS:
        raise LedgerError(f"unknown format {format!r}; choose one of {', '.join(FORMATS)}")
    header, write = _FORMATS[format]
    if header:
        yield header
    wanted = () if account is None else about(account)
    now_us = await store.server_now_us()
    async for event in in_time(store, *wanted, from_us=from_us, to_us=to_us, now_us=now_us):
        yield write(event)
