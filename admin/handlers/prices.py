"""Versions of the price book: listed, shown, compared, published, brought back, cancelled."""

import asyncio
from typing import Any, ClassVar

from admin.base import ApiHandler, Takes
from admin.errors import ApiError
from admin.schemas.corrections import (
    AdoptBody,
    DismissBody,
    NoteBody,
    PriceHistoryQuery,
    PublishBody,
)
from gateway.directory.users import ROLE_ADMIN, ROLE_ROOT
from ledger.events import rfc3339
from ledger.price_diff import diff
from ledger.price_history import of_model, since
from ledger.price_proposals import Proposals, adopt, propose
from ledger.price_seed import seed_rows
from ledger.price_table import PriceTable
from ledger.price_waiting import dismiss, forget, wanted
from ledger.prices import PriceBook


class _Base(ApiHandler):
    async def book(self) -> PriceBook:
        """The book with what other processes have published."""
        prices = self.context.books.prices
        await prices.refresh()
        return prices

    async def versions(self, *numbers: int) -> list[dict[str, Any]]:
        """Describe versions: who published what, when, and since when it holds."""
        book = self.context.books.prices
        bodies = [book.body(number) for number in numbers]
        ids = [f"price:{number}" for number in numbers]
        found = await self.context.books.store.find_ids("events", ids, projection={"ts": 1})
        published = {event["_id"]: rfc3339(event["ts"]) for event in found}
        users = await self.context.directory.users.get_many(
            sorted({_user_id(body["author"]) for body in bodies} - {0})
        )
        names = {user.account: user.username for user in users.values()}
        return [_version(book, body, published, names) for body in bodies]

    async def published(self, number: int, before: int) -> None:
        """Answer the version that was published; `changed` is false when nothing was."""
        (described,) = await self.versions(number) if number else (None,)
        self.ok(described, changed=number > before)


class PricesHandler(_Base):
    """/api/ledger/prices."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN, "POST": ROLE_ROOT}
    takes: ClassVar[Takes] = {"POST": PublishBody}

    async def get(self) -> None:
        """Answer all versions, newest first."""
        book = await self.book()
        numbers = range(book.latest, 0, -1)
        self.ok(await self.versions(*numbers), total=book.latest, in_force=book.version)

    async def post(self) -> None:
        """Publish a version, at once or from a time to come."""
        sent = self.body()
        book = await self.book()
        before = book.latest
        number = await book.publish(
            self.context.books,
            author=self.actor,
            note=sent["note"],
            set_rows=sent["set"],
            unset=sent["unset"],
            groups=list(sent["groups"].items()),
            unset_groups=sent["unset_groups"],
            effective_us=sent.get("effective_at"),
        )
        await self.published(number, before)


class _Proposals(_Base):
    async def proposed(self) -> tuple[Proposals, Proposals]:
        """Return what is proposed, and that without what somebody dismissed."""
        book, now_us = await self.book(), self.context.clock.now_us()
        rows, source = await asyncio.to_thread(seed_rows, self.context.prices_file, now_us)
        found = propose(book, rows, source)
        return found, await wanted(self.context.books.store, found)

    async def chosen(self, sent: dict[str, Any]) -> tuple[Proposals, list[str]]:
        """Return what a body chooses among, and the models that it chooses. Raises ApiError."""
        if bool(sent["models"]) == sent["all"]:
            raise ApiError(400, 'send "models", a list of names, or "all": true')
        found, waiting = await self.proposed()
        if sent["version"] != found.version:
            raise ApiError(409, f"version {found.version} is in force now; look again")
        return found, list(waiting.rows) if sent["all"] else sent["models"]


class ProposalsHandler(_Proposals):
    """/api/ledger/prices/proposals."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN, "POST": ROLE_ROOT}
    takes: ClassVar[Takes] = {"POST": AdoptBody}

    async def get(self) -> None:
        """Answer what the packaged prices of the installed version propose; nothing is changed."""
        _, waiting = await self.proposed()
        self.ok(waiting.to_json(), total=len(waiting.rows))

    async def post(self) -> None:
        """Publish what was chosen of it, compared with the version that the chooser looked at."""
        sent = self.body()
        found, models = await self.chosen(sent)
        books = self.context.books
        before = books.prices.latest
        number = await adopt(
            books.prices, books, found, models, author=self.actor, note=sent["note"]
        )
        await forget(books.store, models)
        await self.published(number, before)


