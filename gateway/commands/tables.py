"""Rows of a table into a file or to standard output, in any format, with progress."""

import argparse
import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path

from gateway.commands.output import Progress, new_file, output
from ledger.tables import TEXT_FORMATS, Column, Values, lines
from ledger.xlsx import XLSX, write_workbook

FORMATS = (*TEXT_FORMATS, XLSX)


def add_file(parser: argparse.ArgumentParser, *, default: str) -> None:
    """Add --format and --output."""
    parser.add_argument("--format", choices=FORMATS, default=default, help=f"Default {default}")
    parser.add_argument("--output", metavar="FILE", default="-", help="Default -, standard output")


def refuse_terminal(args: argparse.Namespace) -> int | None:
    """Refuse to write a workbook to a terminal."""
    if args.format == XLSX and args.output == "-" and sys.stdout.isatty():
        print("tollgate: a workbook needs a file: add --output FILE.xlsx", file=sys.stderr)
        return 2
    return None


async def write_table(
    args: argparse.Namespace,
    table: Sequence[Column],
    rows: AsyncGenerator[Values, None],
    *,
    title: str,
    total: int = 0,
) -> None:
    """Write rows as the arguments of `add_file` say. `total` is how many they will be, if known."""
    with Progress("rows written") as progress:
        if args.format == XLSX:
            await _write_workbook(
                args.output, table, rows, title, lambda done: progress(done, total)
            )
            return
        written = 0
        async with aclosing(lines(args.format, table, rows)) as text:
            with output(args.output) as file:
                async for line in text:
                    file.write(line)
                    written += 1
                    progress(written, total)


async def _write_workbook(
    name: str,
    table: Sequence[Column],
    rows: AsyncGenerator[Values, None],
    title: str,
    progress: Callable[[int], None],
) -> None:
    target = _target(name)
    if target is not None and _is_regular(target):
        with new_file(target) as temporary:
            await write_workbook(temporary, table, rows, title=title, progress=progress)
        return
    with tempfile.TemporaryDirectory(prefix="tollgate-") as directory:
        temporary = Path(directory) / "book.xlsx"
        await write_workbook(temporary, table, rows, title=title, progress=progress)
        await asyncio.to_thread(_copy, temporary, target)


def _target(name: str) -> Path | None:
    return None if name == "-" else Path(name).resolve()


def _is_regular(target: Path) -> bool:
    return target.is_file() or not target.exists()


def _copy(source: Path, target: Path | None) -> None:
    """Write a file to what is no regular file, or to standard output."""
    with source.open("rb") as file:
        if target is None:
            shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()
            return
        with target.open("wb") as there:
            shutil.copyfileobj(file, there)
