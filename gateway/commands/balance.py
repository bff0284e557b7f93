"""`tollgate ledger balance`: what accounts have, exactly, now or at another time."""

import argparse

from gateway.commands.arguments import Command, account, time_us
from gateway.commands.books import owner_of
from ledger.balances import NOW, AsOf, balance_at, exact_balances
from ledger.history import History
from ledger.money import usd
from ledger.store import Store

_TIMES = (
    ("--at", "at_us", "Count only what took effect by this time, RFC 3339 or unix seconds"),
    ("--known-at", "known_us", "Count only what was recorded by this time, as known then"),
)


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("accounts", nargs="*", metavar="ACCOUNT", type=account)
    for flag, name, meaning in _TIMES:
        parser.add_argument(flag, dest=name, metavar="TIME", type=time_us, help=meaning)


async def _balance(store: Store, args: argparse.Namespace) -> int:
    wanted = args.accounts or await _users(store)
    as_of = AsOf(args.at_us, args.known_us)
    if as_of == NOW:
        balances = await exact_balances(store, wanted)
    else:
        history = await History.open(store, args.settings.archives)
        balances = {
            name: await balance_at(history, name, as_of, owner=await owner_of(store, name))
            for name in wanted
        }
    width = max(map(len, wanted), default=0)
    for name in wanted:
        print(f"{name:<{width}}  {usd(balances[name])}")
    return 0


async def _users(store: Store) -> list[str]:
    users = {"_id": {"$gte": "user:", "$lt": "user;"}}
    found = [d["_id"] async for d in store.find("accounts", users, projection={"_id": 1})]
    return sorted(found, key=lambda account: int(account.partition(":")[2]))


COMMAND = Command(
    "balance",
    "Print balances in USD, exactly; of all users if none is named.",
    _arguments,
    _balance,
)
