"""`tollgate ledger receipt`: one event, proved without the books; and the check of such a file."""

import argparse
from pathlib import Path
from typing import Any

import orjson

from gateway.commands.arguments import Command
from gateway.commands.bundle import tell, trust
from gateway.commands.output import output
from gateway.commands.seal import add_unsigned, sealed
from ledger import seals
from ledger.archive_read import find_event
from ledger.errors import LedgerError
from ledger.receipts import check_receipt, make_receipt
from ledger.store import Store

MAX_BYTES = 256 * 1024 * 1024


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("event_id", metavar="EVENT_ID", help="The event, as in usage:…")
    parser.add_argument("--output", metavar="FILE", default="-", help="Default -, standard output")
    parser.add_argument(
        "--through",
        metavar="NUMBER",
        type=int,
        help="Add the seals up to this one, to be checked against a digest written down later",
    )
    add_unsigned(parser)


async def _receipt(store: Store, args: argparse.Namespace) -> int:
    directory = args.settings.archives
    event = await find_event(store, directory, args.event_id)
    if event is None:
        raise LedgerError(f"there is no event {args.event_id:.200}")
    place = int(event["writer"]), int(event["seq"])
    seal = await seals.sealing(store, *place)
    if seal is None:
        await sealed(store, args.settings, unsigned=args.unsigned)
        seal = await seals.sealing(store, *place)
    if seal is None:
        raise LedgerError("the event can't be sealed: verify says what is wrong")
    receipt = await make_receipt(store, seal, event, archives_dir=directory, through=args.through)
    text = orjson.dumps(receipt, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
    with output(args.output) as file:
        file.write(f"{text.decode()}\n")
    return 0


def verify(args: argparse.Namespace) -> int:
    """Check the receipt in a file, as the command wrote it or as the API answered it."""
    keys, expected = trust(args)
    path: Path = args.receipt
    if path.stat().st_size > MAX_BYTES:
        raise LedgerError(f"{path} is too large to be a receipt")
    try:
        receipt: Any = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise LedgerError(f"{path} is not JSON: {error}") from None
    if isinstance(receipt, dict) and isinstance(receipt.get("data"), dict):
        receipt = receipt["data"]
    report = check_receipt(receipt, keys=keys, expected=expected)
    return tell(report, trusted=bool(keys or expected))


COMMAND = Command(
    "receipt",
    "Write the receipt of one event, sealing it first if need be.",
    _arguments,
    _receipt,
)
