"""Notices out, for admins: what waits, what arrived, what was given up."""

import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

from admin.audit import audit
from admin.base import ApiHandler, Takes
from admin.errors import ApiError
from admin.paging import page_of
from admin.schemas.people import NoticesQuery, NoticeTestBody
from admin.times import US_PER_S
from gateway.directory.operators import Operators
from gateway.directory.users import ROLE_ADMIN, ROLE_ROOT


class NoticesHandler(ApiHandler):
    """GET /api/notices/?state=waiting|sent|dead."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN}
    takes: ClassVar[Takes] = {"GET": NoticesQuery}

    async def get(self) -> None:
        """Answer a page, newest first: titles, no texts; and the `ways` that are set up."""
        query = self.query()
        page = page_of(query)
        notices = self.context.directory.notices
        listed = await notices.page(query["state"], page.number, page.size)
        rows = [notice_json(notice) for notice in listed.items]
        ways = await Operators(self.context.directory).ways()
        self.ok(rows, total=listed.total, ways=[{"way": way, "to": to} for way, to in ways])


class ResendHandler(ApiHandler):
    """POST /api/notices/:id/resend."""

    access: ClassVar[dict[str, int]] = {"POST": ROLE_ADMIN}

    async def post(self, notice_id: str) -> None:
        """Let a dead notice be tried again."""
        notice = await self.context.directory.notices.resend(notice_id)
        await audit(self.context.books, self.actor, "notice.resend", f"notice:{notice_id}"[:200])
        self.ok(notice_json(notice))


class TestHandler(ApiHandler):
    """POST /api/notices/test: one notice by every way that is set up, or by one of them."""

    access: ClassVar[dict[str, int]] = {"POST": ROLE_ROOT}
    takes: ClassVar[Takes] = {"POST": NoticeTestBody}

    async def post(self) -> None:
        """Put them into the post box; answer how many. How they fared is in the list."""
        way = self.body()["way"]
        operators, notice_id = Operators(self.context.directory), f"test:{uuid.uuid4().hex}"
        text = f"{self.me.username} asked for this test."
        put = await operators.tell(notice_id, "a test", text, only=way)
        if not put:
            raise ApiError(409, "no way for notices is set up: see the options in docs/people.md")
        self.ok(put)


def notice_json(notice: Mapping[str, Any]) -> dict[str, Any]:
    """A notice as admins see it. Times are unix seconds, 0 for never."""
    return {
        "id": notice["_id"],
        "way": notice["way"],
        "to": notice["to"],
        "title": notice["title"],
        "state": notice["state"],
        "attempts": notice["attempts"],
        "error": notice["error"],
        "created_time": notice["created_us"] // US_PER_S,
        "next_time": notice["next_us"] // US_PER_S,
        "ended_time": notice["ended_us"] // US_PER_S,
    }
