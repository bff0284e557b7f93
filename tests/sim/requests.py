"""The requests of a gateway: hold, call upstream, charge.

Some are recorded in two steps, append and settle, the others as gateway/relay does it: budgets and
lots beside the balance, one `charge` that resolves every hold. Any of them may be cancelled at any
await.
"""

import asyncio
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ledger.errors import BooksUnavailable, InsufficientCredit, KeyReused, StoreError
from ledger.events import Draft
from ledger.periods import Budget
from tests.ledger.drafts import charge
from tests.sim.process import SimProcess

if TYPE_CHECKING:
    from tests.sim.callers import Callers

USERS = (1, 2)
LIMITED_KEY = 7
FREE_KEYS = (8, 9)
CHANNEL = 3
GUARDED = ("user:1", "user:2", f"key:{LIMITED_KEY}")
TOKEN = 1_000


@dataclass(frozen=True, slots=True)
class Owner:
    """A user or key with a budget, as an admin left it at some time."""

    account: str
    budgets: tuple[Budget, ...]
    changed_us: int
    budget_timezone: str = ""


@dataclass(slots=True)
class Wish:
    """One request: who asks, what it may cost, what it will."""

    id: str
    user: int
    key: int
    accounts: list[str]
    estimate: int
    floor: int | None
    wait_s: float
    tokens: int
    longer: bool


