"""`tollgate ledger verify`: are the books right?"""

import argparse

from gateway.commands.arguments import Command, no_arguments
from gateway.commands.output import Progress
from ledger.store import Store
from ledger.verify import verify


async def _verify(store: Store, args: argparse.Namespace) -> int:
    with Progress("events checked") as progress:
        report = await verify(store, progress=progress)
    for line in [report.headline, *report.lines]:
        print(line)
    return 0 if report.ok else 1


COMMAND = Command(
    "verify",
    "Read every event, recompute every account, and name each fault.",
    no_arguments,
    _verify,
)
