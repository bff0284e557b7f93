"""Seals and receipts: what anyone needs to check the books without trusting who keeps them."""

from typing import Any, ClassVar

from admin.base import Takes
from admin.errors import ApiError
from admin.handlers.ledger import LedgerBase
from admin.schemas.ledger import ReceiptQuery, SealsQuery
from gateway.directory.users import ROLE_ADMIN, ROLE_COMMON
from ledger import seals
from ledger.archive_read import find_event
from ledger.receipts import NotSealed, make_receipt, seal_of
from ledger.seal_body import Seal


class ReceiptHandler(LedgerBase):
    """GET .../events/:id/receipt."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN}
    takes: ClassVar[Takes] = {"GET": ReceiptQuery}

    async def get(self, event_id: str) -> None:
        """Answer the receipt of an event; what is not sealed yet is sealed for it.

        With `through`, seals up to that number are in it, for a digest written down later.
        """
        sent, context = self.query(), self.context
        books = context.books
        event = await find_event(books.store, context.archive_dir, event_id)
        if event is None or (self.own and not await self.is_own(event["account"])):
            raise ApiError(404, f"there is no event {event_id[:200]}")
        try:
            seal = await seal_of(books, context.signer, event)
        except NotSealed as error:
            raise ApiError(409, str(error)) from None
        receipt = await make_receipt(
            books.store,
            seal,
            event,
            archives_dir=context.archive_dir,
            through=sent.get("through"),
        )
        self.ok(receipt)


class OwnReceiptHandler(ReceiptHandler):
    """GET /api/ledger/self/events/:id/receipt."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_COMMON}
    own: ClassVar[bool] = True


class SealsHandler(LedgerBase):
    """GET /api/ledger/seals."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_COMMON}
    takes: ClassVar[Takes] = {"GET": SealsQuery}

    async def get(self) -> None:
        """Answer the digests of seals, newest first, for anyone to write down.

        What they bind is counted for admins only: how much others use is nobody's business.
        """
        sent, store = self.query(), self.context.books.store
        last = await seals.latest(store)
        newest = last.number if last else 0
        first = min(newest, sent.get("before", newest + 1) - 1)
        events = await seals.by_numbers(store, range(max(1, first - sent["limit"] + 1), first + 1))
        found = [self._line(Seal.of(event["body"])) for event in reversed(events)]
        following = found[-1]["number"] if found and found[-1]["number"] > 1 else None
        self.ok(found, total=newest, next=following)

    def _line(self, seal: Seal) -> dict[str, Any]:
        line = seal.to_json()
        if self.me.role < ROLE_ADMIN:
            del line["events"], line["writers"]
        return line
