"""Statements: what an account had, what moved it, and what it has then.

Owns the statement of any account for any period: the opening balance, each movement with the
balance after it (or sums of them by model, key, channel, day …), the closing balance. Promises that
it recomputes to the same numbers for ever, that the opening of one period is the closing of the one
before, that the closing of an open period is the balance, and constant memory however many rows.
A movement belongs to the period in which it was recorded (`by="ts"`), which nothing can change
afterwards; on request to the one in which it took effect (`by="at"`), as known at a time.

Refuses a period that ends before it begins, and groups that it does not know.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ledger import scan
from ledger.balances import AsOf, balance_at
from ledger.errors import LedgerError
from ledger.events import rfc3339
from ledger.history import History
from ledger.movements import Movement, movement
from ledger.sorting import in_order

RECORDED, EFFECTIVE = "ts", "at"
ORDERS = (RECORDED, EFFECTIVE)


class BadStatement(LedgerError):
    """There is no such statement; the message says why."""

    code = "bad_statement"


class Line(NamedTuple):
    """A movement and the balance after it, in nano-dollars."""

    moved: Movement
    balance_nano: int


@dataclass(slots=True)
class Group:
    """The movements that share something. `balance_nano` is the one after the last of them."""

    name: str | None
    count: int = 0
    amount_nano: int = 0
    cost_nano: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    balance_nano: int = 0

    def add(self, line: Line) -> None:
        """Count a movement."""
        moved = line.moved
        self.count += 1
        self.amount_nano += moved.amount_nano
        self.cost_nano += moved.cost_nano or 0
        self.input_tokens += moved.input_tokens or 0
        self.output_tokens += moved.output_tokens or 0
        self.balance_nano = line.balance_nano


def _numbered(kind: str, number: int | None) -> str | None:
    return None if number is None else f"{kind}:{number}"


#: What movements can be grouped by; the second argument is when one belongs, in microseconds.
GROUPS: dict[str, Callable[[Movement, int], str | None]] = {
    "type": lambda moved, us: moved.type,
    "model": lambda moved, us: moved.model,
    "key": lambda moved, us: _numbered("key", moved.key),
    "channel": lambda moved, us: _numbered("channel", moved.channel),
    "day": lambda moved, us: rfc3339(us)[:10],
    "month": lambda moved, us: rfc3339(us)[:7],
}
#: Groups in the order of time, whose balances follow each other.
IN_TIME = frozenset({"day", "month"})


@dataclass(slots=True)
class Statement:
    """A statement, read once from the beginning to the end; made by `open`.

    `closing_nano` and `totals` (by event type) are those of what was read so far, and final when
    all was. Times in microseconds; `to_us` is not included, None means until now.
    """

    history: History
    account: str
    owner: str | None
    from_us: int
    to_us: int | None
    by: str
    known_us: int | None
    opening_nano: int
    closing_nano: int
    totals: dict[str, Group] = field(default_factory=dict)

    @classmethod
    async def open(
        cls,
        history: History,
        account: str,
        *,
        owner: str | None = None,
        from_us: int | None = None,
        to_us: int | None = None,
        by: str = RECORDED,
        known_us: int | None = None,
    ) -> "Statement":
        """Compute the opening balance. Raises BadStatement.

        The `owner` of a key, as in user:42, makes its events much cheaper to find.
        Without `from_us` it begins with the books, where every account had nothing. `known_us`
        leaves out what was recorded later.
        """
        if by not in ORDERS:
            raise BadStatement(f"unknown order {by!r}; choose one of {', '.join(ORDERS)}")
        if from_us is not None and to_us is not None and to_us < from_us:
            raise BadStatement("the period ends before it begins")
        opening = 0
        if from_us is not None and from_us > 0:
            before = from_us - 1
            as_of = _as_of(by, before, known_us)
            opening = await balance_at(history, account, as_of, owner=owner)
        return cls(history, account, owner, from_us or 0, to_us, by, known_us, opening, opening)

    async def lines(self) -> AsyncGenerator[Line, None]:
        """Yield every movement with the balance after it, in order."""
        async with aclosing(self._in_order()) as movements:
            async for moved in movements:
                self.closing_nano += moved.amount_nano
                line = Line(moved, self.closing_nano)
                total = self.totals.get(moved.type)
                if total is None:
                    total = self.totals[moved.type] = Group(moved.type)
                total.add(line)
                yield line

    async def groups(self, by: str) -> list[Group]:
        """Return the sums of the movements by one of GROUPS, those without a name last.

        Raises BadStatement for another one.
        """
        if by not in GROUPS:
            raise BadStatement(f"unknown group {by!r}; choose one of {', '.join(GROUPS)}")
        name_of, found = GROUPS[by], dict[str | None, Group]()
        async with aclosing(self.lines()) as lines:
            async for line in lines:
                name = name_of(line.moved, self.time_of(line.moved))
                group = found.get(name)
                if group is None:
                    group = found[name] = Group(name)
                group.add(line)
        return sorted(found.values(), key=lambda group: _place(group.name))

    def time_of(self, moved: Movement) -> int:
        """Return the time that puts a movement into a period, in microseconds."""
        return moved.ts if self.by == RECORDED else moved.at

    async def _in_order(self) -> AsyncGenerator[Movement, None]:
        if self.by == RECORDED:
            async with aclosing(self._recorded(self.from_us, self._known(self.to_us))) as found:
                async for moved in found:
                    yield moved
            return
        # No event takes effect after it was recorded, so none was recorded before the period.
        recorded = self._recorded(self.from_us, self._known(None))
        async with aclosing(_by_effect(recorded, self.from_us, self.to_us)) as rows:
            async with aclosing(in_order(rows)) as in_effect:
                async for at, ts, event_id, *rest in in_effect:
                    yield Movement(ts, event_id, at, *rest)

    def _known(self, to_us: int | None) -> int | None:
        limits = [to_us, None if self.known_us is None else self.known_us + 1]
        return min((limit for limit in limits if limit is not None), default=None)

    async def _recorded(self, from_us: int, to_us: int | None) -> AsyncGenerator[Movement, None]:
        filters = scan.about(self.account, self.owner)
        events = self.history.read(filters, from_us=from_us, to_us=to_us)
        async with aclosing(events):
            async for event in events:
                moved = movement(self.account, event)
                if moved is not None:
                    yield moved


async def _by_effect(
    recorded: AsyncGenerator[Movement, None], from_us: int, to_us: int | None
) -> AsyncGenerator[tuple[Any, ...], None]:
    """Yield what took effect in a period, as rows that begin with their place in it."""
    async with aclosing(recorded):
        async for moved in recorded:
            if from_us <= moved.at and (to_us is None or moved.at < to_us):
                ts, event_id, at, *rest = moved
                yield (at, ts, event_id, *rest)


def _as_of(by: str, us: int, known_us: int | None) -> AsOf:
    if by == EFFECTIVE:
        return AsOf(at_us=us, known_us=known_us)
    return AsOf(known_us=us if known_us is None else min(us, known_us))


def _place(name: str | None) -> tuple[bool, str, int, str]:
    """Order names as people do: by kind, by number, then as text; none comes last."""
    kind, colon, number = (name or "").partition(":")
    if colon and number.isdigit():
        return False, kind, int(number), ""
    return name is None, name or "", 0, ""
