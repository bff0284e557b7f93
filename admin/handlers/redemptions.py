"""Redemption codes, for admins."""

import csv
import io
from collections.abc import AsyncGenerator, Sequence
from typing import Any, ClassVar

from admin.audit import audit, changed
from admin.base import ApiHandler, Takes
from admin.errors import ApiError
from admin.paging import page_of
from admin.redeeming import USED, issued_id, redeemed_id
from admin.schemas.redemptions import (
    USED as STATUS_USED,
)
from admin.schemas.redemptions import (
    CodeBatchBody,
    CodeExportQuery,
    CodeListQuery,
    CodeUpdateBody,
    RevokeBody,
)
from admin.schemas.tokens import StatusOnlyQuery
from admin.schemas.users import SearchQuery
from admin.times import seconds
from admin.views import HIDDEN
from gateway.directory.codes import Batch, Code
from gateway.directory.users import ROLE_ADMIN
from ledger.events import Draft
from ledger.money import nano_from_quota, quota_floor, usd

Uses = dict[int, dict[str, Any]]
_LOOKED_UP_AT_ONCE = 1_000


class CodeBase(ApiHandler):
    """What the routes of codes share."""

    async def uses(self, codes: Sequence[Code]) -> Uses:
        """The redeeming events of codes, by code, as the ledger has them."""
        ids = (redeemed_id(code.id) for code in codes)
        fields = {"account": 1, "ts": 1, "body.code": 1}
        events = await self.context.books.store.find_ids("events", ids, projection=fields)
        return {event["body"]["code"]: event for event in events}

    async def rows(self, codes: Sequence[Code]) -> list[dict[str, Any]]:
        """Codes with who redeemed them and when."""
        uses = await self.uses(codes)
        redeemers = {code.id: code.used_by for code in codes if code.used_by}
        redeemers |= {code_id: int(use["account"][5:]) for code_id, use in uses.items()}
        users = await self.context.directory.users.get_many(sorted(set(redeemers.values())))
        secret_of = self.context.directory.codes.secret_of
        rows = []
        for code in codes:
            use, redeemer = uses.get(code.id), redeemers.get(code.id, 0)
            row = {
                "id": code.id,
                "user_id": code.creator_id,
                "key": secret_of(code) if self.sees_secrets else HIDDEN,
                "status": STATUS_USED if use or code.used_s else code.status,
                "name": code.name,
                "quota": quota_floor(code.value_nano),
                "created_time": code.created_s,
                "redeemed_time": seconds(use["ts"]) if use else code.used_s,
                "redeemed_user_id": redeemer,
                "redeemed_username": users[redeemer].username if redeemer in users else "",
                "batch": code.batch,
                "credit_source": code.source,
                "credit_valid_days": code.valid_days,
                "expires_time": code.expires_s,
                "per_user": code.per_user,
            }
            rows.append(row)
        return rows


