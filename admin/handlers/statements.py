"""Statements of accounts, as JSON and as files.

Each route is there twice: for admins over every account, and under /self for one's own account and
keys, without what is the operator's business.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, ClassVar

import orjson

from admin.base import Takes
from admin.downloads import CONTENT_TYPES, TABLES
from admin.handlers.ledger import LedgerBase
from admin.schemas.ledger import OwnStatementQuery, StatementQuery
from gateway.directory.users import ROLE_ADMIN, ROLE_COMMON
from ledger.history import History
from ledger.statement_rows import View, ending, heading, records, rows
from ledger.statements import Statement
from ledger.tables import json_object

_ELSEWHERE = frozenset(("line", "count", "total"))
_EDGES = frozenset(("opening", "closing", "total"))


class StatementHandler(LedgerBase):
    """GET .../statement?account=&from=&to=&by=&known_at=&group=&format=."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN}
    takes: ClassVar[Takes] = {"GET": StatementQuery}
    downloads: ClassVar[tuple[str, ...]] = TABLES

    async def get(self) -> None:
        """Answer a statement, however long; grouped, its rows are sums."""
        sent = self.query()
        account, form = sent.get("account", self.me.account), sent["format"]
        view = View(sent.get("group"), own=self.own)
        statement = await self._statement(account, sent)
        if form == "json":
            text = self.watched(_json(statement, view))
            await self.send(text, CONTENT_TYPES["json"], None)
            return
        name = f"statement-{account.replace(':', '-')}"
        table, cells = view.table, rows(statement, view)
        await self.send_table(form, table, cells, name=name, title="Statement")

    async def _statement(self, account: str, sent: Mapping[str, Any]) -> Statement:
        owner = await self.owner(account)
        return await Statement.open(
            await History.open(self.context.books.store, self.context.archive_dir),
            account,
            owner=owner,
            from_us=sent.get("from_us"),
            to_us=sent.get("to_us"),
            by=sent["by"],
            known_us=sent.get("known_us"),
        )


async def _json(statement: Statement, view: View) -> AsyncGenerator[str, None]:
    """Write the envelope around rows that are never all in memory."""
    kept = [column for column in view.table if view.group or column.name not in _ELSEWHERE]
    table = [column for column in kept if column.name != "line"]
    start = orjson.dumps(heading(statement, view)).decode()
    yield f'{{"success":true,"message":"","data":{start[:-1]},"rows":['
    separator = ""
    async with aclosing(records(statement, view)) as found:
        async for record in found:
            if record["line"] in _EDGES:
                continue
            shown = json_object(table, [record.get(column.name) for column in table])
            yield separator + orjson.dumps(shown).decode()
            separator = ","
    end = orjson.dumps(ending(statement, view)).decode()
    yield f"],{end[1:]}}}"


class OwnStatementHandler(StatementHandler):
    """GET /api/ledger/self/statement."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_COMMON}
    takes: ClassVar[Takes] = {"GET": OwnStatementQuery}
    own: ClassVar[bool] = True
