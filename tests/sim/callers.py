"""Who calls in a process: the requests of a gateway, and whoever moves money by hand.

Each caller tells the auditor what it asks for and what it was told.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

from ledger.errors import (
    BooksUnavailable,
    Fenced,
    InsufficientCredit,
    KeyReused,
    StoreError,
)
from ledger.events import Draft, Receipt
from ledger.lot_expiry import expire
from ledger.lot_names import body_of
from tests.ledger.drafts import recharge
from tests.sim.auditor import Asked, Auditor
from tests.sim.disk import FakeOs
from tests.sim.process import SimProcess
from tests.sim.requests import GUARDED, LIMITED_KEY, TOKEN, USERS, Requests
from tests.sim.server import EPOCH_US

# How often which kind of caller comes: requests, credits, debits, repeats, recalls.
USUAL = (8, 2, 2, 2, 1)


class Callers:
    """Draws callers and sends them into processes."""

    def __init__(self, rng: random.Random, auditor: Auditor, disk: FakeOs) -> None:
        self.rng = rng
        self.auditor = auditor
        self.disk = disk
        self.count = 0
        self.weights = USUAL
        self.has_lots = rng.random() < 0.35
        self.requests = Requests(rng, self)
        self.used: list[tuple[Callable[[SimProcess, Draft], Awaitable[None]], Draft]] = []
        self.outcomes: dict[str, int] = {}

    def next(self, process: SimProcess) -> None:
        """Send one caller into a process; it may be cancelled at any moment."""
        self.count += 1
        kinds = (self.requests.any, self._credit, self._debit, self._again, self._recall)
        (kind,) = self.rng.choices(kinds, self.weights)
        task = process.start(self._guarded(kind, process, self.count), f"caller {self.count}")
        process.callers.append(task)
        if self.rng.random() < 0.15:
            delay = self.rng.choice((0.002, 0.2, 3)) * self.rng.random()
            process.loop.call_later(delay, task.cancel, context=process.context.copy())

    async def _guarded(self, kind: Any, process: SimProcess, number: int) -> None:
        try:
            await kind(process, number)
        except asyncio.CancelledError:
            self.saw("cancelled")
        except Exception as error:  # what the auditor found, or what no caller should ever see
            process.loop.failure = error

    def saw(self, outcome: str) -> None:
        """Count what became of a caller."""
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1

    # -- kinds ------------------------------------------------------------------------------------

    async def _credit(self, process: SimProcess, number: int) -> None:
        rng = self.rng
        account = f"user:{rng.choice(USERS)}"
        amount = rng.randint(1, 60) * TOKEN
        draft = rng.choice((
            self._recharge(number, account, amount),
            Draft(
                f"redeem:{number}", "redemption.redeemed", account, amount, account,
                {"code": number, "name": "gift", "creator": 1},
            ),
            Draft(
                f"adjust:{number}", "balance.adjusted", f"key:{LIMITED_KEY}", amount, "user:1",
                {"reason": "limit"},
            ),
        ))  # fmt: skip
        await self.keep(process, draft)

    def _recharge(self, number: int, account: str, amount: int) -> Draft:
        """Money in; with lots, most of it as a gift or payment of its own, that may expire."""
        draft, rng = recharge(str(number), account, amount), self.rng
        if self.has_lots and rng.random() < 0.8:
            expires_s = EPOCH_US // 1_000_000 + rng.randint(5, 150)
            source, until = rng.choice((("gift", expires_s), ("gift", None), ("paid", None)))
            draft.body["lot"] = body_of(draft.id, source, until)
        return draft

    async def keep(self, process: SimProcess, draft: Draft) -> None:
        """Record money in."""
        books = process.books
        assert books is not None
        self.used.append((self.keep, draft))
        await self._record(process, draft, books.record(draft), at_once=True)

    async def _debit(self, process: SimProcess, number: int) -> None:
        account = self.rng.choice(GUARDED)
        amount = self.rng.randint(1, 30) * TOKEN
        draft = Draft(
            f"debit:{number}", "balance.adjusted", account, -amount, "user:1",
            {"reason": "correction"},
        )  # fmt: skip
        await self._take(process, draft)

    async def _take(self, process: SimProcess, draft: Draft) -> None:
        books = process.books
        assert books is not None
        self.used.append((self._take, draft))
        await self._record(process, draft, books.debit(draft, wait_s=self.rng.choice((0, 2, 8))))

    async def _again(self, process: SimProcess, number: int) -> None:
        """Send something that was sent before, here or elsewhere; sometimes with other content."""
        if not self.used:
            return
        how, draft = self.rng.choice(self.used[-10:])
        if self.rng.random() < 0.3:
            more = TOKEN if draft.amount_nano > 0 else -TOKEN
            draft = Draft(
                draft.id, draft.type, draft.account, draft.amount_nano + more, draft.actor,
                draft.body,
            )  # fmt: skip
        await how(process, draft)

    async def _recall(self, process: SimProcess, number: int) -> None:
        """Do what chores do, at any time: give back what is idle, forget slices, expire lots."""
        books = process.books
        assert books is not None
        try:
            await books.credit.recall(self.rng.choice(GUARDED))
            await books.credit.return_idle(0, settled=books._all_projected)
            if self.has_lots:
                await expire(books, grace_us=0)
        except (StoreError, BooksUnavailable):
            self.saw("not recalled")

    async def _record(
        self,
        process: SimProcess,
        draft: Draft,
        recording: Awaitable[Receipt],
        *,
        at_once: bool = False,
    ) -> None:
        call = self.auditor.asks(draft)
        try:
            receipt = await recording
        except InsufficientCredit:
            self.auditor.refused(call, draft)
            self.saw("InsufficientCredit")
        except KeyReused:
            self.auditor.contradicted(call, draft)
            self.saw("KeyReused")
        except asyncio.CancelledError:
            if at_once:
                self.auditor.left(call, process)
            raise
        except Fenced:
            self.saw("Fenced")  # it may be recorded or not
        except (StoreError, BooksUnavailable) as error:
            self.saw(type(error).__name__)
        else:
            self.told(process, call, draft, receipt)

    def told(self, process: SimProcess, call: Asked, draft: Draft, receipt: Receipt) -> None:
        """Show the auditor a receipt."""
        where = process.machine.spill_dir
        needle = b'"id":"%b"' % draft.id.encode()
        on_disk = receipt.spilled and where is not None and self.disk.has(where, needle)
        self.auditor.answered(call, draft, receipt, on_disk=on_disk)
        kind = "spilled" if receipt.spilled else "replayed" if receipt.replayed else "recorded"
        self.saw(kind)
