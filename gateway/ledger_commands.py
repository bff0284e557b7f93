"""`tollgate ledger …`: commands on the books, beside a running server or on a stopped one."""

import argparse
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import IO, cast

from gateway.settings import Settings
from ledger.accounts import Sums, balance_nano, effects, read_many
from ledger.embedded import EmbeddedDatabase, running_url
from ledger.errors import LedgerError
from ledger.events import Document
from ledger.export import lines
from ledger.money import usd
from ledger.rebuild import rebuild
from ledger.store import Store
from ledger.verify import verify

PROGRESS_EVERY_S = 0.2


async def run(args: argparse.Namespace, settings: Settings) -> int:
    """Open the books, run one command on them, and return the exit status."""
    async with _books(settings, explicit_dir=args.data_dir is not None) as store:
        return await _COMMANDS[args.ledger_command](store, args)


@contextlib.asynccontextmanager
async def _books(settings: Settings, *, explicit_dir: bool) -> AsyncIterator[Store]:
    """Connect to the books that these settings name; refuse where there are none."""
    async with contextlib.AsyncExitStack() as stack:
        url, where = settings.mongo_url, f"database {settings.mongo_db} of MONGO_URL"
        if url is None or (explicit_dir and _holds_database(settings.data_dir)):
            where = f"data directory {settings.data_dir}"
            url = running_url(settings.data_dir)
            if url is None:
                url = await _start(settings.data_dir, stack)
        store = await Store.connect(url, settings.mongo_db, settings.driver)
        stack.push_async_callback(store.close)
        if await store.find_one("events", {}, projection={"_id": 1}) is None:
            raise LedgerError(f"no books in {where}")
        yield store


async def _start(data_dir: Path, stack: contextlib.AsyncExitStack) -> str:
    if not _holds_database(data_dir):
        raise LedgerError(
            f"no books in data directory {data_dir}; name theirs with --data-dir,"
            " TOLLGATE_DATA_DIR or MONGO_URL"
        )
    database = EmbeddedDatabase(data_dir)
    url = await database.start()
    stack.push_async_callback(database.stop)
    return url


def _holds_database(data_dir: Path) -> bool:
    """Tell whether an embedded database has ever lived here: its engine leaves this file."""
    return any(data_dir.glob("WiredTiger")) or any(data_dir.glob("*/WiredTiger"))


# -- the commands -------------------------------------------------------------------------------


async def _verify(store: Store, args: argparse.Namespace) -> int:
    with Progress("events checked") as progress:
        report = await verify(store, progress=progress)
    for line in [report.headline, *report.lines]:
        print(line)
    return 0 if report.ok else 1


async def _rebuild(store: Store, args: argparse.Namespace) -> int:
    with Progress("events read") as progress:
        result = await rebuild(store, progress=progress)
    print(result.headline)
    return 1 if result.left else 0


async def _export(store: Store, args: argparse.Namespace) -> int:
    total = await store.count("events", {}) if Progress.shows() else 0
    text = lines(store, args.format, account=args.account, from_us=args.from_us, to_us=args.to_us)
    async with contextlib.aclosing(cast("AsyncGenerator[str, None]", text)):
        with _output(args.output) as file, Progress("lines written") as progress:
            written = 0
            async for line in text:
                file.write(line)
                written += 1
                progress(written, total)
    return 0


async def _balance(store: Store, args: argparse.Namespace) -> int:
    wanted = args.accounts or await _users(store)
    balances = await exact_balances(store, wanted)
    width = max(map(len, wanted), default=0)
    for account in wanted:
        print(f"{account:<{width}}  {usd(balances[account])}")
    return 0


_COMMANDS = {"verify": _verify, "rebuild": _rebuild, "export": _export, "balance": _balance}


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


# -- output -------------------------------------------------------------------------------------


@contextlib.contextmanager
def _output(name: str) -> Iterator[IO[str]]:
    """Open the file to write: standard output for -, else a new file that is renamed when whole.

    What is no regular file (a pipe, /dev/null) is written to as it is.
    """
    if name == "-":
        yield sys.stdout
        sys.stdout.flush()
        return
    target = Path(name).resolve()
    if target.exists() and not target.is_file():
        with target.open("w", encoding="utf-8", newline="") as file:
            yield file
        return
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with open(handle, "w", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o600)
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


class Progress:
    """Counts on standard error, when that is a terminal."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._shown_at_s = 0.0

    @staticmethod
    def shows() -> bool:
        """Tell whether anybody can see it."""
        return sys.stderr.isatty()

    def __enter__(self) -> "Progress":
        return self

    def __call__(self, done: int, total: int) -> None:
        now_s = time.monotonic()
        if self.shows() and now_s - self._shown_at_s >= PROGRESS_EVERY_S:
            self._shown_at_s = now_s
            print(f"\r{done} of {total} {self._what}", end="", file=sys.stderr, flush=True)

    def __exit__(self, *exc_info: object) -> None:
        if self._shown_at_s:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
