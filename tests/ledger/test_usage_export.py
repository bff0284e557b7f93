"""Reading an upstream's export: exactly, and kindly about what can't be read."""

import pytest

from ledger.usage_export import (
    BadExport,
    BadRow,
    Row,
    checked_mapping,
    parse_mapping,
    read_export,
)

ALL = {name: name for name in ("request_id", "model", "time", "input", "output", "cost")}
HEAD = "request_id,model,time,input,output,cost\n"


def read(text: str, mapping: dict[str, str] | None = None) -> list[Row | BadRow]:
    return list(read_export(text.splitlines(keepends=True), mapping or ALL))


def test_rows_are_read_exactly() -> None:
    assert read(HEAD + "req_1,gpt-4o,1700000000,10,20,0.000012345\n") == [
        Row(2, "req_1", "gpt-4o", 1_700_000_000_000_000, 10, 20, 12_345)
    ]


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("1700000000", 1_700_000_000_000_000),
        ("1700000000.25", 1_700_000_000_250_000),
        ("1700000000123", 1_700_000_000_123_000),
        ("1700000000123456", 1_700_000_000_123_456),
        ("2023-11-14T22:13:20Z", 1_700_000_000_000_000),
        ("2023-11-15 00:13:20+02:00", 1_700_000_000_000_000),
        ("2023-11-14 22:13:20", 1_700_000_000_000_000),
        ("2023-11-14 22:13:20 UTC", 1_700_000_000_000_000),
        ("2023-11-14", 1_699_920_000_000_000),
    ],
)
def test_times(text: str, us: int) -> None:
    (row,) = read(f"{HEAD}r,m,{text},1,1,1\n")
    assert isinstance(row, Row) and row.time_us == us


@pytest.mark.parametrize(
    ("text", "nano"),
    [
        ("1", 10**9),
        ("$0.5", 5 * 10**8),
        ("0.5 USD", 5 * 10**8),
        ('"1,234.5"', 1_234_500_000_000),
        ("1.2e-05", 12_000),
        ("0.0000000004", 0),
        ("0.0000000016", 2),
        ("-0.25", -250_000_000),
    ],
)
def test_costs(text: str, nano: int) -> None:
    (row,) = read(f"{HEAD}r,m,0,1,1,{text}\n")
    assert isinstance(row, Row) and row.cost_nano == nano


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("r,m,soon,1,1,1", "time: 'soon'"),
        ("r,m,-5,1,1,1", "time"),
        ("r,m,1e30,1,1,1", "time"),
        ("r,m,0,ten,1,1", "input: 'ten' is not a number"),
        ("r,m,0,1.5,1,1", "input"),
        ("r,m,0,1,-1,1", "output"),
        ("r,m,0,1,1,NaN", "cost"),
        ("r,m,0,1,1,1e99", "cost"),
        ("r,m,0,1,1,99999999999", "cost"),
        ("r,m", "has 2 columns instead of 6"),
        (",m,,1,1,1", "neither a request id nor a time"),
        (f"{'r' * 501},m,0,1,1,1", "request_id"),
        ('r,"m"x,0,1,1,1', "not CSV"),
    ],
)
def test_a_bad_row_is_told_with_its_line_and_stops_no_other(line: str, word: str) -> None:
    first, bad, last = read(f"{HEAD}a,m,0,1,1,1\n{line}\nb,m,0,1,1,1\n")
    assert isinstance(first, Row) and isinstance(last, Row) and last.request_id == "b"
    assert isinstance(bad, BadRow) and bad.line == 3 and word in bad.message


def test_spreadsheets_and_other_habits() -> None:
    text = "\ufeffRequest ID;Model;Cost\r\n\r\nr1;gpt;0.5\r\n;;\r\n"
    mapping = {"request_id": "request id", "cost": "Cost"}
    assert read(text, mapping) == [Row(3, "r1", cost_nano=5 * 10**8)]
    quoted = HEAD + '"a\nb",m,0,1,1,1\nc,m,0,1,1,1\n'
    assert [row.request_id for row in read(quoted) if isinstance(row, Row)] == ["a\nb", "c"]


@pytest.mark.parametrize("text", ["", "\n", "\ufeff\n"])
def test_an_empty_file_is_refused(text: str) -> None:
    with pytest.raises(BadExport, match="empty"):
        read(text)


def test_a_column_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(BadExport, match="no column 'id'; it has request_id, model"):
        read(HEAD, {"request_id": "id", "model": "model"})


def test_mappings() -> None:
    assert parse_mapping("request_id=Request ID, cost=Cost") == {
        "request_id": "Request ID",
        "cost": "Cost",
    }
    for text in ("", "request_id", "request_id=,cost=x", "colour=red,time=t", "model=m,input=i"):
        with pytest.raises(BadExport):
            parse_mapping(text)
    for mapping in ({"time": "t"}, {"time": "t", "cost": 5}):
        with pytest.raises(BadExport):
            checked_mapping(mapping)
