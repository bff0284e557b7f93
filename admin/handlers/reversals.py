"""Reversals: charges and recharges taken back, alone up to a limit and by two people above it."""

from collections.abc import Iterable
from typing import Any, ClassVar

from admin.base import ApiHandler, Takes
from admin.paging import page_of
from admin.schemas.corrections import DecisionBody, ReversalsQuery, ReverseBody
from gateway.directory.users import ROLE_ADMIN
from ledger import reversals
from ledger.events import Document, rfc3339
from ledger.money import NANO_PER_USD, usd
from ledger.restore import bring_back
from ledger.reversals import COLLECTION, Request

LIMIT = "ReversalApprovalUsd"


class _Base(ApiHandler):
    async def names(self, documents: Iterable[Document]) -> dict[str, str]:
        """User names, by account, of all whom these reversals speak of."""
        accounts = set()
        for document in documents:
            accounts |= {document["proposer"], document["approver"]}
            accounts |= {row["account"] for row in document["numbers"]["users"]}
        ids = [_user_id(account) for account in accounts if account]
        users = await self.context.directory.users.get_many(sorted(set(ids) - {0}))
        return {user.account: user.username for user in users.values()}

    async def answer(self, document: Document, **extra: Any) -> None:
        """Answer one reversal."""
        self.ok(outside(document, await self.names([document])), **extra)


class ReverseHandler(_Base):
    """POST /api/ledger/reverse."""

    access: ClassVar[dict[str, int]] = {"POST": ROLE_ADMIN}
    takes: ClassVar[Takes] = {"POST": ReverseBody}

    async def post(self) -> None:
        """Show what would be reversed, or propose it; within the limit it is done at once."""
        sent = self.body()
        request = Request(
            actor=self.actor,
            reason=sent["reason"],
            event=sent.get("event"),
            filter=sent.get("filter"),
            digest=sent.get("digest"),
            force=sent["force"],
        )
        books = self.context.books
        limit_nano = int(self.context.directory.options.get(LIMIT)) * NANO_PER_USD
        if request.event is not None:
            await bring_back(books.store, self.context.archive_dir, request.event)
        if sent["dry_run"]:
            numbers = await reversals.dry_run(books.store, request)
            needs = not limit_nano or numbers["total_nano"] > limit_nano
            self.ok({**numbers, "dry_run": True, "needs_approval": needs})
            return
        document, replayed = await reversals.propose(books, request, limit_nano)
        if not replayed:
            document = await self.context.reversing.advance(document)
        await self.answer(document, replayed=replayed)


class ReversalsHandler(_Base):
    """GET /api/ledger/reversals."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN}
    takes: ClassVar[Takes] = {"GET": ReversalsQuery}

    async def get(self) -> None:
        """Answer reversals, newest first."""
        sent = self.query()
        page, state, store = page_of(sent), sent.get("state"), self.context.books.store
        found = await reversals.listed(store, state, page.skip, page.size)
        total = await store.count(COLLECTION, {} if state is None else {"state": state})
        names = await self.names(found)
        self.ok([outside(document, names) for document in found], total=total)


class ReversalHandler(_Base):
    """GET /api/ledger/reversals/:id."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN}

    async def get(self, reversal: str) -> None:
        """Answer one reversal with its progress."""
        await self.answer(await reversals.get(self.context.books.store, reversal))


class ApproveHandler(_Base):
    """POST /api/ledger/reversals/:id/approve."""

    access: ClassVar[dict[str, int]] = {"POST": ROLE_ADMIN}
    takes: ClassVar[Takes] = {"POST": DecisionBody}

    async def post(self, reversal: str) -> None:
        """Approve what somebody else proposed, and carry it out."""
        sent = self.body()
        books = self.context.books
        document = await reversals.approve(books, reversal, self.actor, sent.get("digest"))
        await self.answer(await self.context.reversing.advance(document))


class RejectHandler(_Base):
    """POST /api/ledger/reversals/:id/reject."""

    access: ClassVar[dict[str, int]] = {"POST": ROLE_ADMIN}
    takes: ClassVar[Takes] = {"POST": DecisionBody}

    async def post(self, reversal: str) -> None:
        """Put a proposal away for good."""
        sent = self.body()
        books = self.context.books
        await self.answer(await reversals.reject(books, reversal, self.actor, sent["reason"]))


def outside(document: Document, names: dict[str, str]) -> dict[str, Any]:
    """Write a reversal for the outside: amounts in USD, times in RFC 3339, people by name."""
    target, numbers, done = document["target"], document["numbers"], document["done"]
    users = [{**row, "username": names.get(row["account"], "")} for row in numbers["users"]]
    return {
        "id": document["_id"],
        "state": document["state"],
        "event": target.get("event"),
        "part": target.get("part"),
        "filter": _filter(target["filter"]) if "filter" in target else None,
        "reason": document["reason"],
        "force": document["force"],
        "proposer": _person(document["proposer"], names),
        "approver": _person(document["approver"], names),
        "needs_approval": document["needs_approval"],
        "note": document["note"],
        **{name: value for name, value in numbers.items() if name != "users"},
        "users": users,
        "progress": {
            "reversed": done["count"],
            "skipped": done["skipped"],
            "amount": usd(done["total_nano"]),
            "amount_nano": done["total_nano"],
        },
        **{name: _time(document[f"{name}_us"]) for name in ("proposed", "decided", "ended")},
    }


def _filter(chosen: dict[str, Any]) -> dict[str, Any]:
    times = {"from_us": "from", "to_us": "to"}
    return {
        times.get(name, name): rfc3339(value) if name in times else value
        for name, value in chosen.items()
    }


def _person(account: str | None, names: dict[str, str]) -> dict[str, Any] | None:
    return None if account is None else {"account": account, "username": names.get(account, "")}


def _time(us: int | None) -> str | None:
    return None if us is None else rfc3339(us)


def _user_id(account: str) -> int:
    kind, _, number = account.partition(":")
    return int(number) if kind == "user" and number.isdigit() else 0
