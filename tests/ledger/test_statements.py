"""Statements recompute: opening, rows, closing, groups and formats against a plain sum."""

import csv
import io
import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta

import openpyxl
import pytest

from ledger import sorting, tables, xlsx
from ledger.events import rfc3339
from ledger.history import History
from ledger.money import NANO_PER_USD, usd
from ledger.statement_rows import View, ending, heading, rows
from ledger.statements import GROUPS, BadStatement, Statement
from ledger.xlsx import write_workbook
from tests.ledger.histories import ACCOUNTS, CHANNEL, USER, Teller

pytestmark = pytest.mark.database


async def read(store, account, **options):
    """Return a statement that was read to its end, and its lines."""
    statement = await Statement.open(await History.open(store), account, **options)
    return statement, [line async for line in statement.lines()]


@pytest.fixture
async def teller(store):
    teller = await Teller.start(store, 21)
    await teller.record(150)
    return teller


@pytest.mark.parametrize("by", ["ts", "at"])
@pytest.mark.parametrize("seed", range(3))
async def test_rows_are_the_effects_on_the_account(store, monkeypatch, seed, by):
    teller = await Teller.start(store, seed)
    await teller.record(100)
    for account in ACCOUNTS:
        from_us, to_us = teller.some_times(2)
        statement, lines = await read(store, account, from_us=from_us, to_us=to_us, by=by)
        moves = teller.moves(account, lambda e, a=from_us, b=to_us: a <= e[by] < b)
        expected = sorted(moves, key=lambda move: (move[0][by], move[0]["ts"], move[0]["_id"]))
        assert [(line.moved.id, line.moved.amount_nano) for line in lines] == [
            (event["_id"], amount) for event, amount in expected
        ]
        assert statement.opening_nano == teller.balance(account, lambda e, t=from_us: e[by] < t)
        running = statement.opening_nano
        for line in lines:
            running += line.moved.amount_nano
            assert line.balance_nano == running
        assert statement.closing_nano == running
        assert running == teller.balance(account, lambda e, t=to_us: e[by] < t)


@pytest.mark.parametrize("by", ["ts", "at"])
async def test_two_periods_are_one(store, teller, by):
    for account in (USER, CHANNEL, "key:8"):
        a, b, c = teller.some_times(3)
        first, early = await read(store, account, from_us=a, to_us=b, by=by)
        second, late = await read(store, account, from_us=b, to_us=c, by=by)
        both, lines = await read(store, account, from_us=a, to_us=c, by=by)
        assert early + late == lines
        assert first.opening_nano == both.opening_nano
        assert first.closing_nano == second.opening_nano
        assert second.closing_nano == both.closing_nano


async def test_an_open_statement_closes_with_the_balance(store, teller):
    for account in ACCOUNTS:
        for by in ("ts", "at"):
            statement, lines = await read(store, account, by=by)
            assert statement.opening_nano == 0
            assert statement.closing_nano == teller.balance(account)
            assert len(lines) == len(teller.moves(account))


async def test_a_past_statement_never_changes(store, teller):
    a, b, known = *teller.some_times(2), teller.times.now_us
    recorded = await read(store, USER, from_us=a, to_us=b)
    in_effect = await read(store, USER, from_us=a, to_us=b, by="at", known_us=known)
    teller.times.now_us += 1
    await teller.record(100)
    assert (await read(store, USER, from_us=a, to_us=b))[1] == recorded[1]
    again, lines = await read(store, USER, from_us=a, to_us=b, by="at", known_us=known)
    assert lines == in_effect[1] and again.opening_nano == in_effect[0].opening_nano
    later, lines = await read(store, USER, from_us=a, to_us=b, by="at")
    assert later.closing_nano == teller.balance(USER, lambda e: e["at"] < b)


async def test_what_does_not_fit_into_memory_is_sorted_on_disk(store, teller, monkeypatch):
    _, expected = await read(store, USER, by="at")
    real = sorting.in_order
    monkeypatch.setattr("ledger.statements.in_order", lambda rows: real(rows, run=7))
    assert (await read(store, USER, by="at"))[1] == expected


@pytest.mark.parametrize("group", GROUPS)
async def test_groups_add_up_to_the_rows(store, teller, group):
    for by in ("ts", "at"):
        a, b = teller.some_times(2)
        options = {"from_us": a, "to_us": b, "by": by}
        statement, lines = await read(store, CHANNEL, **options)
        sums = defaultdict(lambda: [0, 0, 0])
        for line in lines:
            name = GROUPS[group](line.moved, statement.time_of(line.moved))
            for place, more in enumerate((1, line.moved.amount_nano, line.moved.input_tokens)):
                sums[name][place] += more or 0
        grouped = await Statement.open(await History.open(store), CHANNEL, **options)
        groups = await grouped.groups(group)
        assert {g.name: [g.count, g.amount_nano, g.input_tokens] for g in groups} == sums
        assert (grouped.opening_nano, grouped.closing_nano) == (
            statement.opening_nano,
            statement.closing_nano,
        )
        assert grouped.totals.keys() == statement.totals.keys()
        if group == "day" and groups:
            assert [g.name for g in groups] == sorted(g.name for g in groups)
            assert groups[-1].balance_nano == statement.closing_nano


