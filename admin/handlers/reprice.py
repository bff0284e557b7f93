"""Re-pricing: what a period would have cost under other prices. Writes nothing."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, ClassVar

import orjson

from admin.base import ApiHandler, Takes
from admin.downloads import JSONL_TYPE
from admin.schemas.corrections import RepriceBody
from gateway.directory.channel_types import channel_types
from gateway.directory.users import ROLE_ADMIN
from ledger.history import History
from ledger.price_edits import FIELDS, edited
from ledger.price_table import PriceTable
from ledger.reprice import Repriced, reprice

_PROGRESS_S = 1.0


class RepriceHandler(ApiHandler):
    """POST /api/ledger/reprice."""

    access: ClassVar[dict[str, int]] = {"POST": ROLE_ADMIN}
    takes: ClassVar[Takes] = {"POST": RepriceBody}
    downloads: ClassVar[tuple[str, ...]] = (JSONL_TYPE,)

    async def post(self) -> None:
        """Answer totals and differences; with `stream`, lines of progress and then the result."""
        sent = self.body()
        book = self.context.books.prices
        await book.refresh()
        table = book.table_of(sent["version"]) if "version" in sent else book.table()
        edits = {name: sent[name] for name in FIELDS if sent.get(name)}
        if edits:
            table = edited(table, edits)
        head = {"version": table.version, "edited": bool(edits)}
        if not sent["stream"]:
            self.ok({**head, **await self._named(await self._reprice(table, sent, [0]))})
            return
        await self.stream(self._lines(table, sent, head), "application/jsonl", "reprice.jsonl")

    async def _reprice(self, table: PriceTable, sent: dict[str, Any], read: list[int]) -> Repriced:
        store = self.context.books.store

        def progress(count: int) -> None:
            read[0] = count

        return await reprice(
            await History.open(store, self.context.archive_dir),
            table,
            await channel_types(store),
            from_us=sent.get("from_us"),
            to_us=sent.get("to_us"),
            progress=progress,
        )

    async def _named(self, result: Repriced) -> dict[str, Any]:
        """The result in its outside form, with the names of its users."""
        said = result.to_json()
        ids = [int(row["account"].partition(":")[2]) for row in said["users"]]
        users = await self.context.directory.users.get_many(ids)
        names = {user.account: user.username for user in users.values()}
        for row in (*said["users"], *said["users_and_models"]):
            row["username"] = names.get(row["account"], "")
        return said

    async def _lines(
        self, table: PriceTable, sent: dict[str, Any], head: dict[str, Any]
    ) -> AsyncGenerator[str, None]:
        read = [0]
        work = asyncio.create_task(self._reprice(table, sent, read))
        try:
            while not (await asyncio.wait([work], timeout=_PROGRESS_S))[0]:
                yield _line({"read": read[0]})
                await self.flush()
            result = await work
            yield _line({"read": read[0], "result": {**head, **await self._named(result)}})
        finally:
            work.cancel()


def _line(said: dict[str, Any]) -> str:
    return orjson.dumps(said).decode() + "\n"
