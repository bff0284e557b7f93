"""`tollgate ledger backup`, and `restore` of what it wrote: all that is needed to run again."""

import argparse
import asyncio
import os
import shutil
import sys
from pathlib import Path

from gateway import __version__
from gateway.commands.arguments import Command, add_archives
from gateway.commands.bundle import add_trust, trust
from gateway.commands.output import Progress
from gateway.commands.people import actor
from gateway.commands.seal import add_unsigned, describe, sealed
from gateway.directory.notices import NOTICES
from gateway.directory.oauth_states import STATES
from gateway.directory.proofs import PROOFS
from gateway.directory.sessions import COLLECTION as SESSIONS
from gateway.directory.sign_in_tickets import TICKETS
from gateway.directory.vault import Vault, key_from, parse_key
from gateway.settings import Settings
from ledger.backup import take_backup
from ledger.backup_restore import NotRestored, Recovered, restore_backup
from ledger.books import Books
from ledger.bundle_check import check_bundle
from ledger.clock import Clock
from ledger.events import Draft
from ledger.money import usd
from ledger.report import Report
from ledger.seal_body import Seal
from ledger.store import Store

#: Of use for minutes only; mail that waited would be sent twice.
SHORT_LIVED = (SESSIONS, PROOFS, STATES, TICKETS, NOTICES)
# A backup under load may catch a charge without the top-up that paid for it; the next one won't.
TRIES = 3


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "path",
        metavar="PATH",
        type=Path,
        help="What to write: a directory, or a tar if PATH ends in .tar; never over anything",
    )
    add_archives(parser)
    add_unsigned(parser)


async def _backup(store: Store, args: argparse.Namespace) -> int:
    path: Path = args.path.absolute()
    for tries_left in reversed(range(TRIES)):
        seal, digest = await _take(store, path, args)
        report = await asyncio.to_thread(check_bundle, path, processes=_processes())
        if report.ok:
            break
        _remove(path)
        if not tries_left:
            return _not_right(report)
    print(f"{args.path}: {describe(seal)}\nmanifest {digest}")
    print("Read again and found right. Keep the secret key (see the settings) in another place.")
    return 0


async def _take(store: Store, path: Path, args: argparse.Namespace) -> tuple[Seal, str]:
    made: list[Seal] = []

    async def seal() -> Seal:
        made.append(await sealed(store, args.settings, unsigned=args.unsigned))
        return made[-1]

    with Progress("events written") as progress:
        digest = await take_backup(
            store,
            path,
            seal,
            besides=SHORT_LIVED,
            made_by=f"tollgate {__version__}",
            now_us=Clock().now_us(),
            archives_dir=args.archives or args.settings.archives,
            progress=progress,
        )
    return made[-1], digest


def _not_right(report: Report) -> int:
    print(f"tollgate: no backup was kept. {report.headline}", file=sys.stderr)
    for line in report.lines:
        print(line)
    return 1


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def _processes() -> int:
    return min(len(os.sched_getaffinity(0)), 16)


# -- the way back --------------------------------------------------------------------------------


def add_restore(parser: argparse.ArgumentParser) -> None:
    """Add what somebody knows of a backup from elsewhere."""
    parser.add_argument(
        "--expect-manifest",
        metavar="SHA256",
        help="The backup must have the manifest with this SHA-256, which `backup` printed",
    )
    add_trust(parser)


async def restore(store: Store, args: argparse.Namespace) -> int:
    """Restore a backup into an empty database."""
    keys, expected = trust(args)
    try:
        with Progress("events restored") as progress:
            done = await restore_backup(
                store,
                Clock(),
                args.directory,
                keys=keys,
                expected=expected,
                manifest_digest=args.expect_manifest,
                processes=_processes(),
                progress=progress,
            )
    except NotRestored as error:
        print(f"tollgate: {error}", file=sys.stderr)
        for line in error.lines:
            print(line)
        return 1
    print(
        f"Restored up to seal {done.seal} and verified: {done.events} events, {done.accounts}"
        f" accounts, {usd(done.balances_nano)} USD in balances, {done.documents} other documents."
    )
    await _note(store, done)
    notice = await _about_key(store, args.settings)
    if notice:
        print(notice)
    return 0


async def _note(store: Store, done: Recovered) -> None:
    """Leave word in the books that they are restored ones, and from where they go on."""
    books = await Books.open(store, Clock())
    try:
        after = {"seal": done.seal, "digest": done.digest, "events": done.events}
        body = {"action": "books.restore", "object": "backup", "before": None, "after": after}
        event_id = f"audit:restored:{books.writer.slot}:{books.writer.epoch}"
        await books.record(Draft(event_id, "audit.recorded", "directory", 0, actor(), body))
    finally:
        await books.close()


async def _about_key(store: Store, settings: Settings) -> str:
    """Say so when the stored secrets cannot be read with the key at hand."""
    noted = await store.find_one("directory", {"_id": "vault"})
    path = settings.data_dir / "secret.key"
    try:
        given = settings.secret_key
        key = key_from(given) if given else parse_key(path.read_text())
    except (OSError, ValueError):
        key = None
    if noted is None or (key is not None and Vault(key).fingerprint() == noted["fingerprint"]):
        return ""
    return (
        "notice: before a server starts, set TOLLGATE_SECRET_KEY to the key of the books that were"
        f" backed up, or put their secret.key into {settings.data_dir}: secrets are encrypted"
    )


COMMAND = Command(
    "backup",
    "Write all that is needed to run again, beside running servers: events, users, keys, channels.",
    _arguments,
    _backup,
)
