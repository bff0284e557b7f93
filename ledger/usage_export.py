"""What an upstream says that it was asked: its export of usage or costs, read row by row.

Owns the reading of a CSV whose columns somebody has mapped to ours. Promises that a row that can't
be read is told with its line and the reason, and never stops the others; that amounts are exact to
the nano-dollar, rounded to the nearest; and constant memory. Refuses a mapping that names a column
which the file does not have, naming those that it has.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import Any

from ledger.errors import LedgerError
from ledger.money import MAX_NANO, NANO_PER_USD

FIELDS = ("request_id", "model", "time", "input", "output", "cost")
MAX_TEXT = 500
_LATEST_US = 253_402_300_800_000_000
_NANO = Context(prec=60, rounding=ROUND_HALF_EVEN)
_GROUPED = re.compile(r"-?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Columns = Mapping[str, str]


class BadExport(LedgerError):
    """The file or its mapping can't be used at all; the message says why."""

    code = "bad_export"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the export; None where it says nothing or nothing is mapped."""

    line: int
    request_id: str | None = None
    model: str | None = None
    time_us: int | None = None
    input: int | None = None
    output: int | None = None
    cost_nano: int | None = None


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that can't be read, and why."""

    line: int
    message: str


def parse_mapping(text: str) -> dict[str, str]:
    """Read `request_id=Request ID,model=Model,…`. Raises BadExport."""
    mapping: dict[str, str] = {}
    for part in text.split(","):
        field, equals, column = part.partition("=")
        if not equals or not column.strip():
            raise BadExport(f"the mapping {part.strip()!r:.60} is not field=column")
        mapping[field.strip()] = column.strip()
    return checked_mapping(mapping)


def checked_mapping(mapping: Mapping[str, Any]) -> dict[str, str]:
    """Return a mapping from our fields to columns. Raises BadExport."""
    for field, column in mapping.items():
        if field not in FIELDS:
            raise BadExport(f"there is no field {field!r:.40}; there are {', '.join(FIELDS)}")
        if not isinstance(column, str) or not column:
            raise BadExport(f"{field}: the name of a column is needed")
    if "request_id" not in mapping and "time" not in mapping:
        raise BadExport("map request_id or time: rows can't be matched by anything else")
    if len(mapping) < 2:
        raise BadExport("map one field more: there is nothing to compare")
    return dict(mapping)


def read_export(lines: Iterable[str], mapping: Columns) -> Iterator[Row | BadRow]:
    """Yield the rows of a CSV whose first line names its columns.

    Raises BadExport when there is no such line or a mapped column is missing.
    """
    # Some exports carry the byte order mark into the first column's name.
    source = _Lines(lines)
    first = source.first.removeprefix("\ufeff")
    if not first.strip():
        raise BadExport("the file is empty: its first line must name the columns")
    delimiter = max(",;\t|", key=first.count)
    reader = csv.reader(source.rest(first), delimiter=delimiter, strict=True)
    header = next(reader)
    places = _places(header, mapping)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield BadRow(reader.line_num, f"not CSV: {error}")
            continue
        if any(cell.strip() for cell in cells):
            yield _row(reader.line_num, cells, places, len(header))


class _Lines:
    """Lines of which the first was looked at."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self.first = next(self._lines, "")

    def rest(self, first: str) -> Iterator[str]:
        yield first
        for line in self._lines:
            yield line.replace("\0", "")


def _places(header: list[str], mapping: Columns) -> dict[str, int]:
    """Find the mapped columns, by their names or else whatever their case."""
    exact = {name.strip(): at for at, name in reversed(list(enumerate(header)))}
    loose = {name.casefold(): at for name, at in exact.items()}
    places = {}
    for field, column in mapping.items():
        at = exact.get(column, loose.get(column.casefold()))
        if at is None:
            names = ", ".join(name.strip() for name in header)
            raise BadExport(f"the file has no column {column!r:.80}; it has {names:.500}")
        places[field] = at
    return places


def _row(line: int, cells: list[str], places: Mapping[str, int], width: int) -> Row | BadRow:
    if len(cells) < max(places.values()) + 1:
        return BadRow(line, f"has {len(cells)} columns instead of {width}")
    read: dict[str, Any] = {}
    for field, at in places.items():
        text = cells[at].strip()
        try:
            read[field] = _READERS[field](text) if text else None
        except ValueError as error:
            return BadRow(line, f"{field}: {error}")
    if read.get("request_id") is None and read.get("time") is None:
        return BadRow(line, "has neither a request id nor a time")
    return Row(
        line,
        read.get("request_id"),
        read.get("model"),
        read.get("time"),
        read.get("input"),
        read.get("output"),
        read.get("cost"),
    )


def _text(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise ValueError(f"longer than {MAX_TEXT} characters")
    return text


def _number(text: str) -> Decimal:
    plain = text.replace(",", "") if _GROUPED.fullmatch(text) else text
    try:
        value = Decimal(plain)
    except InvalidOperation:
        raise ValueError(f"{text!r:.60} is not a number") from None
    if not value.is_finite() or abs(value.adjusted()) > 40:
        raise ValueError(f"{text!r:.60} is not a usable number")
    return value


def _count(text: str) -> int:
    value = _number(text)
    if value != value.to_integral_value() or not 0 <= value < 10**15:
        raise ValueError(f"{text!r:.60} is not a count of tokens")
    return int(value)


def _cost(text: str) -> int:
    value = _number(text.removeprefix("US").removeprefix("$").removesuffix("USD").strip())
    nano = int(_NANO.multiply(value, Decimal(NANO_PER_USD)).to_integral_value(ROUND_HALF_EVEN))
    if abs(nano) > MAX_NANO:
        raise ValueError(f"{text!r:.60} USD is more than the books can hold")
    return nano


def _time(text: str) -> int:
    """Read unix seconds, milliseconds or microseconds, or a date; UTC where it says nothing."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return _date(text)
    if not value.is_finite() or value < 0 or value.adjusted() > 17:
        raise ValueError(f"{text!r:.60} is not a time")
    scale = 1_000_000 if value < 10**11 else 1_000 if value < 10**14 else 1
    return _within(int(value * scale), text)


def _date(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text.removesuffix(" UTC"))
    except ValueError:
        raise ValueError(f"{text!r:.60} is not a time such as 2026-01-31T12:00:00Z") from None
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return _within((aware - _EPOCH) // (_EPOCH - _EPOCH).resolution, text)


def _within(us: int, text: str) -> int:
    if not 0 <= us < _LATEST_US:
        raise ValueError(f"{text!r:.60} is not a time between 1970 and 9999")
    return us


_READERS = {
    "request_id": _text,
    "model": _text,
    "time": _time,
    "input": _count,
    "output": _count,
    "cost": _cost,
}
