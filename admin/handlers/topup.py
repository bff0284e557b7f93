"""POST /api/topup: an admin, or a payment script with an admin's token, credits a user."""

import re
import uuid
from typing import ClassVar

from admin.base import ApiHandler
from admin.errors import ApiError
from admin.schemas.users import CreditBody
from gateway.directory.users import ROLE_ADMIN
from ledger.events import Draft
from ledger.money import nano_from_quota

_KEY = re.compile(r"[\x21-\x7e]{1,150}", re.ASCII)


class CreditHandler(ApiHandler):
    """Credits once for each Idempotency-Key, however often it is sent."""

    access: ClassVar[dict[str, int]] = {"POST": ROLE_ADMIN}

    async def post(self) -> None:
        """Record the credit; answer the quota credited."""
        sent = self.body(CreditBody())
        reference = self._reference()
        user = await self.context.directory.users.get(sent["user_id"])
        body = {"provider": "admin", "reference": reference, "remark": sent["remark"]}
        amount_nano = nano_from_quota(sent["quota"])
        receipt = await self.context.books.record(
            Draft(
                f"recharge:admin:{reference}",
                "recharge.credited",
                user.account,
                amount_nano,
                self.actor,
                body,
            )
        )
        self.set_header("X-Tollgate-Event", receipt.event_id)
        self.ok(sent["quota"], replayed=receipt.replayed)

    def _reference(self) -> str:
        key = self.request.headers.get("Idempotency-Key")
        if key is None:
            return str(uuid.uuid4())
        if _KEY.fullmatch(key) is None:
            raise ApiError(400, "Idempotency-Key: 1 to 150 printable characters without spaces")
        return key
