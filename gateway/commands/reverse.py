"""`tollgate ledger reverse`: give charges back, or take a recharge back."""

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from gateway.commands.arguments import Command, add_period
from gateway.commands.people import actor
from gateway.directory.option_table import OPTIONS
from ledger import reversal_runs, reversals
from ledger.books import Books
from ledger.clock import Clock
from ledger.events import Document
from ledger.money import NANO_PER_USD, usd
from ledger.restore import bring_back
from ledger.reversals import APPROVED, DONE, Request
from ledger.store import Store

LIMIT = "ReversalApprovalUsd"
_NUMBERS = ("price_version", "channel", "key", "user")
_TEXTS = ("model", "served_model", "group", "outcome", "usage_source", "endpoint")
_LISTED = 100


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--event", metavar="ID", help="One charge or recharge, as in usage:…")
    for name in (*_NUMBERS, *_TEXTS):
        kind = int if name in _NUMBERS else str
        flag = f"--{name.replace('_', '-')}"
        parser.add_argument(
            flag, dest=name, type=kind, help=f"Charges of this {name.replace('_', ' ')}"
        )
    add_period(parser, "Charges recorded")
    parser.add_argument("--reason", default="", help="Why; needed unless --dry-run")
    parser.add_argument("--dry-run", action="store_true", help="Only show what would be reversed")
    parser.add_argument(
        "--force", action="store_true", help="Of a recharge, take back what is still there"
    )
    parser.add_argument("--list", action="store_true", help="List reversals instead, newest first")


async def _reverse(store: Store, args: argparse.Namespace) -> int:
    if args.list:
        for document in await reversals.listed(store, None, 0, _LISTED):
            print(_line(document))
        return 0
    request = Request(actor(), args.reason, args.event, _filter(args), force=args.force)
    if request.event is not None:
        await bring_back(store, args.settings.archives, request.event)
    if args.dry_run:
        _show(await reversals.dry_run(store, request))
        return 0
    async with _open(store) as books:
        document, replayed = await reversals.propose(books, request, await _limit_nano(store))
        if document["state"] == APPROVED:
            document = await reversal_runs.run(books, document["_id"])
    if replayed:
        print("This was asked before.")
    print(_line(document))
    if document["needs_approval"] and document["state"] != DONE:
        print("It is above the limit for one person: an admin must approve it in the console.")
    return 0


def _filter(args: argparse.Namespace) -> dict[str, Any] | None:
    names = (*_NUMBERS, *_TEXTS, "from_us", "to_us")
    given = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    return given or None


@asynccontextmanager
async def _open(store: Store) -> AsyncIterator[Books]:
    books = await Books.open(store, Clock())
    try:
        yield books
    finally:
        await books.close()


async def _limit_nano(store: Store) -> int:
    stored = await store.find_one("options", {"_id": LIMIT})
    value = OPTIONS[LIMIT].default if stored is None else stored["value"]
    return int(value) * NANO_PER_USD


def _show(numbers: Document) -> None:
    print(f"{numbers['count']} to reverse, together {numbers['total']} USD")
    for kind in ("users", "models"):
        for row in numbers[kind]:
            name = row.get("account") or row.get("model") or "-"
            print(f"  {name}: {row['count']}, {row['amount']} USD")
    print(f"already reversed: {numbers['already_reversed']}; digest {numbers['digest']}")


def _line(document: Document) -> str:
    done, numbers = document["done"], document["numbers"]
    text = (
        f"{document['_id']} {document['state']}: {done['count']} of {numbers['count']} reversed,"
        f" {usd(done['total_nano'])} of {numbers['total']} USD; by {document['proposer']}"
    )
    return f"{text}: {document['reason']}"


COMMAND = Command(
    "reverse",
    "Give charges back, one or all that a filter chooses; or take a recharge back.",
    _arguments,
    _reverse,
)
