"""`tollgate ledger prices`: versions of the price book, listed, shown, compared, brought back."""

import argparse

import orjson

from gateway.commands.arguments import Command, time_us
from gateway.commands.people import actor
from ledger.books import Books
from ledger.clock import Clock
from ledger.events import rfc3339
from ledger.price_diff import diff
from ledger.prices import PriceBook
from ledger.store import Store


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
    for each in (back, cancel):
        each.add_argument("--note", default="", help="Why")
    for (
        action
    ) in actions.choices.values():  # where the books are may also be said behind the action
        action.add_argument(
            "--data-dir", dest="data_dir", default=argparse.SUPPRESS, help=argparse.SUPPRESS
        )


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
    "List, show and compare price versions, roll back to one, cancel a planned one.",
    _arguments,
    _prices,
)
