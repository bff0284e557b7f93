"""POST /api/topup: an admin, or a payment script with an admin's token, credits a user."""

import re
import uuid
from typing import ClassVar

from tornado.httputil import HTTPServerRequest

from admin.base import ApiHandler, Takes
from admin.errors import ApiError
from admin.schemas.users import CreditBody
from gateway.directory.users import ROLE_ADMIN
from ledger.events import Draft
from ledger.lot_names import body_of
from ledger.money import nano_from_quota

_KEY = re.compile(r"[\x21-\x7e]{1,150}", re.ASCII)


class CreditHandler(ApiHandler):
    """Credits once for each Idempotency-Key, however often it is sent."""

    access: ClassVar[dict[str, int]] = {"POST": ROLE_ADMIN}
    takes: ClassVar[Takes] = {"POST": CreditBody}

    async def post(self) -> None:
        """Record the credit; answer the quota credited."""
        sent = self.body()
        reference = reference_of(self.request)
        user = await self.context.directory.users.get(sent["user_id"])
        event_id = f"recharge:admin:{reference}"
        body = {"provider": "admin", "reference": reference, "remark": sent["remark"]}
        expires_s = sent.get("expires_at")
        if expires_s is not None or "source" in sent:
            body["lot"] = body_of(event_id, sent.get("source", "paid"), expires_s)
        if expires_s is not None and expires_s <= self.context.now_s():
            await self._check_is_replay(event_id)
        amount_nano = nano_from_quota(sent["quota"])
        receipt = await self.context.books.record(
            Draft(
                event_id,
                "recharge.credited",
                user.account,
                amount_nano,
                self.actor,
                body,
            )
        )
        self.set_header("X-Tollgate-Event", receipt.event_id)
        self.ok(sent["quota"], replayed=receipt.replayed)

    async def _check_is_replay(self, event_id: str) -> None:
        """Credit that has ended can't be given; to have given it in time is another matter."""
        if await self.context.books.store.find_one("events", {"_id": event_id}) is None:
            raise ApiError(400, "expires_at: this time is over")


def reference_of(request: HTTPServerRequest) -> str:
    """Return the request's Idempotency-Key, or a new one. Raises ApiError 400."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return str(uuid.uuid4())
    if _KEY.fullmatch(key) is None:
        raise ApiError(400, "Idempotency-Key: 1 to 150 printable characters without spaces")
    return key
