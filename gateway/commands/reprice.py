"""`tollgate ledger reprice`: what a period would have cost under other prices."""

import argparse
from pathlib import Path
from typing import Any

import orjson

from gateway.commands.arguments import Command, add_period
from gateway.commands.output import Progress
from gateway.directory.channel_types import channel_types
from ledger.clock import Clock
from ledger.history import History
from ledger.price_edits import edited, read_edits
from ledger.prices import PriceBook
from ledger.reprice import reprice
from ledger.store import Store

_COLUMNS = ("count", "charged", "would_be", "difference")


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_period(parser, "Charges recorded")
    parser.add_argument(
        "--version", type=int, metavar="N", help="A price version; default: the one in force"
    )
    parser.add_argument(
        "--prices",
        type=Path,
        metavar="FILE",
        help="Edits on top of it, YAML: set: [rows], unset:, groups:, model_ratio:, …",
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="Default text")


async def _reprice(store: Store, args: argparse.Namespace) -> int:
    book = PriceBook(Clock())
    await book.load(store)
    table = book.table() if args.version is None else book.table_of(args.version)
    if args.prices is not None:
        table = edited(table, read_edits(args.prices))
    types = await channel_types(store)
    with Progress("charges priced") as progress:
        result = await reprice(
            await History.open(store, args.settings.archives),
            table,
            types,
            from_us=args.from_us,
            to_us=args.to_us,
            progress=lambda read: progress(read, 0),
        )
    answer = {"version": table.version, "edited": args.prices is not None, **result.to_json()}
    if args.format == "json":
        print(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode())
    else:
        _show(answer)
    return 0


def _show(answer: dict[str, Any]) -> None:
    totals = answer["totals"]
    print(
        f"{totals['count']} charges of {totals['charged']} USD would be {totals['would_be']} USD"
        f" under version {answer['version']}{' with edits' if answer['edited'] else ''}:"
        f" {totals['difference']} USD"
    )
    for kind, name in (("users", "account"), ("models", "model")):
        _table(answer[kind], name)
    for row in answer["not_priced"]:
        print(
            f"not priced: {row['count']} of {row['model']} ({row['reason']}), {row['charged']} USD"
        )
    for kind in ("reversed", "failed"):
        if answer[kind]["count"]:
            print(f"left out: {answer[kind]['count']} {kind}, {answer[kind]['charged']} USD")


def _table(rows: list[dict[str, Any]], name: str) -> None:
    if not rows:
        return
    lines = [(name, *_COLUMNS), *((str(row[c]) for c in (name, *_COLUMNS)) for row in rows)]
    cells = [list(map(str, line)) for line in lines]
    widths = [max(len(line[at]) for line in cells) for at in range(len(cells[0]))]
    for line in cells:
        first, *rest = line
        padded = (cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))
        print("  " + "  ".join((first.ljust(widths[0]), *padded)).rstrip())


COMMAND = Command(
    "reprice",
    "Price the charges of a period under another price version or edited prices; writes nothing.",
    _arguments,
    _reprice,
)
