"""Keys of the user who asks (One API's routes call them tokens)."""

from collections.abc import Sequence
from typing import Any, ClassVar

from admin.accounts import adjust
from admin.audit import audit, changed
from admin.base import ApiHandler, Takes
from admin.budgets import add_budgets
from admin.errors import ApiError
from admin.paging import page_of, window
from admin.schemas.tokens import (
    NEVER,
    ON,
    RotateBody,
    StatusOnlyQuery,
    TokenCreateBody,
    TokenListQuery,
    TokenUpdateBody,
)
from admin.schemas.users import SearchQuery
from admin.views import HIDDEN, key_json
from gateway.directory.errors import NotFound
from gateway.directory.groups import may_use
from gateway.directory.keys import Key
from gateway.directory.users import ROLE_COMMON
from ledger.accounts import balance_nano, read, read_many
from ledger.money import nano_from_quota, quota_floor

MAX_KEYS_SORTED = 1_000
GROUPS = "UserUsableGroups"

#: One API's names of the fields that a key's document has.
_FIELDS = {
    "name": "name",
    "status": "status",
    "expired_time": "expired_s",
    "unlimited_quota": "unlimited",
    "models": "models",
    "subnet": "subnets",
    "rpm": "rpm",
    "tpm": "tpm",
    "concurrency": "concurrency",
    "budgets": "budgets",
    "budget_timezone": "budget_timezone",
    "group": "group",
}
#: Fields that forms send back as null when they were never set.
_EMPTY: dict[str, Any] = {"budgets": (), "budget_timezone": "", "group": ""}


class TokenBase(ApiHandler):
    """What the routes of keys share."""

    async def own(self, key_id: int) -> Key:
        """Find one of one's own keys; another's is as unknown as none. Raises NotFound."""
        key = await self.context.directory.keys.get(key_id)
        if key.user_id != self.me.id:
            raise NotFound("key", key_id)
        return key

    async def rows(self, keys: Sequence[Key]) -> list[dict[str, Any]]:
        """Keys with their secrets and what the books say of them."""
        accounts = await read_many(self.context.books.store, [key.account for key in keys])
        now_s, secret_of = self.context.now_s(), self.context.directory.keys.secret_of
        shown = secret_of if self.sees_secrets else _hidden
        rows = [key_json(key, shown(key), accounts[key.account], now_s) for key in keys]
        await add_budgets(self.context, keys, rows)
        return rows

    async def row(self, key: Key) -> dict[str, Any]:
        """One key with its secret."""
        return (await self.rows([key]))[0]

    async def set_limit(self, key: Key, quota: int) -> None:
        """Bring what is left on a key to a quota, by an event with the difference."""
        books = self.context.books
        left_nano = balance_nano(await read(books.store, key.account))
        # Never below zero in what is shown, so a key that was unlimited may stand far below it.
        if quota_floor(left_nano) == quota:
            return
        reason = f"limit set by {self.me.username}"
        target_nano = nano_from_quota(quota)
        await adjust(books, key.account, left_nano, target_nano, actor=self.actor, reason=reason)


