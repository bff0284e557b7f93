"""Workbooks: the rows of a table as XLSX.

Owns the workbook. Promises constant memory (rows go to a temporary file as they come), a further
sheet whenever one is full, and that nothing is lost or run: text is text, whatever it begins with,
and money and times stand there twice, exactly as text, and as a number that a spreadsheet can sum
and sort. (A number has 15 digits there, an amount may have 19.) Refuses nothing.

A workbook blocks; `write_workbook` runs it in a thread for an event loop.
"""

import asyncio
import tempfile
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from ledger.events import rfc3339
from ledger.money import NANO_PER_USD, usd
from ledger.tables import INTEGER, MONEY, NANO, OBJECT, TEXT, TIME, Column, Values, json_text

if TYPE_CHECKING:  # loaded with the first workbook: few processes write any
    from xlsxwriter.worksheet import Worksheet

MAX_ROWS = 1_048_576
MAX_CELL = 32_767
BATCH = 500
XLSX = "xlsx"
_DAY_US = 24 * 3_600 * 1_000_000
#: 1970 began this many days after the beginning of a spreadsheet's calendar.
_EPOCH_DAY = 25_569
_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
}
_WIDTHS = {TEXT: 22, INTEGER: 11, NANO: 18, MONEY: 18, TIME: 28, OBJECT: 60}
#: Kinds that are written a second time as a number: the ending of its column, and its format.
_NUMBERS = {MONEY: ("_usd", "0.000000000"), TIME: ("_utc", "yyyy-mm-dd hh:mm:ss")}


class _Cell(NamedTuple):
    """A column of the sheet: which of a row's values it shows, and how."""

    place: int
    name: str
    kind: str
    as_number: bool


class Workbook:
    """A workbook in the making. Leaving the context without `save` leaves nothing behind."""

    def __init__(self, path: Path, table: Sequence[Column], *, title: str) -> None:
        import xlsxwriter

        self._directory = tempfile.TemporaryDirectory(prefix=".sheets-", dir=path.parent)
        self._book = xlsxwriter.Workbook(str(path), {**_OPTIONS, "tmpdir": self._directory.name})
        self._book.use_zip64()
        self._formats = {
            kind: self._book.add_format({"num_format": written})
            for kind, (_, written) in _NUMBERS.items()
        }
        self._title = title
        self._cells = _cells(table)
        self._sheets = 0
        self._sheet = self._new_sheet()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        for sheet in self._book.worksheets():
            sheet._opt_close()  # the library itself does this only when it saves
        self._directory.cleanup()

    def write(self, rows: Iterable[Values]) -> None:
        """Add rows, their values in the order of the table's columns."""
        for values in rows:
            if self._row == MAX_ROWS:
                self._sheet = self._new_sheet()
            for column, cell in enumerate(self._cells):
                value = values[cell.place]
                if value is not None:
                    self._write(column, cell, value)
            self._row += 1

    def save(self) -> None:
        """Write the file."""
        self._book.close()

    def _write(self, column: int, cell: _Cell, value: Any) -> None:
        if cell.as_number:
            number = _as_number(cell.kind, value)
            self._sheet.write_number(self._row, column, number, self._formats.get(cell.kind))
            return
        text = _TEXT[cell.kind](value)
        for start in range(0, len(text), MAX_CELL):  # too long for one cell: go on to the right
            self._sheet.write_string(self._row, column, text[start : start + MAX_CELL])
            column += 1

    def _new_sheet(self) -> "Worksheet":
        self._sheets += 1
        name = self._title if self._sheets == 1 else f"{self._title} {self._sheets}"
        sheet = self._book.add_worksheet(name)
        sheet.ignore_errors({"number_stored_as_text": "A1:XFD1048576"})
        sheet.freeze_panes(1, 0)
        for column, cell in enumerate(self._cells):
            sheet.set_column(column, column, _WIDTHS[cell.kind])
            sheet.write_string(0, column, cell.name)
        self._row = 1
        return sheet


async def write_workbook(
    path: Path,
    table: Sequence[Column],
    rows: AsyncGenerator[Values, None],
    *,
    title: str,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Write a whole workbook in a thread while rows come in. `progress(rows)` is called at times.

    When it ends early, cancelled or by an error, no temporary file is left but what is at `path`.
    """
    written = 0
    async with aclosing(rows):
        with Workbook(path, table, title=title) as book:
            batch: list[Values] = []
            async for values in rows:
                batch.append(values)
                if len(batch) == BATCH:
                    await _in_thread(book.write, batch)
                    written += len(batch)
                    batch = []
                    if progress is not None:
                        progress(written)
            await _in_thread(book.write, batch)
            await _in_thread(book.save)


async def _in_thread(work: Callable[..., None], *args: Any) -> None:
    """Run work in a thread to its end, even when cancelled: it must not outlive what it uses."""
    task = asyncio.ensure_future(asyncio.to_thread(work, *args))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def _cells(table: Sequence[Column]) -> list[_Cell]:
    """Arrange a table: as it is, then the numbers, then what may need several cells."""
    plain, numbers, last = list[_Cell](), list[_Cell](), list[_Cell]()
    for place, (name, kind) in enumerate((column.name, column.kind) for column in table):
        cells = last if kind == OBJECT else plain
        cells.append(_Cell(place, name, kind, kind == INTEGER))
        if kind in _NUMBERS:
            numbers.append(_Cell(place, f"{name}{_NUMBERS[kind][0]}", kind, True))
    return plain + numbers + last


def _as_number(kind: str, value: int) -> float:
    if kind == MONEY:
        return value / NANO_PER_USD
    return value / _DAY_US + _EPOCH_DAY if kind == TIME else value


_TEXT: dict[str, Callable[[Any], str]] = {
    TEXT: str,
    NANO: str,
    MONEY: usd,
    TIME: rfc3339,
    OBJECT: json_text,
}