class Requests:
    """Draws requests and runs them."""

    def __init__(self, rng: random.Random, callers: "Callers") -> None:
        self.rng = rng
        self.callers = callers
        self.longest_s = rng.choice((0.05, 2, 15, 60))  # how long requests run
        self.owners: dict[str, list[Owner]] = {}
        for account, period in (("key:8", "day"), ("user:2", "week")):
            if rng.random() < 0.35:
                self.owners[account] = []
                self._limit(account, period)

    def _limit(self, account: str, period: str) -> None:
        """An admin sets a budget."""
        limit, known = self.rng.choice((10, 40, 150)) * TOKEN, self.owners[account]
        changed_us = 1 + len(known)
        known.append(Owner(account, (Budget(period, limit),), changed_us))
        self.callers.auditor.limits_to(account, changed_us, limit)

    def _budgeted(self, wish: Wish) -> list[Owner]:
        """Return the budgets of a request, as a process knows them that may lag behind."""
        known = [self.owners.get(f"user:{wish.user}"), self.owners.get(f"key:{wish.key}")]
        return [self.rng.choice(of[-2:]) for of in known if of]

    def _wish(self, number: int) -> Wish:
        rng = self.rng
        user = rng.choice(USERS)
        key = LIMITED_KEY if user == 1 and rng.random() < 0.5 else rng.choice(FREE_KEYS)
        accounts = [f"user:{user}"] + ([f"key:{key}"] if key == LIMITED_KEY else [])
        estimate = rng.randint(1, 30) * TOKEN
        return Wish(
            f"r{number}", user, key, accounts, estimate,
            floor=rng.choice((None, TOKEN, estimate // 2)), wait_s=rng.choice((0, 1, 5)),
            tokens=rng.randint(0, 40), longer=rng.random() < 0.5,
        )  # fmt: skip

    async def any(self, process: SimProcess, number: int) -> None:
        """Run one request of either kind."""
        rng, wish, hold = self.rng, self._wish(number), None
        assert process.books is not None
        if self.owners and rng.random() < 0.1:
            account, known = rng.choice(list(self.owners.items()))
            self._limit(account, known[0].budgets[0].period)
        try:
            place = process.books.place()
        except BooksUnavailable as error:
            return self.callers.saw(type(error).__name__)
        relayed = rng.random() < 0.5
        try:
            hold = await (self._reserve if relayed else self._hold)(process, wish)
            await asyncio.sleep(rng.choice((0, 0.1, 1)) * self.longest_s * rng.random())
            if rng.random() < 0.15:
                return self.callers.saw("given up")
            await (self._settle if relayed else self._charge)(process, wish, hold, place)
        except (InsufficientCredit, StoreError, BooksUnavailable) as error:
            self.callers.saw(type(error).__name__)
        finally:
            if hold is not None:
                hold.release()
            place.release()

    # -- in two steps -----------------------------------------------------------------------------

    async def _hold(self, process: SimProcess, wish: Wish) -> Any:
        assert process.books is not None
        return await process.books.credit.hold(
            wish.accounts, wish.estimate, floor_nano=wish.floor, wait_s=wish.wait_s
        )

    async def _charge(self, process: SimProcess, wish: Wish, hold: Any, place: Any) -> None:
        books, auditor = process.books, self.callers.auditor
        assert books is not None
        if wish.longer:
            await books.credit.extend(hold, wish.tokens * TOKEN)
        draft = _draft(wish, min(wish.tokens, hold.amount_nano // TOKEN), hold)
        call = auditor.asks(draft)
        try:
            receipt = await books.append(draft, place)
        except BaseException as error:  # it may be recorded all the same: the credit stays spent
            hold.settle(-draft.amount_nano)
            if isinstance(error, asyncio.CancelledError):
                auditor.left(call, process)
            raise
        hold.settle(0 if receipt.replayed else -draft.amount_nano)
        self.callers.told(process, call, draft, receipt)

    # -- as the relay does ------------------------------------------------------------------------

    async def _reserve(self, process: SimProcess, wish: Wish) -> Any:
        """Hold on balance and budgets, and see to it that lots are at hand."""
        books = process.books
        assert books is not None
        running = books.budgets.in_force(*self._budgeted(wish))
        hold = None if running else books.credit.try_hold(wish.accounts, wish.estimate)
        if hold is None:
            hold = await books.budgets.hold(
                wish.accounts, running, wish.estimate, floor_nano=wish.floor, wait_s=wish.wait_s
            )
        try:
            user = f"user:{wish.user}"
            if books.lots.any(user):
                await books.lots.prepare(user, wish.estimate)
        except BaseException:
            hold.release()
            raise
        return hold

    async def _settle(self, process: SimProcess, wish: Wish, hold: Any, place: Any) -> None:
        """Charge as far as the credit goes, first from lots."""
        books, due = process.books, wish.tokens * TOKEN
        assert books is not None
        if due > hold.amount_nano and not await books.credit.extend(hold, due):
            due = hold.amount_nano // TOKEN * TOKEN
        draft, user = _draft(wish, due // TOKEN, hold), f"user:{wish.user}"
        holds = [(hold, due)]
        if due and books.lots.any(user):
            taken = await books.lots.take(user, due)
            if taken:
                draft.body["lots"] = [[held.accounts[0], nano] for held, nano in taken]
            holds += taken
        if "lots" not in draft.body:
            self.callers.used.append((self.repeat, draft))
        await self._record(process, draft, place, *holds)

    async def repeat(self, process: SimProcess, draft: Draft) -> None:
        """Charge what was charged before, here or elsewhere, with a hold of its own."""
        books = process.books
        assert books is not None
        accounts, hold = draft.body["hold"]["accounts"], None
        try:
            place = books.place()
        except BooksUnavailable as error:
            return self.callers.saw(type(error).__name__)
        try:
            hold = await books.credit.hold(accounts, -draft.amount_nano, wait_s=1)
            await self._record(process, draft, place, (hold, -draft.amount_nano))
        except (InsufficientCredit, StoreError, BooksUnavailable) as error:
            self.callers.saw(type(error).__name__)
        finally:
            if hold is not None:
                hold.release()
            place.release()

    async def _record(
        self, process: SimProcess, draft: Draft, place: Any, *holds: tuple[Any, int]
    ) -> None:
        assert process.books is not None
        call = self.callers.auditor.asks(draft)
        try:
            receipt = await process.books.charge(draft, place, *holds)
        except KeyReused:
            self.callers.auditor.contradicted(call, draft)
            self.callers.saw("KeyReused")
        except asyncio.CancelledError:
            self.callers.auditor.left(call, process)
            raise
        else:
            self.callers.told(process, call, draft, receipt)


def _draft(wish: Wish, tokens: int, hold: Any) -> Draft:
    return charge(
        wish.id, tokens, user=wish.user, key=wish.key, channel=CHANNEL, held=tuple(hold.accounts)
    )
