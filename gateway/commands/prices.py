"""`tollgate ledger prices`: versions of the price book, listed, shown, compared, brought back; and
what the packaged prices of the installed version propose."""

import argparse
import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path

import orjson

from gateway.commands.arguments import Command, time_us
from gateway.commands.people import actor
from gateway.commands.prices_check import check
from ledger.books import Books
from ledger.clock import Clock
from ledger.events import rfc3339
from ledger.price_check import FACTOR
from ledger.price_diff import diff
from ledger.price_proposals import Proposals, adopt, propose
from ledger.price_rows import prices_of
from ledger.price_seed import seed_rows
from ledger.price_waiting import dismiss, forget, wanted
from ledger.prices import PriceBook
from ledger.store import Store

PRICES = Path(__file__).parents[2] / "conf" / "prices.yaml"


def _arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("list", help="list all versions, oldest first", allow_abbrev=False)
    show = actions.add_parser("show", help="print the table of a version", allow_abbrev=False)
    show.add_argument("version", type=int, nargs="?", help="Default: the one in force")
    compare = actions.add_parser("diff", help="compare two versions", allow_abbrev=False)
    compare.add_argument("before", type=int)
    compare.add_argument("after", type=int, nargs="?", help="Default: the one in force")
    back = actions.add_parser(
        "rollback", help="publish a version that restores another", allow_abbrev=False
    )
    back.add_argument("version", type=int)
    back.add_argument("--at", dest="effective_us", type=time_us, metavar="TIME", help="Default now")
    cancel = actions.add_parser("cancel", help="cancel a planned version", allow_abbrev=False)
    cancel.add_argument("version", type=int)
    actions.add_parser(
        "proposals",
        help="show what the packaged prices of this version propose",
        allow_abbrev=False,
    )
    adopt_ = actions.add_parser("adopt", help="publish proposed prices", allow_abbrev=False)
    away = actions.add_parser(
        "dismiss", help="propose prices no more, unless they become others", allow_abbrev=False
    )
    for each in (adopt_, away):
        each.add_argument("models", nargs="*", metavar="MODEL", help="Models that are meant")
        each.add_argument("--all", action="store_true", help="All that is proposed")
    check_ = actions.add_parser(
        "check", help="list offered models without a price, and odd prices", allow_abbrev=False
    )
    check_.add_argument(
        "--factor",
        type=_factor,
        default=FACTOR,
        help="How many times another price is odd. Default: %(default)s",
    )
    for each in (back, cancel, adopt_):
        each.add_argument("--note", default="", help="Why")
    for (
        action
    ) in actions.choices.values():  # where the books are may also be said behind the action
        action.add_argument(
            "--data-dir", dest="data_dir", default=argparse.SUPPRESS, help=argparse.SUPPRESS
        )


def _factor(text: str) -> Decimal:
    try:
        factor = Decimal(text)
    except InvalidOperation:
        factor = Decimal(0)
    if not factor.is_finite() or factor < 1:
        raise argparse.ArgumentTypeError("must be a number of at least 1")
    return factor


async def _prices(store: Store, args: argparse.Namespace) -> int:
    book = PriceBook(Clock())
    await book.load(store)
    if args.action == "list":
        _list(book)
    elif args.action == "show":
        table = book.table() if args.version is None else book.table_of(args.version)
        shown = {
            "version": table.version,
            "groups": table.groups,
            "rows": list(table.rows.values()),
        }
        print(orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode())
    elif args.action == "diff":
        after = book.table() if args.after is None else book.table_of(args.after)
        for line in diff(book.table_of(args.before), after).lines():
            print(line)
    elif args.action == "check":
        return check(book.table().rows, args.factor)
    elif args.action == "proposals":
        _show(await wanted(store, _proposed(book)))
    elif args.action in ("adopt", "dismiss"):
        return await _decide(store, book, args)
    else:
        await _publish(store, args)
    return 0


def _list(book: PriceBook) -> None:
    for body in book.versions():
        counts = [
            f"{len(body.get(name) or ())} {word}"
            for name, word in (("set", "set"), ("unset", "unset"), ("groups", "groups"))
            if body.get(name)
        ]
        for name in ("cancels", "restores"):
            counts += [f"{name} {body[name]}"] if body.get(name) else []
        number, state = body["version"], book.state(body["version"])
        print(
            f"{number:>4}  {rfc3339(body['effective_us'])}  {state:<9}"
            f"  {body['author']}  {', '.join(counts) or 'nothing'}  {body['note']}".rstrip()
        )


def _proposed(book: PriceBook) -> Proposals:
    rows, source = seed_rows(PRICES, Clock().now_us())
    return propose(book, rows, source)


def _show(found: Proposals) -> None:
    for row in found.added:
        prices = ", ".join(f"{name} {price}" for name, price in prices_of(row).items())
        print(f"+ {row['model']}: {prices}")
    for change in found.changed:
        for name, (before, after) in change.fields.items():
            print(f"  {change.after['model']}: {name} {before or 'none'} -> {after or 'none'}")
    print(
        f"Against version {found.version}: {len(found.added)} new, {len(found.changed)} changed;"
        f" left alone: {len(found.kept)} set by an operator, {len(found.withdrawn)} withdrawn,"
        f" {len(found.gone)} no longer listed, {len(found.dismissed)} dismissed. {found.source}."
    )


async def _decide(store: Store, book: PriceBook, args: argparse.Namespace) -> int:
    if bool(args.models) == args.all:
        print("Name the models, or say --all.", file=sys.stderr)
        return 2
    found = _proposed(book)
    models = list((await wanted(store, found)).rows) if args.all else args.models
    if args.action == "dismiss":
        count = await dismiss(store, found, models, actor(), Clock().now_us() // 1_000_000)
        print(f"Dismissed until their prices are others: {count} of {len(found.rows)} proposals.")
        return 0
    books = await Books.open(store, Clock())
    try:
        number = await adopt(books.prices, books, found, models, author=actor(), note=args.note)
        await forget(store, models)
    finally:
        await books.close()
    which = "all models" if args.all else ", ".join(sorted(set(args.models)))
    print(f"Version {number} has the proposed prices of {which}.")
    return 0


async def _publish(store: Store, args: argparse.Namespace) -> None:
    books = await Books.open(store, Clock())
    try:
        prices, who = books.prices, actor()
        before = prices.latest
        if args.action == "cancel":
            number = await prices.cancel(books, args.version, author=who, note=args.note)
            print(f"Version {args.version} is cancelled, by version {number}.")
            return
        number = await prices.roll_back(
            books,
            args.version,
            author=who,
            note=args.note or f"back to version {args.version}",
            effective_us=args.effective_us,
        )
        if number <= before:
            print(f"The prices are those of version {args.version} already; nothing was published.")
        else:
            print(f"Version {number} restores version {args.version}.")
    finally:
        await books.close()


COMMAND = Command(
    "prices",
    "List, show and compare price versions, roll back, cancel one; adopt packaged prices.",
    _arguments,
    _prices,
)
