"""Databases into which a backup is being restored, and those where that was broken off.

Owns the document `restoring` in `positions`. Promises that nobody keeps books in a database that
has only a part of them: every server and every command asks `refuse_half_restored` before it opens
books. Refuses nothing else.
"""

from ledger.errors import LedgerError
from ledger.store import Store

_MARK = "restoring"


async def mark_half_restored(store: Store, now_us: int) -> None:
    """Say that a restore begins. Raises Duplicate when another one runs."""
    # A watermark like the others, for whoever reads them all.
    await store.insert_one("positions", {"_id": _MARK, "seq": 0, "since_us": now_us})


async def whole_again(store: Store) -> None:
    """Say that the restore is complete."""
    await store.delete_one("positions", {"_id": _MARK})


async def refuse_half_restored(store: Store) -> None:
    """Raise LedgerError where a restore is not complete."""
    if await store.find_one("positions", {"_id": _MARK}) is not None:
        raise LedgerError(
            f"a backup is being restored into the database {store.name}, or that was broken off:"
            " let it end, or drop the database and restore again"
        )