async def test_what_cannot_be_is_refused(store, teller):
    history = await History.open(store)
    with pytest.raises(BadStatement, match="ends before"):
        await Statement.open(history, USER, from_us=5, to_us=4)
    with pytest.raises(BadStatement, match="order"):
        await Statement.open(history, USER, by="mood")
    with pytest.raises(BadStatement, match="channel"):
        await (await Statement.open(history, USER)).groups("mood")
    with pytest.raises(BadStatement, match="channel"):
        View("channel", own=True)


async def test_ones_own_statement_says_nothing_of_channels_and_costs(store, teller):
    for group in (None, "model", "key", "day", "month", "type"):
        view = View(group, own=True)
        names = {column.name for column in view.table}
        assert not names & {"channel", "cost"}
        statement = await Statement.open(await History.open(store), USER)
        text = "".join(
            [line async for line in tables.lines("jsonl", view.table, rows(statement, view))]
        )
        assert "channel" not in text and "cost" not in text
        said = json.dumps([heading(statement, view), ending(statement, view)])
        assert "channel" not in said and "cost" not in said


async def in_all_formats(store, view, path, **options):
    """The same statement as rows of text: from CSV, JSONL and XLSX."""
    texts = []
    for form in tables.TEXT_FORMATS:
        statement = await Statement.open(await History.open(store), USER, **options)
        lines = tables.lines(form, view.table, rows(statement, view))
        texts.append("".join([line async for line in lines]))
    statement = await Statement.open(await History.open(store), USER, **options)
    await write_workbook(path, view.table, rows(statement, view), title="Statement")
    return texts


def text(value):
    return "" if value is None else str(value)


@pytest.mark.parametrize("group", [None, "model", "day"])
async def test_formats_agree_cell_by_cell(store, teller, tmp_path, monkeypatch, group):
    monkeypatch.setattr(xlsx, "MAX_ROWS", 40)
    monkeypatch.setattr(xlsx, "BATCH", 9)
    a, b = teller.some_times(2)[0], None
    view = View(group)
    path = tmp_path / "statement.xlsx"
    table, lines = await in_all_formats(store, view, path, from_us=a, to_us=b)
    cells = list(csv.DictReader(io.StringIO(table)))
    objects = [json.loads(line) for line in lines.splitlines()]
    book = openpyxl.load_workbook(path)
    sheets = [list(sheet.iter_rows(values_only=True)) for sheet in book.worksheets]
    assert (len(sheets) > 1) == (len(cells) > 39)
    assert [s.title for s in book.worksheets][:2] == ["Statement", "Statement 2"][: len(sheets)]
    names = [column.name for column in view.table]
    assert all(list(sheet[0])[: len(names)] == names for sheet in sheets)
    sheet = [dict(zip(sheets[0][0], row, strict=True)) for s in sheets for row in s[1:]]
    assert len(cells) == len(objects) == len(sheet) > 3
    for cell, line, row in zip(cells, objects, sheet, strict=True):
        for name in names:
            shown = cell[name][1:] if cell[name].startswith("'") else cell[name]
            assert shown == text(line[name]) == text(row[name]), name
        for name in ("amount", "balance"):
            if line[name] is not None:
                assert row[f"{name}_usd"] == line[f"{name}_nano"] / NANO_PER_USD
                assert usd(line[f"{name}_nano"]) == line[name]
        if line.get("time"):
            shown = row["time_utc"].replace(tzinfo=UTC)
            assert abs(shown - datetime.fromisoformat(line["time"])) < timedelta(milliseconds=1)
    assert [p.name for p in tmp_path.iterdir()] == ["statement.xlsx"]


async def test_a_spreadsheet_sums_to_the_difference(store, teller, tmp_path):
    path = tmp_path / "statement.xlsx"
    table, _ = await in_all_formats(store, View(), path, from_us=teller.some_times(1)[0])
    cells = list(csv.DictReader(io.StringIO(table)))
    difference = int(cells[-1]["balance_nano"]) - int(cells[0]["balance_nano"])
    assert sum(int(cell["amount_nano"] or 0) for cell in cells) == difference
    assert sum(int(c["count"] or 0) for c in cells) == sum(c["line"] == "event" for c in cells)
    sheet = openpyxl.load_workbook(path, read_only=True).worksheets[0]
    names = [cell.value for cell in next(sheet.iter_rows(max_row=1))]
    place = names.index("amount_usd")
    summed = sum(row[place] or 0 for row in sheet.iter_rows(min_row=2, values_only=True))
    assert round(summed * NANO_PER_USD) == difference
    sheet.parent.close()


async def test_times_and_words_of_a_row(store, teller):
    _, lines = await read(store, USER)
    late = [line.moved for line in lines if line.moved.at != line.moved.ts]
    assert late, "the history has back-dated events"
    view = View()
    statement = await Statement.open(await History.open(store), USER)
    shown = [
        dict(zip([c.name for c in view.table], row, strict=True))
        async for row in rows(statement, view)
    ]
    by_event = {row["event"]: row for row in shown if row["line"] == "event"}
    for moved in late:
        row = by_event[moved.id]
        assert (row["time"], row["effective"]) == (moved.ts, moved.at)
        assert rfc3339(row["time"]) > rfc3339(row["effective"])
    kinds = {row["type"]: row["what"] for row in by_event.values()}
    assert kinds["recharge.credited"] == "recharge by test"
    assert kinds["usage.charged"] in ("small", "large", "=cmd")
