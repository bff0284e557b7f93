"""`tollgate ledger rebuild`: account documents from nothing but events."""

import argparse

from gateway.commands.arguments import Command, no_arguments
from gateway.commands.output import Progress
from ledger.rebuild import rebuild
from ledger.store import Store


async def _rebuild(store: Store, args: argparse.Namespace) -> int:
    with Progress("events read") as progress:
        result = await rebuild(store, progress=progress)
    print(result.headline)
    return 1 if result.left else 0


COMMAND = Command(
    "rebuild",
    "Recompute every account from the events and mend those that differ.",
    no_arguments,
    _rebuild,
)
