"""Events as rows of a file, for a query of the management API."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any

from admin.events import Selection
from admin.explain import for_owner
from ledger.archive_read import everything_in_time
from ledger.export import rows
from ledger.store import Store
from ledger.tables import Values


def event_rows(
    store: Store, selection: Selection, *, own: bool, archive_dir: Path | None
) -> AsyncGenerator[Values, None]:
    """Yield the selected events as rows, oldest first, in constant memory.

    `own` leaves out what is the operator's business; archived events are read in `archive_dir`.
    """
    events = everything_in_time(
        store,
        archive_dir,
        selection.read(store),
        *selection.filters,
        from_us=selection.from_us,
        to_us=selection.to_us,
    )
    return rows(_shown(events, own))


async def _shown(
    events: AsyncGenerator[dict[str, Any], None], own: bool
) -> AsyncGenerator[dict[str, Any], None]:
    async with aclosing(events):
        async for event in events:
            yield for_owner(event) if own else event
