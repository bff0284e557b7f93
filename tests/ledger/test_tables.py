"""Cells: exact, readable, and never run by a spreadsheet."""

import asyncio
import csv
import io
import threading

import openpyxl
import pytest

from ledger import xlsx
from ledger.errors import LedgerError
from ledger.money import MAX_NANO
from ledger.tables import columns, csv_line, header, json_object, lines
from ledger.xlsx import MAX_CELL, Workbook, write_workbook

TABLE = columns("name", "n:integer", "nano:nano", "money:money", "time:time", "body:object")
DANGEROUS = ("=1+1", "+1", "-1", "@x", "\tx", "\rx", '=HYPERLINK("http://x")')


async def generate(rows):
    for row in rows:
        yield row


def load(path):
    book = openpyxl.load_workbook(path)
    return [[list(row) for row in sheet.iter_rows(values_only=True)] for sheet in book.worksheets]


def test_money_is_exact_in_text_formats():
    row = ["x", 1, MAX_NANO, -MAX_NANO, 1_770_000_000_000_001, {"a": [1]}]
    cells = next(csv.reader(io.StringIO(csv_line(TABLE, row))))
    exact = ["9223372036854775807", "-9223372036.854775807", "2026-02-02T02:40:00.000001Z"]
    assert cells == ["x", "1", *exact, '{"a":[1]}']
    assert list(json_object(TABLE, row).values())[2:] == [MAX_NANO, *exact[1:], {"a": [1]}]
    assert header(TABLE) == "name,n,nano,money,time,body\n"


@pytest.mark.parametrize("text", DANGEROUS)
def test_no_text_is_a_formula(text, tmp_path):
    row = [text, None, None, None, None, None]
    assert next(csv.reader(io.StringIO(csv_line(TABLE, row), newline="")))[0] == f"'{text}"
    with Workbook(tmp_path / "x.xlsx", TABLE, title="T") as book:
        book.write([row])
        book.save()
    sheet = openpyxl.load_workbook(tmp_path / "x.xlsx").active
    assert sheet["A2"].data_type in ("s", "inlineStr") and sheet["A2"].hyperlink is None
    assert openpyxl.utils.escape.unescape(sheet["A2"].value) == text


def test_amounts_stay_numbers_in_csv_although_they_begin_with_a_sign():
    assert csv_line(TABLE, [None, -1, -2, -3, None, None]) == ",-1,-2,-0.000000003,,\n"


def test_a_workbook_has_exact_text_and_numbers_to_sum(tmp_path):
    with Workbook(tmp_path / "x.xlsx", TABLE, title="T") as book:
        book.write([["x", 5, MAX_NANO, 1_500_000_001, 1_770_000_000_000_001, {"a": 1}]])
        book.save()
    ((names, row),) = load(tmp_path / "x.xlsx")
    shown = dict(zip(names, row, strict=True))
    assert shown["nano"] == str(MAX_NANO) and shown["money"] == "1.500000001"
    assert shown["money_usd"] == 1.500000001 and shown["n"] == 5
    assert shown["time"] == "2026-02-02T02:40:00.000001Z"
    assert shown["time_utc"].isoformat()[:19] == "2026-02-02T02:40:00"
    assert list(names)[-1] == "body" and shown["body"] == '{"a":1}'


def test_a_long_text_goes_on_in_the_next_cells(tmp_path):
    long = {"text": "y" * (2 * MAX_CELL)}
    with Workbook(tmp_path / "x.xlsx", TABLE, title="T") as book:
        book.write([["a", 1, 1, 1, 1, long], ["b", 1, 1, 1, 1, {}]])
        book.save()
    ((_, first, second),) = load(tmp_path / "x.xlsx")
    assert "".join(first[7:]) == '{"text":"' + "y" * (2 * MAX_CELL) + '"}'
    assert second[7] == "{}"


async def test_a_full_sheet_is_followed_by_another(tmp_path, monkeypatch):
    monkeypatch.setattr(xlsx, "MAX_ROWS", 101)
    rows = [[f"r{n}", n, n, n, n, None] for n in range(250)]
    done = []
    await write_workbook(
        tmp_path / "x.xlsx", TABLE, generate(rows), title="T", progress=done.append
    )
    sheets = load(tmp_path / "x.xlsx")
    assert [len(sheet) for sheet in sheets] == [101, 101, 51]
    assert [row[0] for sheet in sheets for row in sheet[1:]] == [row[0] for row in rows]


async def test_a_workbook_that_is_given_up_leaves_nothing(tmp_path):
    async def failing():
        for n in range(1_200):
            yield [f"r{n}", n, n, n, n, None]
        raise LedgerError("the database went away")

    with pytest.raises(LedgerError):
        await write_workbook(tmp_path / "x.xlsx", TABLE, failing(), title="T")
    assert list(tmp_path.iterdir()) == []


async def test_a_cancelled_workbook_waits_for_its_thread(tmp_path, monkeypatch):
    begun, go_on, ended = threading.Event(), threading.Event(), []
    real = Workbook.save

    def slow(book):
        begun.set()
        go_on.wait(10)
        real(book)
        ended.append(True)

    monkeypatch.setattr(Workbook, "save", slow)
    work = write_workbook(tmp_path / "x.xlsx", TABLE, generate([]), title="T")
    task = asyncio.create_task(work)
    assert await asyncio.to_thread(begun.wait, 10)
    task.cancel()
    asyncio.get_running_loop().call_later(0.05, go_on.set)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended and not list(tmp_path.glob(".sheets*"))


async def test_an_unknown_format_is_refused():
    with pytest.raises(LedgerError, match="pdf"):
        await anext(lines("pdf", TABLE, generate([])))
