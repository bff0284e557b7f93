"""Users, for admins."""

from typing import Any, ClassVar

from admin.accounts import order_by, set_quota
from admin.audit import audit, changed
from admin.auth.roles import check_may_act, check_not_root
from admin.base import ApiHandler, Takes
from admin.budgets import add_budgets
from admin.errors import ApiError
from admin.lots import open_lots
from admin.paging import Page, page_of, window
from admin.schemas.users import (
    ManageBody,
    UserCreateBody,
    UserListQuery,
    UserSearchQuery,
    UserUpdateBody,
)
from admin.traces import add_traces
from admin.views import user_json
from gateway.directory.signup import new_user
from gateway.directory.users import (
    ROLE_ADMIN,
    ROLE_COMMON,
    ROLE_ROOT,
    STATUS_DISABLED,
    STATUS_ENABLED,
    User,
)
from ledger.accounts import read_many

MAX_SORTED = 1_000


class _UsersBase(ApiHandler):
    """What the routes that show users to admins share."""

    async def rows(self, users: list[User]) -> list[dict[str, Any]]:
        """Users with what the books say of them, who invited them, their keys and last use."""
        rows = await users_json(self, users)
        await add_traces(self.context, rows)
        return rows


class UsersHandler(_UsersBase):
    """/api/user/: the list, a new user, changes to one."""

    access: ClassVar[dict[str, int]] = dict.fromkeys(("GET", "POST", "PUT"), ROLE_ADMIN)
    needs_full: ClassVar[tuple[str, ...]] = ("POST", "PUT")
    takes: ClassVar[Takes] = {"GET": UserListQuery, "POST": UserCreateBody, "PUT": UserUpdateBody}

    async def get(self) -> None:
        """Answer a page, newest first, or by what the books say of them, largest first."""
        query = self.query()
        page = page_of(query)
        order = query.pop("order", "")
        if order:
            users, total = await self._ordered(order, page, query)
        else:
            listed = await self.context.directory.users.list(page.number, page.size, filters=query)
            users, total = listed.items, listed.total
        self.ok(await self.rows(users), total=total)

    async def post(self) -> None:
        """Create a user with the key "default", and the quota given, if any."""
        sent = self.body()
        role = sent.get("role", ROLE_COMMON)
        if role >= self.me.role:
            raise ApiError(403, "you may not create a user whose role is as high as yours")
        books, quota = self.context.books, sent.pop("quota", 0)
        fields = _given(sent)
        user = await new_user(self.context.directory, books, actor=self.actor, **fields)
        await audit(books, self.actor, "user.create", user.account, None, fields)
        if quota:
            reason = f"opened with {quota} quota by {self.me.username}"
            await set_quota(books, user.account, quota, actor=self.actor, reason=reason)
        self.ok((await self.rows([user]))[0])

    async def put(self) -> None:
        """Change fields; a quota becomes an event with the difference."""
        users, books = self.context.directory.users, self.context.books
        sent = self.body()
        user = await users.get(sent.pop("id"))
        check_may_act(self.me, user)
        quota, password = sent.pop("quota", None), sent.pop("password", "")
        _refuse_rank(user, sent)
        fields = _given(sent)
        before, after = changed({name: getattr(user, name) for name in fields}, fields)
        if after:
            user = await users.update(user.id, after)
        if password:
            user = await users.set_password(user.id, password)
            before, after = {**before, "password": ""}, {**after, "password": ""}
        if after:
            await audit(books, self.actor, "user.update", user.account, before, after)
        if quota is not None:
            reason = f"edited by {self.me.username}"
            await set_quota(books, user.account, quota, actor=self.actor, reason=reason)
        self.ok((await self.rows([user]))[0])

    async def _ordered(
        self, order: str, page: Page, filters: dict[str, Any]
    ) -> tuple[list[User], int]:
        users = self.context.directory.users
        ids: list[int] = []
        while True:
            part = await users.list(len(ids) // MAX_SORTED, MAX_SORTED, filters=filters)
            ids.extend(user.id for user in part.items)
            if len(part.items) < MAX_SORTED:
                break
        unique = list(dict.fromkeys(ids))
        ordered = await order_by(self.context.books.store, "user", order, unique)
        wanted = window(ordered, page)
        found = await users.get_many(wanted)
        return [found[number] for number in wanted if number in found], len(unique)


class UserSearchHandler(_UsersBase):
    """GET /api/user/search?keyword=."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN}
    takes: ClassVar[Takes] = {"GET": UserSearchQuery}

    async def get(self) -> None:
        """Answer users whose id is the keyword or whose names start with it."""
        query = self.query()
        page = page_of(query)
        users, keyword = self.context.directory.users, query.pop("keyword")
        found = await users.search(keyword, page.number, page.size, filters=query)
        self.ok(await self.rows(found.items), total=found.total)


class UserHandler(_UsersBase):
    """/api/user/:id."""

    access: ClassVar[dict[str, int]] = dict.fromkeys(("GET", "DELETE"), ROLE_ADMIN)
    needs_full: ClassVar[tuple[str, ...]] = ("DELETE",)

    async def get(self, user_id: str) -> None:
        """Answer one user."""
        user = await self.context.directory.users.get(int(user_id))
        if user.id != self.me.id:
            check_may_act(self.me, user)
        self.ok((await self.rows([user]))[0])

    async def delete(self, user_id: str) -> None:
        """Delete one user."""
        user = await self.context.directory.users.get(int(user_id))
        check_may_act(self.me, user)
        await _delete(self, user)
        self.ok()


class ManageHandler(ApiHandler):
    """POST /api/user/manage: one action on one user, by name."""

    access: ClassVar[dict[str, int]] = {"POST": ROLE_ADMIN}
    needs_full: ClassVar[tuple[str, ...]] = ("POST",)
    takes: ClassVar[Takes] = {"POST": ManageBody}

    async def post(self) -> None:
        """Do it; answer role and status as they are now."""
        sent = self.body()
        users, action = self.context.directory.users, sent["action"]
        user = await users.by_username(sent["username"])
        if user is None:
            raise ApiError(404, f"there is no user {sent['username'][:60]}")
        check_may_act(self.me, user)
        if action == "delete":
            await _delete(self, user)
            self.ok({"role": user.role, "status": user.status})
            return
        change = self._change(user, action)
        updated = await users.update(user.id, change)
        before = {name: getattr(user, name) for name in change}
        await audit(self.context.books, self.actor, f"user.{action}", user.account, before, change)
        self.ok({"role": updated.role, "status": updated.status})

    def _change(self, user: User, action: str) -> dict[str, int]:
        if action == "enable":
            return {"status": STATUS_ENABLED}
        if action == "disable":
            check_not_root(user, "disabled")
            return {"status": STATUS_DISABLED}
        if self.me.role != ROLE_ROOT and action == "promote":
            raise ApiError(403, "only root may promote users")
        check_not_root(user, f"{action}d")
        role = ROLE_ADMIN if action == "promote" else ROLE_COMMON
        if user.role == role:
            raise ApiError(409, f"{user.username} has this role already")
        return {"role": role}


async def users_json(handler: ApiHandler, users: list[User]) -> list[dict[str, Any]]:
    """Users with what the books say of them, read at once."""
    store = handler.context.books.store
    accounts = await read_many(store, [user.account for user in users])
    rows = [user_json(user, accounts[user.account]) for user in users]
    await add_budgets(handler.context, users, rows)
    for user, row in zip(users, rows, strict=True):
        row["lots"] = await open_lots(handler.context, accounts[user.account])
    return rows


async def _delete(handler: ApiHandler, user: User) -> None:
    check_not_root(user, "deleted")
    await handler.context.directory.users.delete(user.id)
    before = {"username": user.username, "role": user.role}
    await audit(handler.context.books, handler.actor, "user.delete", user.account, before)


def _given(sent: dict[str, Any]) -> dict[str, Any]:
    """Leave out what forms send of fields that were never set; budgets of null are none."""
    if sent.get("budgets", ()) is None:
        sent["budgets"] = ()
    return {name: value for name, value in sent.items() if value not in ("", None)}


def _refuse_rank(user: User, sent: dict[str, Any]) -> None:
    """Role and status come back in forms; they may only say what is true already."""
    for name in ("role", "status"):
        value = sent.pop(name, 0)
        if value not in (0, getattr(user, name)):
            raise ApiError(400, f"{name}: change it by POST /api/user/manage")
