"""`tollgate ledger rebuild`: the projections from nothing but events."""

import argparse
from collections.abc import Awaitable, Callable

from gateway.commands.arguments import Command
from gateway.commands.output import Progress
from ledger.archive_chain import at_hand, whole_chain
from ledger.archived import Archives
from ledger.rebuild import rebuild
from ledger.recount_rollups import rebuild_rollups
from ledger.scan import total
from ledger.store import Store


async def _accounts(store: Store, args: argparse.Namespace) -> bool:
    with Progress("events read") as progress:
        result = await rebuild(store, resume=args.resume, progress=progress)
    print(result.headline)
    return not result.left


async def _rollups(store: Store, args: argparse.Namespace) -> bool:
    archives, directory = await Archives.load(store), args.settings.archives
    complete = at_hand(directory, archives)
    whole = whole_chain(directory, archives) if complete and archives.numbers else None
    count = await total(store) if Progress.shows() else 0
    read = 0
    with Progress("events counted") as progress:

        def counted(events: int) -> None:
            nonlocal read
            read += events
            progress(read, max(read, count))

        mended = await rebuild_rollups(store, whole=whole, progress=counted)
    print(f"Rebuilt the rollups; {mended} pages were wrong and are mended.")
    if not complete:
        print(f"Pages of archived times stay as they are: not all archives are in {directory}.")
    return True


# Each rebuilds one projection and says whether it is complete.
PROJECTIONS: dict[str, Callable[[Store, argparse.Namespace], Awaitable[bool]]] = {
    "accounts": _accounts,
    "rollups": _rollups,
}


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--only", choices=tuple(PROJECTIONS), help="Rebuild this projection; default: all of them"
    )
    parser.add_argument(
        "--resume", action="store_true", help="Go on where an interrupted rebuild stopped"
    )


async def _rebuild(store: Store, args: argparse.Namespace) -> int:
    chosen = (args.only,) if args.only else tuple(PROJECTIONS)
    complete = [await PROJECTIONS[name](store, args) for name in chosen]
    return 0 if all(complete) else 1


COMMAND = Command(
    "rebuild",
    "Recompute accounts and rollups from the events and mend what differs.",
    _arguments,
    _rebuild,
)
