"""`tollgate ledger verify`: are the books right? Also of a bundle or of one receipt."""

import argparse
from pathlib import Path

from gateway.commands import bundle, receipt
from gateway.commands.arguments import Command
from gateway.commands.output import Progress
from ledger.archive_check import check_archives
from ledger.store import Store
from ledger.verify import verify


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--new",
        action="store_true",
        help="Check only what was recorded since the last check that found no fault",
    )
    parser.add_argument(
        "--resume", action="store_true", help="Go on where a check was broken off, if one was"
    )
    parser.add_argument(
        "--archive", metavar="DIR", type=Path, help="Also read every archive, which are kept here"
    )
    offline = parser.add_mutually_exclusive_group()
    offline.add_argument(
        "--bundle", metavar="PATH", type=Path, help="Check a bundle; needs no books and no secrets"
    )
    offline.add_argument(
        "--receipt", metavar="FILE", type=Path, help="Check a receipt; needs no books either"
    )
    parser.add_argument(
        "--processes",
        metavar="N",
        type=int,
        help="Processes that check a bundle. Default: one for each core",
    )
    bundle.add_trust(parser)


def _offline(args: argparse.Namespace) -> int | None:
    if args.bundle is not None:
        return bundle.verify(args)
    if args.receipt is not None:
        return receipt.verify(args)
    return None


async def _verify(store: Store, args: argparse.Namespace) -> int:
    keys, expected = bundle.trust(args)
    with Progress("events checked") as progress:
        report = await verify(
            store,
            progress=progress,
            new=args.new,
            resume=args.resume,
            keys=keys,
            expected=expected,
        )
    if args.archive is not None:
        events = await check_archives(store, args.archive, report)
        report.notices.append(f"events read in archives: {events}")
    return bundle.tell(report, trusted=True)


COMMAND = Command(
    "verify",
    "Read every event, recompute every account, and name each fault.",
    _arguments,
    _verify,
    alone=_offline,
)
