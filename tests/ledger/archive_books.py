"""Books with a history for the tests of archives, and stores that stop in the middle."""

from pathlib import Path
from typing import Any

from ledger import seals
from ledger.accounts import COLUMNS
from ledger.archive import Archived, archive
from ledger.archived import Archives
from ledger.audit import audit
from ledger.books import Books
from ledger.clock import Clock
from ledger.errors import Unavailable
from ledger.events import Draft
from ledger.prune import prune
from ledger.store import Store
from ledger.verify import verify
from tests.ledger.drafts import charge, recharge

EVER = 10**17


class Cut(Unavailable):
    """The test ended the process here."""


class Breaking:
    """A store that carries out so many changes and then no more.

    With `after` the last change still happens, but nobody hears of it.
    """

    def __init__(self, store: Store, changes: int, *, after: bool = False) -> None:
        self._store = store
        self._left = changes
        self._after = after

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if not name.startswith(("insert", "update", "delete", "find_one_and", "bulk")):
            return method

        async def change(*args: Any, **kwargs: Any) -> Any:
            self._left -= 1
            if self._left < 0 and not self._after:
                raise Cut("the test cut the connection")
            done = await method(*args, **kwargs)
            if self._left < 0:
                raise Cut("the test cut the connection")
            return done

        return change


def audit_entry(name: str) -> Draft:
    """An entry of the directory's log, which archives take away too."""
    body = {"action": "test", "object": name, "before": None, "after": {"x": 1}}
    return Draft(f"audit:{name}", "audit.recorded", "directory", 0, "user:1", body)


async def fill(store: Store, tag: str, *, writers: int = 2, charges: int = 12) -> None:
    """Record charges of two users by several writers, and what must stay for ever."""
    open_books = [await Books.open(store, Clock(), flush_interval_s=0.01) for _ in range(writers)]
    for number, books in enumerate(open_books):
        for user in (1, 2):
            await books.record(recharge(f"{tag}{number}-{user}", f"user:{user}", 10**8))
        await books.append(audit_entry(f"{tag}{number}"))
        for n in range(charges):
            user = 1 + n % 2
            hold = await books.credit.hold([f"user:{user}"], 9_000)
            draft = charge(
                f"{tag}{number}-{n:02}",
                n % 5,
                user=user,
                key=7 + n % 3,
                channel=3 + n % 2,
                held=(f"user:{user}",),
            )
            await books.append(draft, books.place())
            hold.settle(-draft.amount_nano)
    for books in open_books:
        await books.close()


async def everything(store: Store) -> dict[str, Any]:
    """All events by id."""
    return {event["_id"]: event for event in await store.find_list("events", {})}


async def balances(store: Store) -> dict[str, Any]:
    """What is projected of all accounts, by id, without zeros."""
    fields = (*COLUMNS, "consumed", "consumed_by", "applied")
    found = await store.find_list("accounts", {})
    documents = {d["_id"]: {f: d[f] for f in fields if d.get(f)} for d in found}
    return {account: document for account, document in documents.items() if document}


async def archived(
    store: Store, to: Path, *, pruned: bool = True, before_us: int = EVER
) -> tuple[list[Archived], int]:
    """Seal what is recorded, and archive (and prune) as the command does."""
    books = await Books.open(store, Clock(), flush_interval_s=0.01)
    try:
        await seals.seal(books)
        done = await archive(books, to, before_us)
        gone = await prune(store, to, before_us) if pruned else 0
    finally:
        await books.close()
    return done, gone


async def assert_sound(store: Store) -> None:
    """Everything that checks the books finds them right."""
    report = await verify(store)
    assert report.ok, report.lines
    result = await audit(store)
    assert result.ok and result.compared, result.lines
    archives = await Archives.load(store)
    assert await archives.faults(store) == []
