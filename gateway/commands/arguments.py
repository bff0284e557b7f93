"""What the commands on the books share: their shape, and arguments that several take."""

import argparse
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from gateway.times import parse_time_us
from ledger.store import Store

_ACCOUNT = re.compile(
    r"(user|key|channel|code):[0-9]+|budget:(user|key):[0-9]+:(day|week|month):[0-9-]{10}"
    r"|lot:[0-9]+:[a-z0-9-]+|codes|prices|directory|ledger",
    re.ASCII,
)

Run = Callable[[Store, argparse.Namespace], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Command:
    """One command: `tollgate ledger NAME`. `run` returns the exit status.

    `alone` is asked first: it returns an exit status if these arguments need no books, else None.
    `anew` tells whether these arguments are for a database that need not hold books yet.
    """

    name: str
    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Run
    alone: Callable[[argparse.Namespace], int | None] | None = None
    anew: Callable[[argparse.Namespace], bool] = lambda args: False


def no_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing."""


def add_period(parser: argparse.ArgumentParser, what: str) -> None:
    """Add --from and --to, in microseconds since the epoch as `from_us` and `to_us`."""
    for flag, name, meaning in (("--from", "from_us", "from"), ("--to", "to_us", "before")):
        parser.add_argument(
            flag,
            dest=name,
            metavar="TIME",
            type=time_us,
            help=f"{what} {meaning} this time, RFC 3339 or unix seconds",
        )


def add_archives(parser: argparse.ArgumentParser) -> None:
    """Add --archives, for what also reads events that the database no longer holds."""
    parser.add_argument(
        "--archives",
        metavar="DIR",
        type=Path,
        help="Where archives are kept. Default: ARCHIVE_DIR",
    )


def account(text: str) -> str:
    """Read an account such as user:42."""
    if _ACCOUNT.fullmatch(text) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no account; say user:42, key:7 or channel:3")
    return text


def time_us(text: str) -> int:
    """Read a time, RFC 3339 or unix seconds, as microseconds since the epoch."""
    try:
        return parse_time_us(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
