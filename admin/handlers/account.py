"""One's own account: profile, access token, models, the week's use, redeeming a code."""

from typing import Any, ClassVar

from admin.audit import audit, changed
from admin.auth.roles import check_not_root
from admin.auth.session import COOKIE
from admin.base import ApiHandler, Takes
from admin.handlers.session import sign_in
from admin.handlers.tokens import GROUPS
from admin.handlers.users import users_json
from admin.redeeming import redeem
from admin.schemas.users import RedeemBody, SelfBody
from admin.usage_report import daily_usage
from gateway.directory.groups import offered
from gateway.directory.users import ROLE_COMMON
from ledger.money import quota_floor, usd


class SelfHandler(ApiHandler):
    """/api/user/self."""

    access: ClassVar[dict[str, int]] = dict.fromkeys(("GET", "PUT", "DELETE"), ROLE_COMMON)
    needs_full: ClassVar[tuple[str, ...]] = ("PUT", "DELETE")
    takes: ClassVar[Takes] = {"PUT": SelfBody}

    async def get(self) -> None:
        """Answer one's own user."""
        self.ok((await users_json(self, [self.me]))[0])

    async def put(self) -> None:
        """Change one's name, reminder or password; a new password ends the other sessions."""
        users, me = self.context.directory.users, self.me
        sent = self.body()
        password = sent.pop("password", "")
        fields = {name: value for name, value in sent.items() if value != ""}
        before, after = changed({name: getattr(me, name) for name in fields}, fields)
        if after:
            me = await users.update(me.id, after)
        if password:
            me = await users.set_password(me.id, password)
            before, after = {**before, "password": ""}, {**after, "password": ""}
            if self.principal and not self.principal.by_token:
                await sign_in(self, me)
        if after:
            await audit(self.context.books, self.actor, "user.update", me.account, before, after)
        self.ok()

    async def delete(self) -> None:
        """Delete one's own account; its history stays in the books."""
        check_not_root(self.me, "deleted")
        await self.context.directory.users.delete(self.me.id)
        before = {"username": self.me.username}
        await audit(self.context.books, self.actor, "user.delete", self.me.account, before)
        self.clear_cookie(COOKIE)
        self.ok()


class AccessTokenHandler(ApiHandler):
    """GET /api/user/token: a new access token for scripts, shown this once."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_COMMON}
    needs_full: ClassVar[tuple[str, ...]] = ("GET",)
    changes_on_get: ClassVar[bool] = True

    async def get(self) -> None:
        """Replace the access token and answer it."""
        token = await self.context.directory.users.make_access_token(self.me.id)
        await audit(self.context.books, self.actor, "user.access_token", self.me.account)
        self.ok(token)


class InviteCodeHandler(ApiHandler):
    """GET /api/user/aff."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_COMMON}

    async def get(self) -> None:
        """Answer one's invitation code."""
        self.ok(self.me.aff_code)


class AvailableModelsHandler(ApiHandler):
    """GET /api/user/available_models."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_COMMON}

    async def get(self) -> None:
        """Answer the models that one's group can use."""
        self.ok(self.context.models_for(self.me.group))


class UserGroupsHandler(ApiHandler):
    """GET /api/user/groups."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_COMMON}

    async def get(self) -> None:
        """Answer the groups that one's keys may be used in, each with its ratio and what it is."""
        prices = self.context.books.prices
        await prices.refresh()
        ratios = prices.groups()
        chosen = offered(str(self.context.directory.options.get(GROUPS)))
        found = {self.me.group: "", **chosen}
        self.ok({n: {"ratio": ratios.get(n, ""), "desc": says} for n, says in found.items()})


class DashboardHandler(ApiHandler):
    """GET /api/user/dashboard."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_COMMON}

    async def get(self) -> None:
        """Answer one's use of the last seven UTC days by day and model."""
        books = self.context.books
        rows: list[dict[str, Any]] = await daily_usage(
            books.store, self.me.account, self.context.clock.now_us()
        )
        self.ok(rows)


class RedeemHandler(ApiHandler):
    """POST /api/user/topup: redeem a code."""

    access: ClassVar[dict[str, int]] = {"POST": ROLE_COMMON}
    takes: ClassVar[Takes] = {"POST": RedeemBody}

    async def post(self) -> None:
        """Credit the code to oneself; answer the quota credited, the exact amount and the event."""
        sent = self.body()
        directory, books = self.context.directory, self.context.books
        nano, event = await redeem(directory, books, self.me, sent["key"])
        self.ok(quota_floor(nano), amount=usd(nano), amount_nano=nano, event=event)
