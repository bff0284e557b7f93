"""Budgets: how much a user or a key may spend in a day, a week or a month.

Owns the limits. A period of a budget is an account like any other,
`budget:<user|key>:<id>:<day|week|month>:<first day>`, from which requests hold credit beside their
user's and key's; what may be spent of it is `limit_nano` plus its balance, less all slices. So all
processes together never exceed a budget, and a hold settles into the period in which it was
admitted. Promises that the database is asked only when slices run out, a period begins or a limit
changes, and that a process that lags behind never puts an older limit in place of a newer one.
Refuses a hold that a budget does not cover, with what is used up and when it renews.
"""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from ledger.clock import Clock
from ledger.credit import Credit, Hold
from ledger.errors import BudgetExceeded, Duplicate, InsufficientCredit
from ledger.events import Document
from ledger.periods import US_PER_S, Limited, Term, renewal, terms_of
from ledger.store import Store

MAX_OWNERS = 100_000


@dataclass(slots=True, eq=False)
class Running:
    """The periods of one owner's budgets until the first of them renews.

    `ready` says that their limits are in the accounts, so that holds need not ask anybody.
    """

    changed_us: int
    until_us: int
    terms: tuple[Term, ...]
    ready: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def says_the_same(self, other: "Running") -> bool:
        """Whether another one means the same accounts with the same limits."""
        mine = [(term.account, term.limit_nano) for term in self.terms]
        return mine == [(term.account, term.limit_nano) for term in other.terms]


class Budgets:
    """The budgets in force, as one process knows them."""

    def __init__(self, store: Store, clock: Clock, credit: Credit) -> None:
        self._store = store
        self._clock = clock
        self._credit = credit
        self._owners: dict[str, Running] = {}

    def in_force(self, *owners: Limited) -> tuple[Running, ...]:
        """Return what is running now of these owners' budgets. Never asks the database."""
        now_us = self._clock.now_us()
        return tuple(self._known(owner, now_us) for owner in owners if owner.budgets)

    async def hold(
        self,
        accounts: Sequence[str],
        running: Iterable[Running],
        amount_nano: int,
        *,
        floor_nano: int | None = None,
        wait_s: float = 10.0,
    ) -> Hold:
        """Hold on accounts and budgets together, as `Credit.hold` does, setting limits first.

        Raises BudgetExceeded when it is a budget that does not suffice.
        """
        running = tuple(running)
        for known in running:
            if not known.ready:
                await self._make_ready(known)
        terms = {term.account: term for known in running for term in known.terms}
        try:
            return await self._credit.hold(
                [*accounts, *terms], amount_nano, floor_nano=floor_nano, wait_s=wait_s
            )
        except InsufficientCredit as error:
            term = terms.get(error.account)
            if term is None:
                raise
            raise self._exceeded(term, error) from None

    def _known(self, owner: Limited, now_us: int) -> Running:
        known = self._owners.get(owner.account)
        if known is not None and known.changed_us == owner.changed_us and now_us < known.until_us:
            return known
        terms = terms_of(owner, now_us)
        fresh = Running(owner.changed_us, min(term.renews_us for term in terms), terms)
        if known is not None:
            fresh.ready = known.ready and known.says_the_same(fresh)
        elif len(self._owners) >= MAX_OWNERS:
            self._owners.clear()
        self._owners[owner.account] = fresh
        return fresh

    async def _make_ready(self, known: Running) -> None:
        async with known.lock:
            if known.ready:
                return
            for term in known.terms:
                await self._set_limit(term)
                # What this process has in hand may have been granted under a higher limit.
                await self._credit.recall(term.account)
            known.ready = True

    async def _set_limit(self, term: Term) -> None:
        older = {"_id": term.account, "limit_us": {"$lt": term.changed_us}}
        # An account that was rebuilt from events alone is there without a limit.
        bare = {"_id": term.account, "limit_us": {"$exists": False}}
        for guard in (older, bare):
            with suppress(Duplicate):
                await self._store.update_one("accounts", guard, _limit(term), upsert=True)
                return

    def _exceeded(self, term: Term, error: InsufficientCredit) -> BudgetExceeded:
        left_us = max(0, term.renews_us - self._clock.now_us())
        return BudgetExceeded(
            term.account,
            error.needed_nano,
            error.available_nano,
            period=term.period,
            limit_nano=term.limit_nano,
            renews=renewal(term),
            retry_after_s=-(-left_us // US_PER_S),
        )


def _limit(term: Term) -> Document:
    return {"$set": {"limit_nano": term.limit_nano, "limit_us": term.changed_us}}
