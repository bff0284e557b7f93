"""Tables as files of an answer: CSV, JSONL and XLSX, however many rows there are.

Owns how a table goes out. Promises bounded memory also towards a slow client, that work ends when
the client has gone, and that a workbook is made in a thread, in a temporary file, and removed.
"""

import asyncio
import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

from tornado.iostream import StreamClosedError

from admin.base import ApiHandler
from admin.context import AdminContext
from ledger.tables import CSV, JSONL, Column, Values, lines
from ledger.xlsx import XLSX, write_workbook

CONTENT_TYPES = {
    "json": "application/json; charset=utf-8",
    CSV: "text/csv; charset=utf-8",
    JSONL: "application/jsonl; charset=utf-8",
    XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
#: The kinds of files that a table can be sent as.
TABLES = tuple(CONTENT_TYPES[form].partition(";")[0] for form in (CSV, JSONL, XLSX))
JSONL_TYPE = TABLES[1]
_CHUNK = 256 << 10
_BREATH = 100


class DownloadHandler(ApiHandler):
    """A handler whose answers may be long; its work ends with its client."""

    def initialize(self, context: AdminContext) -> None:
        """Take the dependencies; called by Tornado for each request."""
        super().initialize(context)
        self._gone = False
        self._work: asyncio.Task[None] | None = None

    def on_connection_close(self) -> None:
        """Stop working for a client that has left."""
        self._gone = True
        if self._work is not None:
            self._work.cancel()

    async def send_table(
        self,
        form: str,
        table: Sequence[Column],
        rows: AsyncGenerator[Values, None],
        *,
        name: str,
        title: str,
    ) -> None:
        """Answer rows as a file `name`.`form`; a workbook's sheets have the title."""
        watched = self.watched(rows)
        if form == XLSX:
            chunks: AsyncGenerator[Any, None] = workbook(table, watched, title=title)
        else:
            chunks = lines(form, table, watched)
        await self.send(chunks, CONTENT_TYPES[form], f"{name}.{form}")

    async def send(
        self, chunks: AsyncGenerator[Any, None], content_type: str, filename: str | None
    ) -> None:
        """Answer chunks of text or bytes as they come, as a file if it has a name."""
        self._work = asyncio.create_task(self.stream(chunks, content_type, filename))
        try:
            await asyncio.shield(self._work)
        except asyncio.CancelledError:
            self._work.cancel()
            await asyncio.wait([self._work])
            if not self._gone:
                raise
            self.context.log.info("the client left an export early")

    async def watched(self, rows: AsyncGenerator[Any, None]) -> AsyncGenerator[Any, None]:
        """Pass rows on, let others have their turn, and stop when the client has gone.

        A driver may swallow the cancellation that tells of it, hence the flag.
        """
        async with aclosing(rows):
            passed = 0
            async for row in rows:
                if self._gone:
                    raise StreamClosedError
                yield row
                passed += 1
                if passed % _BREATH == 0:
                    await asyncio.sleep(0)


async def workbook(
    table: Sequence[Column], rows: AsyncGenerator[Values, None], *, title: str
) -> AsyncGenerator[bytes, None]:
    """Write a workbook into a temporary file, then yield its bytes."""
    with tempfile.TemporaryDirectory(prefix="tollgate-") as directory:
        path = Path(directory) / "book.xlsx"
        await write_workbook(path, table, rows, title=title)
        with path.open("rb") as file:
            while chunk := await asyncio.to_thread(file.read, _CHUNK):
                yield chunk
