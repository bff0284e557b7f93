"""Lots in answers: what is left of gifts and of credit that ends, in the order of their use."""

from typing import Any

from admin.context import AdminContext
from ledger.events import Document
from ledger.lot_names import US_PER_S
from ledger.lots import of_user
from ledger.money import quota_floor, usd


async def open_lots(context: AdminContext, account: Document) -> list[dict[str, Any]]:
    """Return the lots of a user's account that may still be spent; asks only if there were any.

    What is left of a lot is no promise beyond the balance: both are spent together.
    """
    if not account.get("lots"):
        return []
    now_us = context.clock.now_us()
    return [
        {
            "id": lot.account.rpartition(":")[2],
            "source": lot.source,
            "left_quota": quota_floor(left),
            "left_usd": usd(left),
            "left_nano": left,
            "created_at": opened_us // US_PER_S,
            "expires_at": None if lot.expires_us is None else lot.expires_us // US_PER_S,
        }
        for lot, opened_us, left in await of_user(context.books.store, account["_id"])
        if left > 0 and lot.is_open(now_us)
    ]
