"""What an admin sees of one user and does for them: their keys, their sign-ins, their balance."""

from typing import Any, ClassVar

from admin.audit import audit
from admin.auth.principal import mark_of
from admin.auth.roles import check_may_act
from admin.base import ApiHandler, Takes
from admin.budgets import add_budgets
from admin.errors import ApiError
from admin.handlers.topup import reference_of
from admin.paging import PageQuery, page_of
from admin.schemas.users import AdjustBody
from admin.views import HIDDEN, key_json
from gateway.directory.users import ROLE_ADMIN, User
from ledger.accounts import read_many
from ledger.events import Draft
from ledger.money import usd


class _OneUser(ApiHandler):
    async def user(self, user_id: str) -> User:
        """Find the user. Raises ApiError 403 for those whom one may not act on, NotFound."""
        user = await self.context.directory.users.get(int(user_id))
        if user.id != self.me.id:
            check_may_act(self.me, user)
        return user


class AdjustHandler(_OneUser):
    """POST /api/user/:id/adjust: credit given or taken away, with a reason, once.

    Payments and gifts are POST /api/topup; this is for what has to be put right.
    """

    access: ClassVar[dict[str, int]] = {"POST": ROLE_ADMIN}
    takes: ClassVar[Takes] = {"POST": AdjustBody}

    async def post(self, user_id: str) -> None:
        """Record the difference, once for each Idempotency-Key; what is taken must be there."""
        sent, user = self.body(), await self.user(user_id)
        check_may_act(self.me, user)  # nobody but root puts the own balance right
        event_id = f"adjust:admin:{reference_of(self.request)}"
        amount_nano = sent["amount"]
        body = {"reason": sent["reason"]}
        draft = Draft(event_id, "balance.adjusted", user.account, amount_nano, self.actor, body)
        books = self.context.books
        # What was taken once is no longer there to be held: a repeated request must not try to.
        known = await books.store.find_one("events", {"_id": event_id})
        takes = amount_nano < 0 and known is None
        receipt = await (books.debit(draft) if takes else books.record(draft))
        self.set_header("X-Tollgate-Event", receipt.event_id)
        self.ok({"amount": usd(amount_nano), "event": event_id}, replayed=receipt.replayed)


class KeysHandler(_OneUser):
    """GET /api/user/:id/tokens."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN}
    takes: ClassVar[Takes] = {"GET": PageQuery}

    async def get(self, user_id: str) -> None:
        """Answer a page of a user's keys, newest first, without their secrets."""
        user = await self.user(user_id)
        page = page_of(self.query())
        mine = {"user_id": user.id}
        found = await self.context.directory.keys.list(page.number, page.size, filters=mine)
        keys = found.items
        accounts = await read_many(self.context.books.store, [key.account for key in keys])
        now_s = self.context.now_s()
        rows = [key_json(key, HIDDEN, accounts[key.account], now_s) for key in keys]
        await add_budgets(self.context, keys, rows)
        self.ok(rows, total=found.total)


class SessionsHandler(_OneUser):
    """/api/user/:id/sessions."""

    access: ClassVar[dict[str, int]] = dict.fromkeys(("GET", "DELETE"), ROLE_ADMIN)
    needs_full: ClassVar[tuple[str, ...]] = ("DELETE",)

    async def get(self, user_id: str) -> None:
        """Answer where a user is signed in, and whether a second factor is asked for."""
        user, directory = await self.user(user_id), self.context.directory
        sessions = await directory.sessions.of_user(user.id, mark_of(self.context, user))
        rows: list[dict[str, Any]] = [
            {
                "address": session.address,
                "agent": session.agent,
                "created_time": session.created_s,
                "seen_time": session.seen_s,
            }
            for session in sessions
        ]
        self.ok(rows, second_factor=await directory.second_factors.is_on(user.id))

    async def delete(self, user_id: str) -> None:
        """Sign a user out everywhere."""
        user = await self.user(user_id)
        if user.id == self.me.id:
            raise ApiError(409, "your own sessions are ended under /api/user/sessions")
        await self.context.directory.sessions.end_others(user.id, "")
        await audit(self.context.books, self.actor, "session.end_all", user.account)
        self.ok()
