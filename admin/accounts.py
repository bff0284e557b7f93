"""Reading and setting balances for the management API.

A balance is never written: setting it records an event with the difference, so that what was
charged in between stays charged.
"""

import uuid
from collections.abc import Sequence

from gateway.directory.users import User
from ledger import accounts
from ledger.accounts import balance_nano
from ledger.books import Books
from ledger.events import Document, Draft
from ledger.money import nano_from_quota, quota_floor
from ledger.store import Store


async def set_quota(books: Books, account: str, quota: int, *, actor: str, reason: str) -> int:
    """Bring an account to a quota by an event with the difference; returns that, in nano-dollars.

    Nothing is recorded when the account shows this quota already. Raises InsufficientCredit when
    the difference is in use by running requests.
    """
    current_nano = balance_nano(await accounts.read(books.store, account))
    if quota_floor(current_nano) == quota:
        return 0
    target_nano = nano_from_quota(quota)
    return await adjust(books, account, current_nano, target_nano, actor=actor, reason=reason)


async def adjust(
    books: Books, account: str, from_nano: int, to_nano: int, *, actor: str, reason: str
) -> int:
    """Record the difference between two balances, holding it first when it takes credit away."""
    difference = to_nano - from_nano
    body = {"reason": reason, "from_nano": from_nano, "to_nano": to_nano}
    draft = Draft(f"adjust:{uuid.uuid4()}", "balance.adjusted", account, difference, actor, body)
    if difference < 0:
        await books.debit(draft)
    else:
        await books.record(draft)
    return difference


async def account_of(store: Store, user: User) -> Document:
    """The account document of one user."""
    return await accounts.read(store, user.account)


async def order_by(store: Store, prefix: str, order: str, ids: Sequence[int]) -> list[int]:
    """Sort ids of accounts `prefix:ID` by what the books say of them, largest first.

    `order` is quota (or remain_quota), used_quota or request_count. Reads accounts as a stream and
    keeps one number for each id.
    """
    values = dict.fromkeys(ids, 0)
    span = {"_id": {"$gte": f"{prefix}:", "$lt": f"{prefix};"}}
    async for document in store.find("accounts", span):
        number = int(document["_id"].partition(":")[2])
        if number in values:
            values[number] = _value(document, order)
    return sorted(values, key=lambda number: (values[number], number), reverse=True)


def _value(document: Document, order: str) -> int:
    if order == "used_quota":
        return int(document.get("spent", 0)) - int(document.get("refunded", 0))
    if order == "request_count":
        return int(document.get("requests", 0))
    return balance_nano(document)
