"""The balances of all users, now or as of a time, a page at a time."""

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from admin.base import ApiHandler, Takes
from admin.schemas.ledger import BalancesQuery
from gateway.directory.users import ROLE_ADMIN
from ledger.balances import NOW, AsOf, balance_at, exact_balances
from ledger.history import History
from ledger.money import usd

_AT_ONCE = 8


class BalancesHandler(ApiHandler):
    """GET /api/ledger/balances?at=&known_at=&after=&limit=."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN}
    takes: ClassVar[Takes] = {"GET": BalancesQuery}

    async def get(self) -> None:
        """Answer the balances of users in the order of their ids, deleted ones included.

        They are what an account's events add up to, as `GET /api/ledger/balance` has them.
        """
        sent = self.query()
        known = await self._users()
        ids = [number for number in known if number > sent["after"]][: sent["limit"]]
        as_of = AsOf(sent.get("at_us"), sent.get("known_us"))
        balances = await self._balances([f"user:{number}" for number in ids], as_of)
        users = await self.context.directory.users.get_many(ids)
        rows = [
            {
                "account": account,
                "username": users[number].username if number in users else "",
                "balance": usd(nano),
                "balance_nano": nano,
            }
            for number, (account, nano) in zip(ids, balances.items(), strict=True)
        ]
        following = ids[-1] if len(ids) == sent["limit"] else None
        self.ok(rows, next=following, total=len(known))

    async def _users(self) -> list[int]:
        """The numbers of the users that have an account, in their order."""
        users = {"_id": {"$gte": "user:", "$lt": "user;"}}
        found = await self.context.books.store.find_list("accounts", users, projection={"_id": 1})
        return sorted(int(document["_id"].partition(":")[2]) for document in found)

    async def _balances(self, accounts: Sequence[str], as_of: AsOf) -> dict[str, int]:
        store = self.context.books.store
        if as_of == NOW:
            return await exact_balances(store, accounts)
        history = await History.open(store, self.context.archive_dir)
        turns = asyncio.Semaphore(_AT_ONCE)

        async def one(account: str) -> int:
            async with turns:
                return await balance_at(history, account, as_of)

        found = await asyncio.gather(*(one(account) for account in accounts))
        return dict(zip(accounts, found, strict=True))
