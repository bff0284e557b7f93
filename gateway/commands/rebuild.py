"""`tollgate ledger rebuild`: the projections from nothing but events."""

import argparse
from collections.abc import Awaitable, Callable

from gateway.commands.arguments import Command
from gateway.commands.output import Progress
from ledger.rebuild import rebuild
from ledger.store import Store


async def _accounts(store: Store, resume: bool) -> bool:
    with Progress("events read") as progress:
        result = await rebuild(store, resume=resume, progress=progress)
    print(result.headline)
    return not result.left


# Each rebuilds one projection and says whether it is complete.
PROJECTIONS: dict[str, Callable[[Store, bool], Awaitable[bool]]] = {"accounts": _accounts}


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--only", choices=tuple(PROJECTIONS), help="Rebuild this projection; default: all of them"
    )
    parser.add_argument(
        "--resume", action="store_true", help="Go on where an interrupted rebuild stopped"
    )


async def _rebuild(store: Store, args: argparse.Namespace) -> int:
    chosen = (args.only,) if args.only else tuple(PROJECTIONS)
    complete = [await PROJECTIONS[name](store, args.resume) for name in chosen]
    return 0 if all(complete) else 1


COMMAND = Command(
    "rebuild",
    "Recompute every account from the events and mend those that differ.",
    _arguments,
    _rebuild,
)
