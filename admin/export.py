"""Events as lines of a file, for a query of the management API."""

from collections.abc import AsyncGenerator, Callable
from typing import Any

from admin.events import Selection
from ledger.costs import without_costs
from ledger.export import CSV_COLUMNS, csv_line, jsonl_line
from ledger.store import Store

_WRITERS: dict[str, tuple[str, Callable[[dict[str, Any]], str]]] = {
    "jsonl": ("", jsonl_line),
    "csv": (",".join(CSV_COLUMNS) + "\n", csv_line),
}


async def csv_or_jsonl(
    store: Store, form: str, selection: Selection, *, own: bool
) -> AsyncGenerator[str, None]:
    """Yield the selected events line by line, oldest first, in constant memory.

    `own` leaves out what is the operator's business.
    """
    header, write = _WRITERS[form]
    if header:
        yield header
    async for event in selection.read(store):
        yield write(without_costs(event) if own else event)
