"""`tollgate ledger reconcile`: an upstream's export of usage or costs against our charges."""

import argparse
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

import orjson

from gateway.commands.arguments import Command, add_period
from gateway.commands.output import Progress, output
from ledger.errors import LedgerError
from ledger.history import History
from ledger.reconcile import CLASSES, REPORT, Reconciliation, Wanted, reconcile
from ledger.reconcile_match import DIFFERING, MISSING_HERE, MISSING_THERE
from ledger.store import Store
from ledger.tables import TEXT_FORMATS, lines
from ledger.usage_export import parse_mapping

_DOUBTFUL = (DIFFERING, MISSING_HERE, MISSING_THERE, "malformed")


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="The export, CSV")
    parser.add_argument("--channel", type=int, required=True, metavar="N")
    parser.add_argument(
        "--map",
        required=True,
        metavar="FIELD=COLUMN,…",
        help="Which column says what: request_id, model, time, input, output, cost (USD)",
    )
    parser.add_argument(
        "--match", choices=("id", "time"), default="id", help="Default id, where there are ids"
    )
    parser.add_argument(
        "--bucket", type=float, default=60, metavar="S", help="Seconds apart by time, default 60"
    )
    add_period(parser, "Rows and charges")
    parser.add_argument("--format", choices=("text", "json", *TEXT_FORMATS), default="text")
    parser.add_argument("--output", metavar="FILE", default="-", help="Default -, standard output")
    parser.add_argument("--all", action="store_true", help="List what matched, too")


async def _reconcile(store: Store, args: argparse.Namespace) -> int:
    wanted = Wanted(
        channel=args.channel,
        mapping=parse_mapping(args.map),
        from_us=args.from_us,
        to_us=args.to_us,
        match=args.match,
        bucket_us=int(args.bucket * 1_000_000),
    )
    try:
        with args.file.open(encoding="utf-8", newline="") as file:
            with Progress("rows read") as progress:
                result = await reconcile(
                    await History.open(store, args.settings.archives),
                    file,
                    wanted,
                    progress=lambda read: progress(read, 0),
                )
    except UnicodeDecodeError as error:
        raise LedgerError(f"{args.file} is not UTF-8 text: {error}") from None
    with result:
        await _write(result, args)
        return 0 if result.agrees else 1


async def _write(result: Reconciliation, args: argparse.Namespace) -> None:
    classes = CLASSES if args.all else _DOUBTFUL
    with output(args.output) as file:
        if args.format == "json":
            totals = {"channel": args.channel, "agrees": result.agrees, "totals": result.totals()}
            file.write(orjson.dumps(totals, option=orjson.OPT_INDENT_2).decode() + "\n")
        elif args.format == "text":
            for line in _told(result, classes):
                file.write(line + "\n")
        else:
            async for line in lines(args.format, REPORT, _rows(result, classes)):
                file.write(line)


async def _rows(
    result: Reconciliation, classes: Sequence[str]
) -> AsyncGenerator[Sequence[Any], None]:
    for row in result.rows(*classes):
        yield row


def _told(result: Reconciliation, classes: Sequence[str]) -> list[str]:
    told = ["Both sides agree." if result.agrees else "The two sides differ."]
    for name, total in result.totals().items():
        costs = ""
        if "cost_there" in total:
            costs = f"  cost there {total['cost_there']}, here {total['cost_here']} USD"
        told.append(f"{name.replace('_', ' '):<14}{total['count']:>9}{costs}")
    names = [column.name for column in REPORT]
    for row in result.rows(*classes, limit=20):
        cells = dict(zip(names, row, strict=True))
        where = f"line {cells['line']}" if cells["line"] is not None else cells["event"]
        also = f" ({cells['event']})" if cells["line"] is not None and cells["event"] else ""
        told.append(f"  {cells['class']}: {where}{also} {cells['differences'] or ''}".rstrip())
    return told


COMMAND = Command(
    "reconcile",
    "Compare an upstream's export of usage or costs with the charges through its channel.",
    _arguments,
    _reconcile,
)
