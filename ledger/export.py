"""Export: the events as rows of a file.

Owns the columns of an exported event. Promises one row per event, in the order of recording, exact
amounts, and constant memory however many events there are. Refuses unknown formats.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

from ledger import tables
from ledger.events import Document
from ledger.history import History
from ledger.scan import about
from ledger.store import Store
from ledger.tables import TEXT_FORMATS, Values, columns
from ledger.xlsx import XLSX

EVENTS = columns(
    *("id", "type", "account", "amount:money", "amount_nano:nano", "at:time", "ts:time"),
    *("writer:integer", "epoch:integer", "seq:integer", "actor", "body:object"),
    *("req_hash", "prev", "hash", "v:integer"),
)
FORMATS = (*TEXT_FORMATS, XLSX)
_STORED = {"id": "_id", "amount_nano": "amount"}
_FIELDS = tuple(_STORED.get(column.name, column.name) for column in EVENTS)


async def rows(events: AsyncGenerator[Document, None]) -> AsyncGenerator[Values, None]:
    """Turn events into rows of EVENTS; a field that an event does not show is empty."""
    async with aclosing(events):
        async for event in events:
            yield [event.get(field) for field in _FIELDS]


async def selected(
    store: Store,
    *,
    account: str | None = None,
    from_us: int | None = None,
    to_us: int | None = None,
    archive_dir: Path | None = None,
) -> AsyncGenerator[Document, None]:
    """Yield events, oldest first, also those that are in archives in `archive_dir`.

    `account` keeps the events that concern one account; `from_us` (included) and `to_us` (not
    included) bound the time of recording, in microseconds since the epoch.
    """
    history = await History.open(store, archive_dir)
    found = history.read(about(account) if account else (), from_us=from_us, to_us=to_us)
    async with aclosing(found):
        async for event in found:
            yield event


def lines(
    store: Store,
    form: str,
    *,
    account: str | None = None,
    from_us: int | None = None,
    to_us: int | None = None,
) -> AsyncGenerator[str, None]:
    """Yield the selected events line by line. Raises LedgerError for no text format."""
    events = selected(store, account=account, from_us=from_us, to_us=to_us)
    return tables.lines(form, EVENTS, rows(events))
