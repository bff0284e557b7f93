"""`tollgate ledger balance`: what accounts have, exactly."""

import argparse
from collections.abc import Sequence

from gateway.commands.arguments import Command, account
from ledger.accounts import Sums, balance_nano, effects, read_many
from ledger.events import Document
from ledger.money import usd
from ledger.store import Store


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("accounts", nargs="*", metavar="ACCOUNT", type=account)


async def _balance(store: Store, args: argparse.Namespace) -> int:
    wanted = args.accounts or await _users(store)
    balances = await exact_balances(store, wanted)
    width = max(map(len, wanted), default=0)
    for name in wanted:
        print(f"{name:<{width}}  {usd(balances[name])}")
    return 0


async def _users(store: Store) -> list[str]:
    users = {"_id": {"$gte": "user:", "$lt": "user;"}}
    found = [d["_id"] async for d in store.find("accounts", users, projection={"_id": 1})]
    return sorted(found, key=lambda account: int(account.partition(":")[2]))


async def exact_balances(store: Store, accounts: Sequence[str]) -> dict[str, int]:
    """Return balances in nano-dollars with every recorded event, projected or not.

    The watermarks are read first: what they cover is in the accounts, and of the events after them
    an account takes those that it does not have yet.
    """
    positions = await store.find_list("positions", {})
    reached = {d["_id"].removeprefix("accounts:"): int(d["seq"]) for d in positions}
    documents = await read_many(store, accounts)
    late = {account: Sums() for account in accounts}
    for writer in await store.find_list("writers", {}, projection={"_id": 1}):
        slot = writer["_id"]
        after = {"writer": slot, "seq": {"$gt": reached.get(str(slot), 0)}}
        async for event in store.find("events", after, sort=[("seq", 1)]):
            _fold_late(event, documents, late)
    return {
        account: balance_nano(documents[account]) + balance_nano(late[account].columns)
        for account in accounts
    }


def _fold_late(event: Document, documents: dict[str, Document], late: dict[str, Sums]) -> None:
    writer = str(event["writer"])
    for effect in effects(event):
        if effect.account not in late:
            continue
        if event["seq"] > int(documents[effect.account].get("applied", {}).get(writer, 0)):
            late[effect.account].add(effect, writer, event["seq"])


COMMAND = Command(
    "balance",
    "Print balances in USD, exactly; of all users if none is named.",
    _arguments,
    _balance,
)
