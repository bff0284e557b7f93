"""`tollgate ledger export`: the events as text."""

import argparse
import contextlib
from collections.abc import AsyncGenerator
from typing import cast

from gateway.commands.arguments import Command, account, add_period
from gateway.commands.output import Progress, output
from ledger.export import lines
from ledger.store import Store


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=("jsonl", "csv"), default="jsonl", help="Default jsonl")
    parser.add_argument("--output", metavar="FILE", default="-", help="Default -, standard output")
    parser.add_argument(
        "--account",
        metavar="ACCOUNT",
        type=account,
        help="Only events of this account, as in user:42",
    )
    add_period(parser, "Only events recorded")


async def _export(store: Store, args: argparse.Namespace) -> int:
    total = await store.count("events", {}) if Progress.shows() else 0
    text = lines(store, args.format, account=args.account, from_us=args.from_us, to_us=args.to_us)
    async with contextlib.aclosing(cast("AsyncGenerator[str, None]", text)):
        with output(args.output) as file, Progress("lines written") as progress:
            written = 0
            async for line in text:
                file.write(line)
                written += 1
                progress(written, total)
    return 0


COMMAND = Command("export", "Write the events, oldest first, one a line.", _arguments, _export)