class TokensHandler(TokenBase):
    """/api/token/: the list, a new key, changes to one."""

    access: ClassVar[dict[str, int]] = dict.fromkeys(("GET", "POST", "PUT"), ROLE_COMMON)
    takes: ClassVar[Takes] = {
        "GET": TokenListQuery,
        "POST": TokenCreateBody,
        "PUT": (StatusOnlyQuery, TokenUpdateBody),
    }

    async def get(self) -> None:
        """Answer a page of one's own keys."""
        query = self.query()
        page, mine = page_of(query), {"user_id": self.me.id}
        keys = self.context.directory.keys
        if "order" not in query:
            found = await keys.list(page.number, page.size, filters=mine)
            self.ok(await self.rows(found.items), total=found.total)
            return
        every = await keys.list(0, MAX_KEYS_SORTED, filters=mine)
        order = query["order"]
        rows = sorted(await self.rows(every.items), key=lambda row: -row[order])
        self.ok(window(rows, page), total=every.total)

    async def post(self) -> None:
        """Create a key, or several alike. What a limited one may spend becomes an event on its
        account. Several are answered as a list."""
        sent = self.body()
        count, name = sent.pop("count"), sent["name"]
        self._check_group(sent)
        if count == 1:
            self.ok(await self.row(await self._made(sent)))
            return
        names = [f"{name[: 29 - len(str(count))]} {number}" for number in range(1, count + 1)]
        self.ok(await self.rows([await self._made({**sent, "name": each}) for each in names]))

    async def _made(self, sent: dict[str, Any]) -> Key:
        quota = sent.get("remain_quota", 0)
        sent = {name: value for name, value in sent.items() if name != "remain_quota"}
        directory, books = self.context.directory, self.context.books
        key, _ = await directory.keys.create(self.me.id, _stored(sent))
        try:
            if quota:
                await self.set_limit(key, quota)
            await audit(books, self.actor, "key.create", key.account, None, sent)
        except BaseException:
            await directory.keys.delete(key.id)
            raise
        return key

    def _check_group(self, sent: dict[str, Any]) -> None:
        """Refuse a group that the user may not choose. Raises ApiError 403."""
        group, option = sent.get("group") or "", self.context.directory.options.get(GROUPS)
        if group and not may_use(group, self.me.group, str(option)):
            raise ApiError(403, f"group: the group {group} is not open to you")

    async def put(self) -> None:
        """Change fields; with `status_only`, the status alone."""
        status_only = "status_only" in self.query()
        sent = self.body()
        key = await self.own(sent.pop("id"))
        quota = None if status_only else sent.pop("remain_quota", None)
        if status_only:
            sent = {"status": sent["status"]} if "status" in sent else {}
        if sent.get("group") != key.group:
            self._check_group(sent)
        # What forms send back of a computed status changes nothing.
        if sent.get("status") == (await self.row(key))["status"]:
            del sent["status"]
        if sent.get("status") == ON:
            await self._check_can_work(key, sent, quota)
        before, after = changed(_shown(key), _stored(sent))
        if after:
            key = await self.context.directory.keys.update(key.id, after)
            await audit(self.context.books, self.actor, "key.update", key.account, before, after)
        if quota is not None:
            await self.set_limit(key, quota)
        self.ok(await self.row(key))

    async def _check_can_work(self, key: Key, sent: dict[str, Any], quota: int | None) -> None:
        """Refuse to switch on a key that could not be used, as One API does."""
        expires_s = sent.get("expired_time", key.expired_s)
        if expires_s != NEVER and expires_s <= self.context.now_s():
            raise ApiError(409, "this key has expired: give it a later expiry first")
        if sent.get("unlimited_quota", key.unlimited):
            return
        left_nano = balance_nano(await read(self.context.books.store, key.account))
        if (left_nano if quota is None else quota) <= 0:
            raise ApiError(409, "this key is used up: give it more quota first")


class TokenSearchHandler(TokenBase):
    """GET /api/token/search?keyword=."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_COMMON}
    takes: ClassVar[Takes] = {"GET": SearchQuery}

    async def get(self) -> None:
        """Answer one's own keys whose name starts with the keyword."""
        query = self.query()
        page = page_of(query)
        found = await self.context.directory.keys.search(
            query["keyword"], page.number, page.size, filters={"user_id": self.me.id}
        )
        self.ok(await self.rows(found.items), total=found.total)


class TokenHandler(TokenBase):
    """/api/token/:id."""

    access: ClassVar[dict[str, int]] = dict.fromkeys(("GET", "DELETE"), ROLE_COMMON)

    async def get(self, key_id: str) -> None:
        """Answer one of one's own keys."""
        self.ok(await self.row(await self.own(int(key_id))))

    async def delete(self, key_id: str) -> None:
        """Delete one of one's own keys; requests that run with it are still charged."""
        key = await self.own(int(key_id))
        await self.context.directory.keys.delete(key.id)
        before = {"name": key.name}
        await audit(self.context.books, self.actor, "key.delete", key.account, before)
        self.ok()


class RotateHandler(TokenBase):
    """POST /api/token/:id/rotate."""

    access: ClassVar[dict[str, int]] = {"POST": ROLE_COMMON}
    takes: ClassVar[Takes] = {"POST": RotateBody}

    async def post(self, key_id: str) -> None:
        """Give a key a new secret; its account, limits and history stay."""
        grace_s, key = self.body()["grace_s"], await self.own(int(key_id))
        until_s = int(self.context.now_s()) + grace_s if grace_s else 0
        key, _ = await self.context.directory.keys.rotate(key.id, until_s)
        after = {"grace_s": grace_s}
        await audit(self.context.books, self.actor, "key.rotate", key.account, None, after)
        self.ok(await self.row(key))


def _stored(sent: dict[str, Any]) -> dict[str, Any]:
    given = {n: _EMPTY[n] if v is None and n in _EMPTY else v for n, v in sent.items()}
    return {_FIELDS[name]: value for name, value in given.items()}


def _shown(key: Key) -> dict[str, Any]:
    """A key's fields as they are sent, so that only real changes are written and audited."""
    return {
        **{name: getattr(key, name) for name in _FIELDS.values()},
        "models": ",".join(sorted(key.models or ())),
        "subnets": ",".join(key.subnets),
    }


def _hidden(_: Key) -> str:
    """What an access token that may only read is shown of a key."""
    return HIDDEN
