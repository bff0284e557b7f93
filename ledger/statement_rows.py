"""Statements as tables: the rows that every format of a statement shows.

Owns the columns of a statement. Promises that all formats have the same cells, that summing the
column `amount` gives closing less opening (opening, closing and totals have their amounts in
columns of their own), and that a user's own statement has no column for channels and upstream
costs.
"""

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from ledger.money import usd
from ledger.statements import IN_TIME, BadStatement, Group, Line, Statement
from ledger.tables import Column, Values, columns, json_object

_EVENT = ("line", "time:time", "effective:time", "event", "type", "what", "model", "key:integer")
_GROUP = ("line", "group")
_OPERATOR = ("channel:integer", "cost:money")
_TOKENS = ("input_tokens:integer", "output_tokens:integer")
_AMOUNTS = ("amount:money", "amount_nano:nano", "balance:money", "balance_nano:nano")
_HEADING = columns(
    *("account", "from:time", "to:time", "by", "known_at:time", "group"),
    *("opening:money", "opening_nano:nano"),
)
_TOTALS = ("count:integer", "total:money")

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class View:
    """How a statement is shown: `group` one of GROUPS or None; `own` to the user whom it is about.

    Raises BadStatement when users ask for what is the operator's business.
    """

    group: str | None = None
    own: bool = False

    def __post_init__(self) -> None:
        if self.own and self.group == "channel":
            raise BadStatement("your own statement can't be grouped by channel")

    @property
    def table(self) -> tuple[Column, ...]:
        """The columns of every row."""
        operator = () if self.own else _OPERATOR
        if self.group is None:
            return columns(*_EVENT, *operator, *_TOKENS, *_AMOUNTS, *_TOTALS)
        return columns(*_GROUP, *operator[1:], "count:integer", *_TOKENS, *_AMOUNTS)


async def rows(statement: Statement, view: View) -> AsyncGenerator[Values, None]:
    """Yield the rows of a statement: the opening, all movements or groups, totals, the closing."""
    names = [column.name for column in view.table]
    async with aclosing(records(statement, view)) as found:
        async for record in found:
            yield [record.get(name) for name in names]


async def records(statement: Statement, view: View) -> AsyncGenerator[Record, None]:
    """Yield the rows as records; what a row has nothing to say about is left out."""
    yield _edge("opening", statement.opening_nano, statement.from_us or None)
    if view.group is None:
        async with aclosing(statement.lines()) as lines:
            async for line in lines:
                yield _event(line)
        for total in _sorted(statement.totals.values()):
            yield _total(total)
    else:
        in_time = view.group in IN_TIME
        for group in await statement.groups(view.group):
            yield _group(group) | (_balance(group.balance_nano) if in_time else {})
    yield _edge("closing", statement.closing_nano, statement.to_us)


def heading(statement: Statement, view: View) -> Record:
    """Return what a statement says before its rows, as a JSON object."""
    values = {
        "account": statement.account,
        "from": statement.from_us or None,
        "to": statement.to_us,
        "by": statement.by,
        "known_at": statement.known_us,
        "group": view.group,
        "opening": statement.opening_nano,
        "opening_nano": statement.opening_nano,
    }
    return _json(_HEADING, values)


def ending(statement: Statement, view: View) -> Record:
    """Return what a statement says behind its rows, as a JSON object."""
    table = View("type", own=view.own).table
    totals = [_group(total) for total in _sorted(statement.totals.values())]
    return {
        "closing": usd(statement.closing_nano),
        "closing_nano": statement.closing_nano,
        "totals": [_json(table, total) for total in totals],
    }


def _sorted(totals: Iterable[Group]) -> list[Group]:
    return sorted(totals, key=lambda total: str(total.name))


def _json(table: tuple[Column, ...], record: Record) -> Record:
    return json_object(table, [record.get(column.name) for column in table])


def _edge(line: str, balance_nano: int, time_us: int | None) -> Record:
    return {"line": line, "time": time_us} | _balance(balance_nano)


def _balance(nano: int) -> Record:
    return {"balance": nano, "balance_nano": nano}


def _event(line: Line) -> Record:
    moved = line.moved
    return {
        "line": "event",
        "time": moved.ts,
        "effective": moved.at,
        "event": moved.id,
        "type": moved.type,
        "what": moved.what,
        "model": moved.model,
        "key": moved.key,
        "channel": moved.channel,
        "cost": moved.cost_nano,
        "input_tokens": moved.input_tokens,
        "output_tokens": moved.output_tokens,
        "amount": moved.amount_nano,
        "amount_nano": moved.amount_nano,
    } | _balance(line.balance_nano)


def _total(total: Group) -> Record:
    return {
        "line": "total",
        "type": total.name,
        "input_tokens": total.input_tokens,
        "output_tokens": total.output_tokens,
        "count": total.count,
        "total": total.amount_nano,
    }


def _group(group: Group) -> Record:
    return {
        "line": "group",
        "group": group.name,
        "cost": group.cost_nano,
        "count": group.count,
        "input_tokens": group.input_tokens,
        "output_tokens": group.output_tokens,
        "amount": group.amount_nano,
        "amount_nano": group.amount_nano,
    }
