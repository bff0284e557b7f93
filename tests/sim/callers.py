"""What callers do in a process: the requests of a gateway, and whoever moves money by hand.

Each caller tells the auditor what it asks for and what it was told, and resolves its hold as the
relay does.
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
from tests.ledger.drafts import charge, recharge
from tests.sim.auditor import Asked, Auditor
from tests.sim.disk import FakeOs
from tests.sim.process import SimProcess

USERS = (1, 2)
LIMITED_KEY = 7
FREE_KEYS = (8, 9)
CHANNEL = 3
GUARDED = ("user:1", "user:2", f"key:{LIMITED_KEY}")
TOKEN = 1_000


class Callers:
    """Draws callers and sends them into processes."""

    def __init__(self, rng: random.Random, auditor: Auditor, disk: FakeOs) -> None:
        self.rng = rng
        self.auditor = auditor
        self.disk = disk
        self.count = 0
        self.longest_s = rng.choice((0.05, 2, 15, 60))  # how long requests run
        self.used: list[tuple[Callable[[SimProcess, Draft], Awaitable[None]], Draft]] = []
        self.outcomes: dict[str, int] = {}

    def next(self, process: SimProcess) -> None:
        """Send one caller into a process; it may be cancelled at any moment."""
        self.count += 1
        kinds = (
            (self._request, 8),
            (self._credit, 2),
            (self._debit, 2),
            (self._again, 2),
            (self._recall, 1),
        )
        weights = [weight for _, weight in kinds]
        ((kind, _),) = self.rng.choices(kinds, weights)
        task = process.start(self._guarded(kind, process, self.count), f"caller {self.count}")
        process.callers.append(task)
        if self.rng.random() < 0.15:
            delay = self.rng.choice((0.002, 0.2, 3)) * self.rng.random()
            process.loop.call_later(delay, task.cancel, context=process.context.copy())

    async def _guarded(self, kind: Any, process: SimProcess, number: int) -> None:
        try:
            await kind(process, number)
        except asyncio.CancelledError:
            self._count("cancelled")
        except Exception as error:  # what the auditor found, or what no caller should ever see
            process.loop.failure = error

    def _count(self, outcome: str) -> None:
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1

    # -- kinds ------------------------------------------------------------------------------------

    async def _request(self, process: SimProcess, number: int) -> None:
        """Hold, think, charge, settle: as gateway/relay does."""
        books, rng = process.books, self.rng
        assert books is not None
        user = rng.choice(USERS)
        key = LIMITED_KEY if user == 1 and rng.random() < 0.5 else rng.choice(FREE_KEYS)
        accounts = [f"user:{user}"] + ([f"key:{key}"] if key == LIMITED_KEY else [])
        estimate = rng.randint(1, 30) * TOKEN
        floor = rng.choice((None, TOKEN, estimate // 2))
        try:
            place = books.place()
        except BooksUnavailable as error:
            return self._count(type(error).__name__)
        hold = None
        try:
            hold = await books.credit.hold(
                accounts, estimate, floor_nano=floor, wait_s=rng.choice((0, 1, 5))
            )
            await asyncio.sleep(rng.choice((0, 0.1, 1)) * self.longest_s * rng.random())
            if rng.random() < 0.2:
                await books.credit.extend(hold, hold.amount_nano + rng.randint(1, 20) * TOKEN)
            if rng.random() < 0.15:
                return self._count("given up")
            tokens = rng.randint(0, hold.amount_nano // TOKEN)
            draft = charge(
                f"r{number}", tokens, user=user, key=key, channel=CHANNEL, held=tuple(accounts)
            )
            await self._charge(process, draft, hold, place)
        except (InsufficientCredit, StoreError, BooksUnavailable) as error:
            self._count(type(error).__name__)
        finally:
            if hold is not None:
                hold.release()
            place.release()

    async def _charge(self, process: SimProcess, draft: Draft, hold: Any, place: Any) -> None:
        assert process.books is not None
        call = self.auditor.asks(draft)
        try:
            receipt = await process.books.append(draft, place)
        except BaseException as error:  # it may be recorded all the same: the credit stays spent
            hold.settle(-draft.amount_nano)
            if isinstance(error, asyncio.CancelledError):
                self.auditor.left(call, process)
            raise
        hold.settle(0 if receipt.replayed else -draft.amount_nano)
        self._told(process, call, draft, receipt)

    async def _credit(self, process: SimProcess, number: int) -> None:
        rng = self.rng
        account = f"user:{rng.choice(USERS)}"
        amount = rng.randint(1, 60) * TOKEN
        draft = rng.choice((
            recharge(str(number), account, amount),
            Draft(
                f"redeem:{number}", "redemption.redeemed", account, amount, account,
                {"code": number, "name": "gift", "creator": 1},
            ),
            Draft(
                f"adjust:{number}", "balance.adjusted", f"key:{LIMITED_KEY}", amount, "user:1",
                {"reason": "limit"},
            ),
        ))  # fmt: skip
        await self._keep(process, draft)

    async def _keep(self, process: SimProcess, draft: Draft) -> None:
        books = process.books
        assert books is not None
        self.used.append((self._keep, draft))
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
        await self._record(process, draft, books.debit(draft, wait_s=self.rng.choice((0, 2))))

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
        assert process.books is not None
        try:
            await process.books.credit.recall(self.rng.choice(GUARDED))
            await process.books.credit.return_idle(0)
        except StoreError:
            self._count("not recalled")

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
            self._count("InsufficientCredit")
        except KeyReused:
            self.auditor.contradicted(call, draft)
            self._count("KeyReused")
        except asyncio.CancelledError:
            if at_once:
                self.auditor.left(call, process)
            raise
        except Fenced:
            self._count("Fenced")  # it may be recorded or not
        except (StoreError, BooksUnavailable) as error:
            self._count(type(error).__name__)
        else:
            self._told(process, call, draft, receipt)

    def _told(self, process: SimProcess, call: Asked, draft: Draft, receipt: Receipt) -> None:
        where = process.machine.spill_dir
        needle = b'"id":"%b"' % draft.id.encode()
        on_disk = receipt.spilled and where is not None and self.disk.has(where, needle)
        self.auditor.answered(call, draft, receipt, on_disk=on_disk)
        kind = "spilled" if receipt.spilled else "replayed" if receipt.replayed else "recorded"
        self._count(kind)
