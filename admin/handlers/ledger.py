"""The ledger: events with their explanation, balances, exports, verification.

Each route is there twice: for admins over everything, and under /self for one's own account.
"""

from typing import Any, ClassVar

from admin.base import ApiHandler, Takes
from admin.downloads import TABLES, DownloadHandler
from admin.errors import ApiError
from admin.events import Selection, about, about_own
from admin.explain import explanation, for_owner
from admin.export import event_rows
from admin.owning import owner_of, require_own
from admin.schemas.ledger import (
    BalanceQuery,
    EventsQuery,
    ExportQuery,
    OwnBalanceQuery,
    VerifyQuery,
    cursor_text,
)
from gateway.directory.users import ROLE_ADMIN, ROLE_COMMON
from ledger import accounts
from ledger.accounts import COLUMNS
from ledger.archive_read import find_event
from ledger.balances import NOW, AsOf, columns_at
from ledger.events import to_json
from ledger.export import EVENTS
from ledger.history import History
from ledger.money import quota_floor, usd
from ledger.verify import verify

#: What narrows a list of events beside account and period, and the field that it compares.
_NARROWER = {
    "type": "type",
    "actor": "actor",
    "action": "body.action",
    "object": "body.object",
}


class LedgerBase(DownloadHandler):
    """What the routes over everything and over one's own account share."""

    own: ClassVar[bool] = False

    async def about(self, account: str | None) -> tuple[dict[str, Any], ...]:
        """The events that may be seen of an account, or of all (all of one's own)."""
        if self.own:
            return await about_own(self.context.directory, self.me, account)
        return about(account) if account else ()

    def shown(self, event: dict[str, Any]) -> dict[str, Any]:
        """An event in its outside form, for its owner without the operator's business."""
        return to_json(for_owner(event) if self.own else event)

    async def owner(self, account: str) -> str | None:
        """Who pays for a key, if known. Raises ApiError 403 when one may not ask."""
        if self.own:
            await require_own(self.context.directory, self.me, account)
        return await owner_of(self.context.directory, account)

    async def is_own(self, account: str) -> bool:
        """Tell whether an account is the user's or one of the user's keys'."""
        kind, _, number = account.partition(":")
        if kind != "key":
            return account == self.me.account
        key = (await self.context.directory.keys.get_many([int(number)])).get(int(number))
        return key is not None and key.user_id == self.me.id

    async def selection(self, sent: dict[str, Any]) -> Selection:
        """The events that were asked for."""
        filters = await self.about(sent.get("account"))
        selection = Selection(filters, sent.get("from_us"), sent.get("to_us"))
        narrower = {field: sent[name] for name, field in _NARROWER.items() if name in sent}
        if narrower:
            selection = selection.narrowed(**narrower)
        return selection.of_request(sent["request"]) if "request" in sent else selection


class EventsHandler(LedgerBase):
    """GET .../events."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN}
    takes: ClassVar[Takes] = {"GET": EventsQuery}

    async def get(self) -> None:
        """Answer events in the order of recording; `next` goes on where this page ends."""
        sent = self.query()
        selection, store = await self.selection(sent), self.context.books.store
        limit, newest_first = sent["limit"], sent["order"] == "desc"
        found = await selection.after(
            store, sent.get("after"), limit=limit, newest_first=newest_first
        )
        last = found[-1] if len(found) == limit else None
        following = cursor_text(last["ts"], last["_id"]) if last else None
        total = await selection.count(store)
        self.ok([self.shown(event) for event in found], next=following, total=total)


class EventHandler(LedgerBase):
    """GET .../events/:id."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN}

    async def get(self, event_id: str) -> None:
        """Answer one event with its explanation."""
        store, archive_dir = self.context.books.store, self.context.archive_dir
        event = await find_event(store, archive_dir, event_id)
        if event is None or (self.own and not await self.is_own(event["account"])):
            raise ApiError(404, f"there is no event {event_id[:200]}")
        books, directory = self.context.books, self.context.directory
        said = await explanation(books, directory, event, own=self.own)
        self.ok({**self.shown(event), "explanation": said})


class BalanceHandler(LedgerBase):
    """GET .../balance?account=&at=&known_at=."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN}
    takes: ClassVar[Takes] = {"GET": BalanceQuery}

    async def get(self) -> None:
        """Answer what an account's events add up to, exactly, now or as of a time."""
        sent = self.query()
        account = sent.get("account", self.me.account)
        owner = await self.owner(account)
        as_of = AsOf(sent.get("at_us"), sent.get("known_us"))
        document = await self._columns(account, as_of, owner)
        nano = accounts.balance_nano(document)
        counts = {"requests", "lots", *(() if account.startswith("channel:") else ("cost",))}
        amounts = {name: int(document.get(name, 0)) for name in COLUMNS if name not in counts}
        self.ok(
            {
                "account": account,
                "balance": usd(nano),
                "balance_nano": nano,
                "quota": quota_floor(nano),
                "requests": int(document.get("requests", 0)),
                **{name: usd(amount) for name, amount in amounts.items()},
                **{f"{name}_nano": amount for name, amount in amounts.items()},
            }
        )

    async def _columns(self, account: str, as_of: AsOf, owner: str | None) -> dict[str, Any]:
        store = self.context.books.store
        if as_of == NOW:
            return await accounts.read(store, account)
        history = await History.open(store, self.context.archive_dir)
        return await columns_at(history, account, as_of, owner=owner)


class ExportHandler(LedgerBase):
    """GET .../export?format=csv|jsonl|xlsx."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN}
    takes: ClassVar[Takes] = {"GET": ExportQuery}
    downloads: ClassVar[tuple[str, ...]] = TABLES

    async def get(self) -> None:
        """Answer the events as a file, in the order of recording, however many there are."""
        sent = self.query()
        selection = await self.selection(sent)
        store, archive_dir = self.context.books.store, self.context.archive_dir
        rows = event_rows(store, selection, own=self.own, archive_dir=archive_dir)
        await self.send_table(sent["format"], EVENTS, rows, name="ledger", title="Events")


class VerifyHandler(ApiHandler):
    """GET /api/ledger/verify."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN}
    takes: ClassVar[Takes] = {"GET": VerifyQuery}

    async def get(self) -> None:
        """Check the whole ledger (with `new`, what is new) and answer each fault."""
        sent = self.query()
        report = await verify(self.context.books.store, new=sent["new"])
        self.ok(report.to_document())


class OwnEventsHandler(EventsHandler):
    """GET /api/ledger/self/events."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_COMMON}
    own: ClassVar[bool] = True


class OwnEventHandler(EventHandler):
    """GET /api/ledger/self/events/:id."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_COMMON}
    own: ClassVar[bool] = True


class OwnBalanceHandler(BalanceHandler):
    """GET /api/ledger/self/balance."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_COMMON}
    takes: ClassVar[Takes] = {"GET": OwnBalanceQuery}
    own: ClassVar[bool] = True


class OwnExportHandler(ExportHandler):
    """GET /api/ledger/self/export."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_COMMON}
    own: ClassVar[bool] = True
