"""The audit that runs all the time: its latest result, and one at once."""

from typing import Any, ClassVar

from admin.base import ApiHandler
from gateway.directory.users import ROLE_ADMIN
from ledger.audit import audit, history
from ledger.events import rfc3339


class AuditHandler(ApiHandler):
    """GET and POST /api/ledger/audit."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN, "POST": ROLE_ADMIN}

    async def get(self) -> None:
        """Answer the latest result, and when the ones before it ran and how they ended."""
        results = await history(self.context.books.store)
        data = _outside(results[0]) if results else None
        earlier = [
            {"at": rfc3339(r["_id"]), "ok": r["ok"], "headline": r["headline"]} for r in results[1:]
        ]
        self.ok(data, history=earlier)

    async def post(self) -> None:
        """Run an audit now and answer its result."""
        result = await audit(self.context.books.store)
        self.ok(_outside(result.to_document()))


def _outside(result: dict[str, Any]) -> dict[str, Any]:
    fields = {name: value for name, value in result.items() if name != "_id"}
    return {"at": rfc3339(result["_id"]), **fields}