class DismissHandler(_Proposals):
    """POST /api/ledger/prices/proposals/dismiss."""

    access: ClassVar[dict[str, int]] = {"POST": ROLE_ROOT}
    takes: ClassVar[Takes] = {"POST": DismissBody}

    async def post(self) -> None:
        """Put proposals away until their prices are others."""
        found, models = await self.chosen(self.body())
        store, now_s = self.context.books.store, self.context.clock.now_us() // 1_000_000
        self.ok({"dismissed": await dismiss(store, found, models, self.actor, now_s)})


class PriceVersionHandler(_Base):
    """GET /api/ledger/prices/:version."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN}

    async def get(self, version: str) -> None:
        """Answer a version with its whole table."""
        table = (await self.book()).table_of(int(version))
        (described,) = await self.versions(int(version))
        made_of = since(self.context.books.prices.made_of(int(version)))
        self.ok({**described, **_table(table)}, since=made_of)


class PriceHistoryHandler(_Base):
    """GET /api/ledger/prices/history?model=."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN}
    takes: ClassVar[Takes] = {"GET": PriceHistoryQuery}

    async def get(self) -> None:
        """Answer the versions that touched a model, newest first, each with the row it gave it."""
        book = await self.book()
        found = of_model(reversed(book.versions()), self.query()["model"])
        described = await self.versions(*(number for number, _ in found))
        self.ok([{**each, "row": row} for each, (_, row) in zip(described, found, strict=True)])


class OfferedHandler(_Base):
    """GET /api/ledger/prices/offered."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN}

    async def get(self) -> None:
        """Answer the models that enabled channels serve, and on which of them they have a price."""
        table = (await self.book()).table()
        found: dict[str, list[dict[str, Any]]] = {}
        for channel in self.context.directory.all_channels():
            if not channel.is_enabled:
                continue
            for model in channel.models:
                priced = table.row(model, channel.type) is not None
                one = {"id": channel.id, "name": channel.name, "type": channel.type}
                found.setdefault(model, []).append({**one, "priced": priced})
        self.ok([{"model": model, "channels": found[model]} for model in sorted(found)])


class PriceDiffHandler(_Base):
    """GET /api/ledger/prices/:version/diff/:other."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN}

    async def get(self, before: str, after: str) -> None:
        """Answer what the second version has that the first has not, and the other way round."""
        book = await self.book()
        found = diff(book.table_of(int(before)), book.table_of(int(after)))
        self.ok({"before": int(before), "after": int(after), **found.to_json()})


class RollbackHandler(_Base):
    """POST /api/ledger/prices/:version/rollback."""

    access: ClassVar[dict[str, int]] = {"POST": ROLE_ROOT}
    takes: ClassVar[Takes] = {"POST": NoteBody}

    async def post(self, version: str) -> None:
        """Publish a version that restores the table of another."""
        sent = self.body()
        book = await self.book()
        before = book.latest
        number = await book.roll_back(
            self.context.books,
            int(version),
            author=self.actor,
            note=sent["note"] or f"back to version {version}",
            effective_us=sent.get("effective_at"),
        )
        await self.published(number, before)


class CancelHandler(_Base):
    """POST /api/ledger/prices/:version/cancel."""

    access: ClassVar[dict[str, int]] = {"POST": ROLE_ROOT}
    takes: ClassVar[Takes] = {"POST": NoteBody}

    async def post(self, version: str) -> None:
        """Publish that a planned version will not take effect."""
        sent = self.body()
        book = await self.book()
        before = book.latest
        note = sent["note"] or f"version {version} is cancelled"
        number = await book.cancel(self.context.books, int(version), author=self.actor, note=note)
        await self.published(number, before)


def _version(
    book: PriceBook, body: dict[str, Any], published: dict[str, str], names: dict[str, str]
) -> dict[str, Any]:
    number = body["version"]
    return {
        "version": number,
        "state": book.state(number),
        "author": body["author"],
        "username": names.get(body["author"], ""),
        "note": body["note"],
        "effective": rfc3339(body["effective_us"]),
        "published": published.get(f"price:{number}"),
        "set": len(body.get("set") or ()),
        "unset": len(body.get("unset") or ()),
        "groups": len(body.get("groups") or ()) + len(body.get("unset_groups") or ()),
        "cancels": body.get("cancels"),
        "restores": body.get("restores"),
    }


def _table(table: PriceTable) -> dict[str, Any]:
    return {
        "rows": [table.rows[model] for model in sorted(table.rows)],
        "group_ratios": dict(sorted(table.groups.items())),
    }


def _user_id(account: str) -> int:
    kind, _, number = account.partition(":")
    return int(number) if kind == "user" and number.isdigit() else 0
