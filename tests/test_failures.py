"""docs/failures.md is whole: every reported failure has a row, every test named there exists."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "failures.md"

LEAST = 60
WANTED = {
    *(f"one-api 9.{number}" for number in range(1, 31)),
    *(f"one-api 10.{number}" for number in range(1, 31)),
    *(f"family {number}" for number in range(1, 41)),
}
_TEST = re.compile(r"`(tests/[\w/]+\.py)::([\w:]+)`")
_SOURCES = re.compile(r"<!--\s*((?:one-api|family)\s[^>]*?)\s*-->")


class Row(NamedTuple):
    """One reported failure: what was reported, the tests that are named, where it comes from."""

    reported: str
    text: str
    tests: tuple[tuple[str, str], ...]
    sources: frozenset[str]


def sources_of(text: str) -> frozenset[str]:
    """Read comments like `<!-- one-api 9.1, 10.1; family 1, 2 -->`."""
    found = set()
    for comment in _SOURCES.findall(text):
        for part in comment.split(";"):
            book, _, numbers = part.strip().partition(" ")
            found |= {f"{book} {number.strip()}" for number in numbers.split(",")}
    return frozenset(found)


def rows_of(page: str) -> list[Row]:
    """Return the rows of all tables of the page, without their headings."""
    rows = []
    for line in page.splitlines():
        if not line.startswith("| ") or line.startswith("| reported |"):
            continue
        tests = tuple(_TEST.findall(line))
        reported = line.split("|")[1].strip()
        rows.append(Row(reported, line.lower(), tests, sources_of(line)))
    return rows


@cache
def defined_in(path: str) -> frozenset[str]:
    """Return the tests of a file as pytest names them, without running it; none without a file."""
    file = ROOT / path
    if not file.is_file():
        return frozenset()
    return frozenset(_tests_of(ast.parse(file.read_text(encoding="utf-8")).body, ""))


def _tests_of(body: list[ast.stmt], within: str) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            yield from _tests_of(node.body, f"{node.name}::")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if node.name.startswith("test_"):
                yield within + node.name


def faults_of(page: str) -> list[str]:
    """Say everything that is wrong with the page, a line each."""
    rows, faults = rows_of(page), []
    for row in rows:
        for path, name in row.tests:
            if name not in defined_in(path):
                faults.append(f"no such test: {path}::{name}")
        if not row.tests and "not yet" not in row.text:
            faults.append(f"neither a test nor 'not yet': {row.reported}")
        if not row.sources:
            faults.append(f"comes from nowhere: {row.reported}")
        if row.text.count("|") != 4:
            faults.append(f"not three cells: {row.reported}")
    covered = frozenset[str]().union(*(row.sources for row in rows))
    faults += [f"not covered: {source}" for source in sorted(WANTED - covered)]
    if len(covered) < LEAST:
        faults.append(f"only {len(covered)} reported failures are covered")
    return faults


def test_every_reported_failure_is_answered_and_every_named_test_exists() -> None:
    assert faults_of(PAGE.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("test_a_replay_in_mid_batch", "test_a_replay_of_nothing", "no such test"),
        ("tests/ledger/test_appender.py", "tests/ledger/test_gone.py", "no such test"),
        ("one-api 10.5 ", "one-api 10.6 ", "not covered: one-api 10.5"),
    ],
)
def test_the_check_can_fail(before: str, after: str, told: str) -> None:
    page = PAGE.read_text(encoding="utf-8").replace(before, after)
    assert any(fault.startswith(told) for fault in faults_of(page))


def test_a_row_without_a_test_must_say_so() -> None:
    row = "| something | is fine | trust us <!-- family 1 --> |"
    assert any(fault.startswith("neither") for fault in faults_of(row))
    assert not any(
        fault.startswith("neither") for fault in faults_of(row.replace("fine", "not yet"))
    )
