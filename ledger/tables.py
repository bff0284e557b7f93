"""Tables: rows of typed cells, as CSV and as JSON lines.

Owns how a cell looks in each text format. Promises that money is an exact decimal in USD, times
are RFC 3339 in UTC, and that no text runs as a formula when a spreadsheet opens the CSV. Refuses
other formats; ledger/xlsx.py writes the same rows as a workbook.
"""

import csv
import io
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from ledger.errors import LedgerError
from ledger.events import rfc3339
from ledger.money import usd

TEXT, INTEGER, NANO, MONEY, TIME, OBJECT = "text", "integer", "nano", "money", "time", "object"
CSV, JSONL = "csv", "jsonl"
TEXT_FORMATS = (CSV, JSONL)
Values = Sequence[Any]

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Column:
    """A column. The kind says what its values are and how they are written.

    A value is None or: TEXT str; INTEGER and NANO int (NANO may need all 64 bits); MONEY int in
    nano-dollars, written in USD; TIME int in microseconds since the epoch; OBJECT a JSON value.
    """

    name: str
    kind: str = TEXT


def columns(*named: str) -> tuple[Column, ...]:
    """Make columns from "name" (text) or "name:kind"."""
    pairs = (text.partition(":") for text in named)
    return tuple(Column(name, kind or TEXT) for name, _, kind in pairs)


def header(table: Sequence[Column]) -> str:
    """Return the first line of a CSV."""
    return _line([column.name for column in table])


def csv_line(table: Sequence[Column], values: Values) -> str:
    """Return a row as one line of CSV; what is not known is an empty cell."""
    return _line(
        [
            "" if value is None else _CSV[column.kind](value)
            for column, value in zip(table, values, strict=True)
        ]
    )


def json_line(table: Sequence[Column], values: Values) -> str:
    """Return a row as one line of JSON; equal rows are equal lines, wherever they were kept."""
    row = {
        column.name: None if value is None else _LINE[column.kind](value)
        for column, value in zip(table, values, strict=True)
    }
    return orjson.dumps(row).decode() + "\n"


def json_object(table: Sequence[Column], values: Values) -> dict[str, Any]:
    """Return a row as a JSON object; money and times are text."""
    return {
        column.name: None if value is None else _JSON[column.kind](value)
        for column, value in zip(table, values, strict=True)
    }


async def lines(
    form: str, table: Sequence[Column], rows: AsyncGenerator[Values, None]
) -> AsyncGenerator[str, None]:
    """Yield rows as lines of one of TEXT_FORMATS. Raises LedgerError for another."""
    if form not in TEXT_FORMATS:
        raise LedgerError(f"unknown format {form!r}; choose one of {', '.join(TEXT_FORMATS)}")
    if form == CSV:
        yield header(table)
    line = csv_line if form == CSV else json_line
    async with aclosing(rows):
        async for values in rows:
            yield line(table, values)


def json_text(value: Any) -> str:
    """Write a JSON value into one cell, with sorted keys."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def _json_part(value: Any) -> Any:
    return orjson.Fragment(json_text(value))


def disarmed(text: str) -> str:
    """Return text that a spreadsheet takes for text: an apostrophe disarms formulas."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _line(cells: list[object]) -> str:
    line = _written(cells, csv.QUOTE_MINIMAL)
    # The module leaves a bare carriage return unquoted, and readers then see two lines.
    return _written(cells, csv.QUOTE_ALL) if "\r" in line else line


def _written(cells: list[object], quoting: Literal[0, 1]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n", quoting=quoting).writerow(cells)
    return buffer.getvalue()


def _same(value: Any) -> Any:
    return value


_JSON: dict[str, Callable[[Any], Any]] = {
    TEXT: _same,
    INTEGER: _same,
    NANO: _same,
    MONEY: usd,
    TIME: rfc3339,
    OBJECT: _same,
}
_LINE: dict[str, Callable[[Any], Any]] = {**_JSON, OBJECT: _json_part}
_CSV: dict[str, Callable[[Any], Any]] = {**_JSON, TEXT: disarmed, OBJECT: json_text}
