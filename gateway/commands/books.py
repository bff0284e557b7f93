"""Finding the books that a command is about: beside a running server, or on a stopped one."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from gateway.settings import Settings
from ledger.embedded import EmbeddedDatabase, running_url
from ledger.errors import LedgerError
from ledger.half import refuse_half_restored
from ledger.store import Store


class NoBooks(LedgerError):
    """There are none where the settings say they are."""


@contextlib.asynccontextmanager
async def open_books(
    settings: Settings, *, explicit_dir: bool, timeout_s: float = 10.0, anew: bool = False
) -> AsyncIterator[Store]:
    """Connect to the books that these settings name.

    Where there are none, raises NoBooks; with `anew` that is right, and an embedded database is
    made if need be.
    """
    async with contextlib.AsyncExitStack() as stack:
        url, where = settings.mongo_url, f"database {settings.mongo_db} of MONGO_URL"
        if url is None or (explicit_dir and holds_database(settings.data_dir)):
            where = f"data directory {settings.data_dir}"
            url = running_url(settings.data_dir)
            if url is None:
                url = await _start(settings.data_dir, stack, anew=anew)
        store = await Store.connect(url, settings.mongo_db, settings.driver, timeout_s=timeout_s)
        stack.push_async_callback(store.close)
        if not anew:
            if "events" not in await store.collection_names():
                raise NoBooks(f"no books in {where}")
            await refuse_half_restored(store)
        yield store


async def owner_of(store: Store, account: str) -> str | None:
    """Return the account of the user who has (or had) a key, if known; None for other accounts."""
    kind, _, number = account.partition(":")
    if kind != "key":
        return None
    key = await store.find_one("keys", {"_id": int(number)}, projection={"user_id": 1})
    return f"user:{key['user_id']}" if key is not None else None


async def _start(data_dir: Path, stack: contextlib.AsyncExitStack, *, anew: bool) -> str:
    if not anew and not holds_database(data_dir):
        raise NoBooks(
            f"no books in data directory {data_dir}; name theirs with --data-dir,"
            " TOLLGATE_DATA_DIR or MONGO_URL"
        )
    database = EmbeddedDatabase(data_dir)
    url = await database.start()
    stack.push_async_callback(database.stop)
    return url


def holds_database(data_dir: Path) -> bool:
    """Tell whether an embedded database has ever lived here: its engine leaves this file."""
    return any(data_dir.glob("WiredTiger")) or any(data_dir.glob("*/WiredTiger"))
