"""`tollgate ledger …`: the table of commands on the books, a file each."""

import argparse

from gateway.commands import (
    archive,
    audit,
    backup,
    balance,
    export,
    prices,
    rebuild,
    receipt,
    reconcile,
    reprice,
    reverse,
    seal,
    statement,
    verify,
)
from gateway.commands.arguments import Command
from gateway.commands.books import open_books
from gateway.settings import Settings

COMMANDS: dict[str, Command] = {
    command.name: command
    for command in (
        verify.COMMAND,
        seal.SEAL,
        seal.KEYGEN,
        receipt.COMMAND,
        audit.COMMAND,
        archive.ARCHIVE,
        archive.RESTORE,
        backup.COMMAND,
        rebuild.COMMAND,
        export.COMMAND,
        balance.COMMAND,
        statement.COMMAND,
        reverse.COMMAND,
        reprice.COMMAND,
        reconcile.COMMAND,
        prices.COMMAND,
    )
}


async def run(args: argparse.Namespace, settings: Settings) -> int:
    """Open the books, run one command on them, and return the exit status."""
    command = COMMANDS[args.ledger_command]
    args.settings = settings
    done = command.alone(args) if command.alone is not None else None
    if done is not None:
        return done
    explicit, anew = args.data_dir is not None, command.anew(args)
    async with open_books(settings, explicit_dir=explicit, anew=anew) as store:
        return await command.run(store, args)
