"""`tollgate ledger statement`: what moved an account in a period, and what it had then."""

import argparse

from gateway.commands.arguments import Command, account, add_period, time_us
from gateway.commands.books import owner_of
from gateway.commands.tables import add_file, refuse_terminal, write_table
from ledger.history import History
from ledger.statement_rows import View, rows
from ledger.statements import GROUPS, ORDERS, RECORDED, Statement
from ledger.store import Store


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("account", metavar="ACCOUNT", type=account, help="As in user:42")
    add_file(parser, default="csv")
    add_period(parser, "Only what belongs to the time")
    parser.add_argument("--group", choices=tuple(GROUPS), help="Sums instead of all movements")
    parser.add_argument(
        "--by",
        choices=ORDERS,
        default=RECORDED,
        help="What decides when a movement belongs: ts, when it was recorded (default), or at,"
        " when it took effect",
    )
    parser.add_argument(
        "--known-at",
        dest="known_us",
        metavar="TIME",
        type=time_us,
        help="Leave out what was recorded after this time",
    )


async def _statement(store: Store, args: argparse.Namespace) -> int:
    statement = await Statement.open(
        await History.open(store, args.settings.archives),
        args.account,
        owner=await owner_of(store, args.account),
        from_us=args.from_us,
        to_us=args.to_us,
        by=args.by,
        known_us=args.known_us,
    )
    view = View(args.group)
    await write_table(args, view.table, rows(statement, view), title="Statement")
    return 0


COMMAND = Command(
    "statement",
    "Write the statement of an account: opening balance, movements, closing balance.",
    _arguments,
    _statement,
    alone=refuse_terminal,
)
