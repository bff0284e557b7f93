"""`tollgate ledger export --bundle` and `verify --bundle`: books that prove themselves."""

import argparse
import os
from pathlib import Path

from gateway import __version__
from gateway.commands.arguments import add_archives
from gateway.commands.output import Progress
from gateway.commands.seal import add_unsigned, describe, sealed
from ledger.bundle import export_bundle
from ledger.bundle_check import check_bundle
from ledger.clock import Clock
from ledger.report import Report
from ledger.signing import read_public_key
from ledger.store import Store


def add_export(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `export` that are about bundles."""
    parser.add_argument(
        "--bundle",
        metavar="PATH",
        type=Path,
        help="Seal, and write everything up to that seal as a bundle that `verify --bundle`"
        " checks: a directory, or a tar if PATH ends in .tar",
    )
    add_archives(parser)
    add_unsigned(parser)


async def export(store: Store, args: argparse.Namespace) -> int:
    """Seal, and write a bundle up to that seal."""
    seal = await sealed(store, args.settings, unsigned=args.unsigned)
    with Progress("events written") as progress:
        await export_bundle(
            store,
            args.bundle.absolute(),
            seal,
            made_by=f"tollgate {__version__}",
            now_us=Clock().now_us(),
            archives_dir=args.archives or args.settings.archives,
            progress=progress,
        )
    print(f"{args.bundle}: {describe(seal)}")
    return 0


def add_trust(parser: argparse.ArgumentParser) -> None:
    """Add what a checker knows from elsewhere."""
    parser.add_argument(
        "--public-key",
        metavar="KEY",
        action="append",
        default=[],
        help="The last seal must be signed by this key: base64, PEM or a file; may be repeated",
    )
    parser.add_argument(
        "--expect-seal",
        metavar="DIGEST",
        action="append",
        default=[],
        help="A seal with this digest, which somebody wrote down, must be there; may be repeated",
    )


def trust(args: argparse.Namespace) -> tuple[list[str], list[str]]:
    """Return the trusted keys and the expected digests. Raises InvalidKey."""
    keys = [read_public_key(key) for key in args.public_key]
    return keys, [digest.strip().lower() for digest in args.expect_seal]


def verify(args: argparse.Namespace) -> int:
    """Check a bundle."""
    keys, expected = trust(args)
    processes = min(args.processes or len(os.sched_getaffinity(0)), 16)
    with Progress("events checked") as progress:
        report = check_bundle(
            args.bundle, keys=keys, expected=expected, processes=processes, progress=progress
        )
    return tell(report, trusted=bool(keys or expected))


def tell(report: Report, *, trusted: bool) -> int:
    """Print a report and return the exit status."""
    for line in [report.headline, *report.lines]:
        print(line)
    if report.ok and not trusted:
        print(
            "notice: neither --public-key nor --expect-seal was given, so this says that it all"
            " fits together, not who made it"
        )
    return 0 if report.ok else 1
