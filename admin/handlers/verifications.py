"""Verifications: started here, looked at while they run, and remembered."""

from typing import Any, ClassVar

from admin.base import ApiHandler, Takes
from admin.schemas.ledger import VerificationBody
from gateway.directory.users import ROLE_ADMIN
from ledger.events import Document, rfc3339
from ledger.verify_runs import history

_TIMES = {"began": "began_us", "ended": "ended_us"}
_TOLD = ("actor", "new", "state", "done", "total", "report", "error")


class VerificationsHandler(ApiHandler):
    """GET and POST /api/ledger/verifications."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN, "POST": ROLE_ADMIN}
    takes: ClassVar[Takes] = {"POST": VerificationBody}

    async def get(self) -> None:
        """Answer the runs, newest first; one that is under way says how far it is."""
        runs = await history(self.context.books.store)
        self.ok([_outside(run) for run in runs], total=len(runs))

    async def post(self) -> None:
        """Start a verification and answer at once; there is one at a time."""
        sent = self.body()
        self.ok(_outside(await self.context.verifying.begin(self.actor, new=sent["new"])))


def _outside(run: Document) -> dict[str, Any]:
    times = {
        name: None if run[field] is None else rfc3339(run[field]) for name, field in _TIMES.items()
    }
    return {"id": run["_id"], **times, **{name: run[name] for name in _TOLD}}
