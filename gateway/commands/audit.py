"""`tollgate ledger audit`: the cheap checks, now."""

import argparse

from gateway.commands.arguments import Command
from ledger.audit import audit
from ledger.store import Store


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--all",
        action="store_true",
        help="Read on until all events have been read, however many are new",
    )


async def _audit(store: Store, args: argparse.Namespace) -> int:
    result = await audit(store)
    while args.all and result.behind and result.ok:
        result = await audit(store)
    for line in [result.headline, *result.lines]:
        print(line)
    return 0 if result.ok else 1


COMMAND = Command(
    "audit",
    "Look at what is new since the last audit, and at all accounts, and name each fault.",
    _arguments,
    _audit,
)
