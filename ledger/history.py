"""History: every event there is, in the order of recording, wherever it is kept now.

Owns the join of the events in the database with those in archives. Promises each event once and in
the order of (time of recording, id), in constant memory. Refuses a period from which events have
gone to an archive that is not at hand, rather than answer with a part of them.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

from ledger import scan
from ledger.archive_read import everything_in_time
from ledger.events import Document
from ledger.store import Store

Filters = Sequence[Mapping[str, Any]]


class History:
    """All events as of `now_us`, to be read by time as often as needed; made by `open`."""

    def __init__(self, store: Store, now_us: int, archive_dir: Path | None = None) -> None:
        self.store = store
        self.now_us = now_us
        self.archive_dir = archive_dir

    @classmethod
    async def open(cls, store: Store, archive_dir: Path | None = None) -> "History":
        """Look at the database's clock. Archives are looked for in `archive_dir`."""
        return cls(store, await store.server_now_us(), archive_dir)

    async def read(
        self, filters: Filters, *, from_us: int | None = None, to_us: int | None = None
    ) -> AsyncGenerator[Document, None]:
        """Yield the events that match any of the filters, oldest first.

        `from_us` is included, `to_us` is not; both are times of recording in microseconds. Raises
        ArchiveMissing when events of the period are not at hand, ArchiveChanged when some went to
        an archive meanwhile.
        """
        period: dict[str, Any] = {"from_us": from_us, "to_us": to_us}
        here = scan.in_time(self.store, *filters, **period, now_us=self.now_us)
        found = everything_in_time(self.store, self.archive_dir, here, *filters, **period)
        async with aclosing(found):
            async for event in found:
                yield event