class CodesHandler(CodeBase):
    """/api/redemption/: the list, a new batch, changes to one."""

    access: ClassVar[dict[str, int]] = dict.fromkeys(("GET", "POST", "PUT"), ROLE_ADMIN)
    takes: ClassVar[Takes] = {
        "GET": CodeListQuery,
        "POST": CodeBatchBody,
        "PUT": (StatusOnlyQuery, CodeUpdateBody),
    }

    async def get(self) -> None:
        """Answer a page, newest first."""
        query = self.query()
        page = page_of(query)
        codes = self.context.directory.codes
        found = await codes.list(page.number, page.size, filters=query)
        self.ok(await self.rows(found.items), total=found.total)

    async def post(self) -> None:
        """Make a batch of codes; answer their texts. The batch is one event."""
        sent = self.body()
        value_nano = nano_from_quota(sent["quota"])
        codes = self.context.directory.codes
        terms = {
            "source": sent["credit_source"],
            "valid_days": sent["credit_valid_days"],
            "expires_s": sent.get("expires_at") or 0,
            "per_user": sent["per_user"],
        }
        if 0 < terms["expires_s"] <= self.context.now_s():
            raise ApiError(400, "expires_at: this time is over")
        name, count = sent["name"], sent["count"]
        batch = await codes.create_batch(self.me.id, name, value_nano, count, **terms)
        issued = _issued(batch, name, value_nano, self.actor)
        issued.body.update(terms)
        await self.context.books.record(issued)
        self.ok(batch.secrets, batch=batch.id)

    async def put(self) -> None:
        """Change the name, or switch a code off and on; its value never changes."""
        status_only = "status_only" in self.query()
        sent = self.body()
        codes = self.context.directory.codes
        code = await codes.get(sent.pop("id"))
        if status_only:
            sent = {name: value for name, value in sent.items() if name == "status"}
        if sent.pop("quota", quota_floor(code.value_nano)) != quota_floor(code.value_nano):
            raise ApiError(409, "quota: the value of an issued code cannot be changed")
        await self._check_status(code, sent)
        before, after = changed({name: getattr(code, name) for name in sent}, sent)
        if after:
            code = await codes.update(code.id, after)
            subject = f"code:{code.id}"
            await audit(self.context.books, self.actor, "code.update", subject, before, after)
        self.ok((await self.rows([code]))[0])

    async def _check_status(self, code: Code, sent: dict[str, Any]) -> None:
        """A used code stays used; `used` itself comes back in forms and changes nothing."""
        if "status" not in sent:
            return
        if code.used_s or await self.uses([code]):
            if sent.pop("status") != STATUS_USED:
                raise ApiError(409, USED)
        elif sent["status"] == STATUS_USED:
            raise ApiError(400, "status: a code is used by redeeming it")


class CodeSearchHandler(CodeBase):
    """GET /api/redemption/search?keyword=."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN}
    takes: ClassVar[Takes] = {"GET": SearchQuery}

    async def get(self) -> None:
        """Answer codes whose id is the keyword or whose name starts with it."""
        query = self.query()
        page = page_of(query)
        found = await self.context.directory.codes.search(query["keyword"], page.number, page.size)
        self.ok(await self.rows(found.items), total=found.total)


class CodeHandler(CodeBase):
    """/api/redemption/:id."""

    access: ClassVar[dict[str, int]] = dict.fromkeys(("GET", "DELETE"), ROLE_ADMIN)

    async def get(self, code_id: str) -> None:
        """Answer one code."""
        code = await self.context.directory.codes.get(int(code_id))
        self.ok((await self.rows([code]))[0])

    async def delete(self, code_id: str) -> None:
        """Withdraw a code; what it credited, if it was used, stays credited."""
        codes, books = self.context.directory.codes, self.context.books
        code = await codes.delete(int(code_id))
        if not await self.uses([code]):
            reason = f"deleted by {self.me.username}"
            await books.record(_revoked(code, reason, self.actor))
        await audit(books, self.actor, "code.delete", f"code:{code.id}", {"name": code.name})
        self.ok()


class BatchHandler(CodeBase):
    """GET /api/redemption/batch/:id."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN}

    async def get(self, batch_id: str) -> None:
        """Answer what a batch was issued for, and how many of its codes are used, left, ended."""
        store = self.context.books.store
        issued = await store.find_one("events", {"_id": issued_id(int(batch_id))})
        if issued is None:
            raise ApiError(404, f"there is no batch {batch_id}")
        said = issued["body"]
        numbers = range(said["first_id"], said["last_id"] + 1)
        wanted = map(redeemed_id, numbers)
        used = await store.find_ids("events", wanted, projection={"body.code": 1})
        spent = {event["body"]["code"] for event in used}
        codes = await self.context.directory.codes.of_batch(said["batch"])
        left = [code for code in codes if code.id not in spent]
        self.ok(
            {
                "batch": said["batch"],
                "name": said["name"],
                "amount": usd(said["value_nano"]),
                "amount_nano": said["value_nano"],
                "count": said["count"],
                "used": len(spent),
                "left": len(left),
                "ended": said["count"] - len(spent) - len(left),
                "credit_source": said.get("source", "paid"),
                "credit_valid_days": said.get("valid_days", 0),
                "expires_time": said.get("expires_s", 0),
                "per_user": said.get("per_user", 0),
                "created_time": seconds(issued["ts"]),
                "event": issued["_id"],
            }
        )


