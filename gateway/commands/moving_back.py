"""`tollgate export one-api FILE`: users and keys with their balances, for a One API."""

import argparse
from pathlib import Path

from gateway.commands.books import open_books
from gateway.directory.directory import check_vault
from gateway.directory.vault import Vault
from gateway.moving.back import write_back
from gateway.secret_key import secret_key
from gateway.settings import Settings
from ledger.errors import LedgerError
from ledger.money import usd


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes beside --data-dir."""
    parser.add_argument("system", choices=("one-api",), help="One API's own tables")
    parser.add_argument("file", metavar="FILE", type=Path, help="a SQLite file, which is made")


async def run(args: argparse.Namespace, settings: Settings) -> int:
    """Write the file and say what is in it, and what is not; returns the exit status."""
    async with open_books(settings, explicit_dir=args.data_dir is not None) as store:
        vault = Vault(secret_key(settings))
        await check_vault(store, vault)
        try:
            back = await write_back(store, vault, args.file)
        except FileExistsError:
            raise LedgerError(f"{args.file} is there already; name a new file") from None
    print(f"{args.file}: {back.users} users with {back.quota} quota in all, {back.keys} keys")
    print(f"left here, as parts of a quota: {usd(back.rest_nano)} USD")
    if back.limited:
        print(f"{back.limited} keys have limits, budgets or a group here, which One API has not")
    print("not in it: channels, options, prices, codes, logs and access tokens")
    print("the file holds the texts of all keys: keep it as you keep them")
    return 0
