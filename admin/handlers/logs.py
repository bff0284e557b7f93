"""The log: what happened, as One API's rows. Every row is an event, or marked as history.

History is the log of a system that this one was moved in from (admin/history.py). It comes behind
the events, and is in no sum but the one that says so.
"""

from typing import Any, ClassVar

from admin.base import ApiHandler, Takes
from admin.downloads import TABLES, DownloadHandler
from admin.errors import ApiError
from admin.events import Selection, log_selection, search_selection
from admin.export import event_rows
from admin.history import history_row, log_wanted, search_wanted
from admin.logbook import names_for, row
from admin.paging import Page, page_of
from admin.schemas.ledger import LogExportQuery, LogQuery, OwnLogExportQuery, OwnLogQuery
from admin.schemas.users import SearchQuery
from gateway.directory.old_log import OldLog, Wanted
from gateway.directory.users import ROLE_ADMIN, ROLE_COMMON, User
from ledger.export import EVENTS
from ledger.money import quota_ceil, usd


class LogBase(ApiHandler):
    """What the routes of everybody's log and one's own share."""

    own: ClassVar[bool] = False

    @property
    def scope(self) -> User | None:
        """The user whose events alone may be seen; None for all."""
        return self.me if self.own else None

    async def filters(self) -> tuple[Selection, Wanted, Page]:
        """The events and the history asked for, and the page of them."""
        sent = self.query()
        page = page_of(sent)
        directory = self.context.directory
        wanted = await log_wanted(directory, sent, self.scope)
        return await log_selection(directory, sent, self.scope), wanted, page

    @property
    def history(self) -> OldLog:
        """The log of the system that was there before."""
        return OldLog(self.context.books.store)

    async def answer_page(self, selection: Selection, wanted: Wanted, page: Page) -> None:
        """Answer a page of rows, newest first, with how many there are in all."""
        store = self.context.books.store
        found, total = await selection.listed(store, skip=page.skip, limit=page.size)
        names = await names_for(self.context.directory, found)
        rows: list[dict[str, Any]] = [row(event, names, own=self.own) for event in found]
        skip, limit = max(0, page.skip - total), page.size - len(rows)
        old, count = await self.history.listed(wanted, skip=skip, limit=limit)
        rows += [history_row(each, own=self.own) for each in old]
        self.ok(rows, total=total + count)


class LogHandler(LogBase):
    """/api/log/."""

    access: ClassVar[dict[str, int]] = dict.fromkeys(("GET", "DELETE"), ROLE_ADMIN)
    takes: ClassVar[Takes] = {"GET": LogQuery}

    async def get(self) -> None:
        """Answer a page of everybody's log."""
        await self.answer_page(*await self.filters())

    async def delete(self) -> None:
        """Refuse: the log is the ledger."""
        raise ApiError(403, "the log is the ledger, and nothing in it can be deleted")


class LogStatHandler(LogBase):
    """/api/log/stat: what the selected requests cost."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN}
    takes: ClassVar[Takes] = {"GET": LogQuery}

    async def get(self) -> None:
        """Answer the exact sum, and One API's quota of it; what was before this system, apart."""
        selection, wanted, _ = await self.filters()
        nano, count = await selection.charged(self.context.books.store)
        sums: dict[str, Any] = {
            "quota": quota_ceil(nano),
            "amount": usd(nano),
            "amount_nano": nano,
            "count": count,
        }
        quota, requests = await self.history.consumed(wanted)
        if requests:
            sums["history"] = {"quota": quota, "count": requests, "in_sums": False}
        self.ok(sums)


class LogSearchHandler(LogBase):
    """/api/log/search?keyword=."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN}
    takes: ClassVar[Takes] = {"GET": SearchQuery}

    async def get(self) -> None:
        """Answer rows whose event, request, model, key or user is the keyword."""
        sent = self.query()
        page, keyword = page_of(sent), sent["keyword"]
        directory = self.context.directory
        if keyword:
            selection = await search_selection(directory, keyword, self.scope)
        else:
            selection = await log_selection(directory, {}, self.scope)
        await self.answer_page(selection, search_wanted(keyword, self.scope), page)


class LogExportHandler(LogBase, DownloadHandler):
    """GET /api/log/export?format=csv|jsonl|xlsx."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN}
    takes: ClassVar[Takes] = {"GET": LogExportQuery}
    downloads: ClassVar[tuple[str, ...]] = TABLES

    async def get(self) -> None:
        """Answer all that the filters select as a file, in the order of recording."""
        sent, context = self.query(), self.context
        form, store = sent.pop("format"), context.books.store
        selection = await log_selection(context.directory, sent, self.scope)
        rows = event_rows(store, selection, own=self.own, archive_dir=context.archive_dir)
        await self.send_table(form, EVENTS, rows, name="log", title="Log")


class OwnLogHandler(LogHandler):
    """GET /api/log/self."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_COMMON}
    takes: ClassVar[Takes] = {"GET": OwnLogQuery}
    own: ClassVar[bool] = True


class OwnLogStatHandler(LogStatHandler):
    """GET /api/log/self/stat."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_COMMON}
    takes: ClassVar[Takes] = {"GET": OwnLogQuery}
    own: ClassVar[bool] = True


class OwnLogSearchHandler(LogSearchHandler):
    """GET /api/log/self/search."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_COMMON}
    own: ClassVar[bool] = True


class OwnLogExportHandler(LogExportHandler):
    """GET /api/log/self/export."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_COMMON}
    takes: ClassVar[Takes] = {"GET": OwnLogExportQuery}
    own: ClassVar[bool] = True