class RevokeHandler(CodeBase):
    """POST /api/redemption/batch/:id/revoke."""

    access: ClassVar[dict[str, int]] = {"POST": ROLE_ADMIN}
    takes: ClassVar[Takes] = {"POST": RevokeBody}

    async def post(self, batch_id: str) -> None:
        """Withdraw what is left of a batch; what was redeemed stays credited. Asked for again, it
        ends what an interruption left."""
        reason, books = self.body()["reason"], self.context.books
        codes = await self.context.directory.codes.of_batch(int(batch_id))
        if not codes:
            raise ApiError(404, f"there is no batch {batch_id}, or nothing is left of it")
        uses = await self.uses(codes)
        unused = [code for code in codes if code.id not in uses]
        for code in unused:
            await self.context.directory.codes.delete(code.id)
            # One that is redeemed in this very moment stays redeemed.
            if not await self.uses([code]):
                await books.record(_revoked(code, reason, self.actor))
        after = {"count": len(unused), "reason": reason}
        await audit(books, self.actor, "code.revoke_batch", f"batch:{batch_id}", None, after)
        self.ok({"revoked": len(unused), "used": len(codes) - len(unused)})


class CodeExportHandler(CodeBase):
    """GET /api/redemption/export?batch=&format=."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN}
    takes: ClassVar[Takes] = {"GET": CodeExportQuery}
    downloads: ClassVar[tuple[str, ...]] = ("text/plain", "text/csv")

    async def get(self) -> None:
        """Answer a batch as a file: the texts alone, or a table."""
        if not self.sees_secrets:
            raise ApiError(403, "this access token may only read, and codes are money")
        query = self.query()
        codes = await self.context.directory.codes.of_batch(query["batch"])
        if not codes:
            raise ApiError(404, f"there is no batch {query['batch']}")
        name = f"codes-{query['batch']}.{query['format']}"
        if query["format"] == "csv":
            await self.stream(self._table(codes), "text/csv; charset=utf-8", name)
        else:
            await self.stream(self._texts(codes), "text/plain; charset=utf-8", name)

    async def _texts(self, codes: Sequence[Code]) -> AsyncGenerator[str, None]:
        for code in codes:
            yield self.context.directory.codes.secret_of(code) + "\n"

    async def _table(self, codes: Sequence[Code]) -> AsyncGenerator[str, None]:
        columns = ("id", "key", "name", "quota", "status", "redeemed_time", "redeemed_username")
        yield _csv([*columns, "amount"])
        for start in range(0, len(codes), _LOOKED_UP_AT_ONCE):
            part = codes[start : start + _LOOKED_UP_AT_ONCE]
            for code, row in zip(part, await self.rows(part), strict=True):
                yield _csv([*(row[column] for column in columns), usd(code.value_nano)])


def _csv(cells: list[Any]) -> str:
    """Write one line; a name that a spreadsheet would run as a formula is quoted."""
    buffer = io.StringIO()
    safe = [f"'{c}" if isinstance(c, str) and c[:1] in "=+-@" and c else c for c in cells]
    csv.writer(buffer, lineterminator="\n").writerow(safe)
    return buffer.getvalue()


def _issued(batch: Batch, name: str, value_nano: int, actor: str) -> Draft:
    body = {
        "batch": batch.id,
        "name": name,
        "first_id": batch.first_id,
        "last_id": batch.last_id,
        "count": batch.count,
        "value_nano": value_nano,
    }
    return Draft(issued_id(batch.id), "redemption.issued", "codes", 0, actor, body)


def _revoked(code: Code, reason: str, actor: str) -> Draft:
    body = {"code": code.id, "reason": reason}
    return Draft(f"revoke:{code.id}", "redemption.revoked", "codes", 0, actor, body)
