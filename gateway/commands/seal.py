"""`tollgate ledger seal` and `keygen`: bind what is recorded, and make the key that signs it."""

import argparse
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from gateway.commands.arguments import Command
from gateway.settings import Settings
from ledger import seals
from ledger.books import Books
from ledger.clock import Clock
from ledger.errors import LedgerError
from ledger.events import rfc3339
from ledger.seal_body import Seal
from ledger.seal_walks import Walks
from ledger.signing import Signer, write_secret
from ledger.store import Store

KEY_FILE, PUBLIC_FILE = "signing.pem", "signing.pub"


def add_unsigned(parser: argparse.ArgumentParser) -> None:
    """Add --unsigned, for those who stop signing."""
    parser.add_argument(
        "--unsigned",
        action="store_true",
        help="Seal without a signature, although the last seal has one",
    )


async def sealed(store: Store, settings: Settings, *, unsigned: bool) -> Seal:
    """Seal what is new and return the newest seal.

    Raises LedgerError when seals were signed so far and there is no key now.
    """
    last = await seals.latest(store)
    walks = Walks(last)
    _, fresh = await walks.finish(store)
    if not fresh and last is not None:
        return last
    signer = Signer.read(settings.signing_key) if settings.signing_key and not unsigned else None
    if signer is None and last is not None and last.public_key is not None and not unsigned:
        raise LedgerError(
            "the last seal is signed: set TOLLGATE_SIGNING_KEY to sign this one, or say --unsigned"
        )
    async with _writing(store) as books:
        await seals.seal(books, signer, walks)
    found = await seals.latest(store)
    if found is None:
        raise LedgerError("nothing could be sealed: verify says what is wrong")
    return found


@contextlib.asynccontextmanager
async def _writing(store: Store) -> AsyncIterator[Books]:
    books = await Books.open(store, Clock())
    try:
        yield books
    finally:
        await books.close()


def describe(seal: Seal) -> str:
    """Return what is worth writing down of a seal, a line each."""
    key = f"signed by {seal.public_key}" if seal.public_key else "not signed"
    events = sum(head.seq for head in seal.heads.values())
    return (
        f"seal {seal.number} of {rfc3339(seal.sealed_us)} binds {events} events, {key}\n"
        f"digest {seal.digest}"
    )


async def _seal(store: Store, args: argparse.Namespace) -> int:
    print(describe(await sealed(store, args.settings, unsigned=args.unsigned)))
    return 0


async def _no_books(store: Store, args: argparse.Namespace) -> int:
    raise LedgerError("keygen needs no books")


def _keygen_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output",
        metavar="FILE",
        type=Path,
        help=f"Where to write the secret key. Default: {KEY_FILE} in the data directory",
    )


def _keygen(args: argparse.Namespace) -> int:
    settings: Settings = args.settings
    path: Path = (args.output or settings.data_dir / KEY_FILE).expanduser().absolute()
    signer, public = Signer.make(), path.with_suffix(".pub")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        write_secret(path, signer.pem())
    except FileExistsError:
        raise LedgerError(f"{path} exists; a signing key is never overwritten") from None
    public.write_text(f"{signer.public_key}\n", encoding="ascii")
    print(
        f"secret key: {path} (back it up; whoever has it can sign seals)\n"
        f"public key: {signer.public_key} (also in {public})\n\n"
        f"To use it:  TOLLGATE_SIGNING_KEY={path}, in the environment or .env of every server\n"
        "To publish: print the public key where it can't be changed unseen (contracts, invoices,"
        " your site, a colleague's notebook)\n"
        "To check:   tollgate ledger verify --bundle PATH --public-key "
        f"{signer.public_key}"
    )
    return 0


SEAL = Command(
    "seal",
    "Seal everything that is recorded by now, and print the digest to write down.",
    add_unsigned,
    _seal,
)
KEYGEN = Command(
    "keygen",
    "Make a key that signs the seals, and say how to use it.",
    _keygen_arguments,
    _no_books,
    alone=_keygen,
)
