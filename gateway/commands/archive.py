"""`tollgate ledger archive` and `restore`: closed periods to files, and back."""

import argparse
from pathlib import Path

from gateway.commands import backup
from gateway.commands.arguments import Command, time_us
from gateway.commands.output import Progress
from ledger.archive import archive
from ledger.archive_plan import make_plan
from ledger.backup_restore import is_backup
from ledger.books import Books
from ledger.clock import Clock
from ledger.errors import LedgerError
from ledger.prune import prune
from ledger.restore import archives_in, restore
from ledger.store import Store


def _archive_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--before",
        dest="before_us",
        metavar="TIME",
        type=time_us,
        required=True,
        help="Archive what was recorded before this time, RFC 3339 or unix seconds",
    )
    parser.add_argument(
        "--to", metavar="DIR", type=Path, help="Where archives are kept. Default: ARCHIVE_DIR"
    )
    parser.add_argument(
        "--prune",
        action="store_true",
        help="Delete archived charges and audit entries from the database, once the files of"
        " their archive were read again and are whole",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="Say what would be archived, and write nothing"
    )


async def _archive(store: Store, args: argparse.Namespace) -> int:
    if args.dry_run:
        plan = await make_plan(store, args.before_us)
        for line in plan.lines if plan is not None else ["There is nothing sealed to archive."]:
            print(line)
        return 0
    to = args.to or args.settings.archives
    books = await Books.open(store, Clock())
    try:
        with Progress("events archived") as progress:
            done = await archive(books, to, args.before_us, progress=progress)
        for each in done:
            print(each.headline)
        if not done:
            print("There is nothing new to archive.")
        if args.prune:
            with Progress("events pruned") as progress:
                gone = await prune(store, to, args.before_us, progress=progress)
            print(f"{gone} events left the database.")
    finally:
        await books.close()
    return 0


def _restore_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "directory",
        metavar="PATH",
        type=Path,
        help="One archive, or a directory of archives; or a backup, into an empty database",
    )
    backup.add_restore(parser)


def _refuse_nothing(args: argparse.Namespace) -> None:
    """Say so where there is nothing to restore, before books are looked for. Raises LedgerError."""
    if not args.directory.exists():
        raise LedgerError(f"there is nothing at {args.directory}")


async def _restore(store: Store, args: argparse.Namespace) -> int:
    if is_backup(args.directory):
        return await backup.restore(store, args)
    for directory in archives_in(args.directory):
        with Progress("events read") as progress:
            result = await restore(store, directory, progress=progress)
        print(result.headline)
    return 0


ARCHIVE = Command(
    "archive",
    "Write closed periods to verified files, and with --prune take them out of the database.",
    _archive_arguments,
    _archive,
)
RESTORE = Command(
    "restore",
    "Put archived events back into the database, as if they had never left; or all of a backup.",
    _restore_arguments,
    _restore,
    alone=_refuse_nothing,
    anew=lambda args: is_backup(args.directory),
)
