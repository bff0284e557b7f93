"""`tollgate ledger export`: the events as rows of a file."""

import argparse

from gateway.commands import bundle
from gateway.commands.arguments import Command, account, add_period
from gateway.commands.output import Progress
from gateway.commands.tables import add_file, refuse_terminal, write_table
from ledger.export import EVENTS, rows, selected
from ledger.scan import total
from ledger.store import Store


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_file(parser, default="jsonl")
    parser.add_argument(
        "--account",
        metavar="ACCOUNT",
        type=account,
        help="Only events that concern this account, as in user:42",
    )
    add_period(parser, "Only events recorded")
    bundle.add_export(parser)


async def _export(store: Store, args: argparse.Namespace) -> int:
    if args.bundle is not None:
        return await bundle.export(store, args)
    whole = not (args.account or args.from_us or args.to_us)
    count = await total(store) if whole and Progress.shows() else 0
    events = selected(
        store,
        account=args.account,
        from_us=args.from_us,
        to_us=args.to_us,
        archive_dir=args.settings.archives,
    )
    await write_table(args, EVENTS, rows(events), title="Events", total=count)
    return 0


def _refuse_terminal(args: argparse.Namespace) -> int | None:
    return None if args.bundle is not None else refuse_terminal(args)


COMMAND = Command(
    "export", "Write the events, oldest first.", _arguments, _export, alone=_refuse_terminal
)
