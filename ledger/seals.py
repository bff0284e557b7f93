"""Seals: one short chain that binds all writers.

Owns the events `seal:1`, `seal:2`, …: making them and finding them. Promises that a seal names the
head of every writer, so that nothing before it can change unseen by whoever knows its digest; that
idle books get no seals; and safety when several processes seal at once: the number is the event's
id, so one of them wins, and the others go on behind it. Refuses to seal what does not join: a
writer's events behind a gap or a broken link stay unsealed until somebody looks.
"""

import logging
from collections.abc import Iterable
from contextlib import suppress

from ledger.books import Books
from ledger.errors import KeyReused, LedgerError, StoreError
from ledger.events import Document, Draft
from ledger.seal_body import TYPE, Head, Seal, digest_of, signed_bytes
from ledger.seal_walks import MOST, Walks
from ledger.signing import Signer
from ledger.store import Store
from ledger.writers import SYSTEM_ACTOR

ACCOUNT = "ledger"
HINT = "seal"

log = logging.getLogger("tollgate.ledger")


def seal_id(number: int) -> str:
    """Return the id of the event that holds a seal."""
    return f"seal:{number}"


async def by_numbers(store: Store, numbers: Iterable[int]) -> list[Document]:
    """Return the events of these seals, as far as they exist, in their order."""
    found = await store.find_ids("events", map(seal_id, numbers))
    return sorted(found, key=lambda event: int(event["body"]["number"]))


async def by_number(store: Store, number: int) -> Seal | None:
    """Return one seal, or None. Raises LedgerError when the event is damaged."""
    event = await store.find_one("events", {"_id": seal_id(number)})
    return None if event is None else Seal.of(event["body"])


async def latest(store: Store) -> Seal | None:
    """Return the newest seal; None when nothing was ever sealed."""
    hint = await store.find_one("positions", {"_id": HINT})
    number = int(hint["number"]) if hint else 0
    found = await by_number(store, number) if number else None
    if found is None:
        found = await by_number(store, await highest(store))
    while True:
        following = await by_number(store, found.number + 1 if found else 1)
        if following is None:
            return found
        found = following


async def highest(store: Store) -> int:
    """Find the newest seal without any hint, for books whose position was lost."""
    highest = 0
    wanted = {"account": ACCOUNT, "type": TYPE}
    async for event in store.find("events", wanted, projection={"_id": 1}):
        number = str(event["_id"]).removeprefix("seal:")
        if number.isascii() and number.isdigit():
            highest = max(highest, int(number))
    return highest


async def seal(
    books: Books, signer: Signer | None = None, walks: Walks | None = None
) -> int | None:
    """Seal everything that is recorded by now; return the number of the last seal that was made.

    `walks` have gone a part of the way from the last seal. None when there was nothing new since
    then: idle books do not grow. Raises BooksUnavailable or StoreError when it can't be done now.
    """
    made: int | None = None
    while True:
        last = await latest(books.store)
        if walks is None or walks.number != (last.number if last else 0):
            walks = Walks(last)
        heads, fresh = await walks.finish(books.store)
        if not fresh:
            return made
        if signer is None and last is not None and last.public_key is not None:
            log.warning("seals were signed up to number %d and are not from here on", last.number)
        body = _body(last, heads, books.clock.now_us(), signer)
        draft = Draft(seal_id(body["number"]), TYPE, ACCOUNT, 0, SYSTEM_ACTOR, body)
        try:
            await books.append(draft)
        except KeyReused:
            continue  # another process sealed meanwhile; what it did not see is left to do
        made = int(body["number"])
        log.info("seal %d: %s", made, digest_of(body))
        with suppress(StoreError):  # only a hint
            hint = {"$max": {"number": made}}
            await books.store.update_one("positions", {"_id": HINT}, hint, upsert=True)
        if all(head.events < MOST for head in heads):
            return made  # what came meanwhile is for the next time: under load there is always some


def _body(last: Seal | None, heads: list[Head], now_us: int, signer: Signer | None) -> Document:
    body: Document = {
        "number": last.number + 1 if last else 1,
        "previous": last.digest if last else None,
        "sealed_us": max(now_us, last.sealed_us if last else 0),
        "heads": [head.to_json() for head in heads],
        "public_key": signer.public_key if signer else None,
        "signature": None,
    }
    if signer is not None:
        body["signature"] = signer.sign(signed_bytes(body))
    return body


async def sealing(store: Store, writer: int, seq: int) -> Seal | None:
    """Return the seal whose root covers a writer's event; None when it is not sealed yet.

    Raises LedgerError when a seal on the way is missing, as it is when it was archived.
    """
    last = await latest(store)
    if last is None or not _covers(last, writer, seq):
        return None
    low, high = 1, last.number  # the first seal that covers it lies in [low, high]
    found = last
    while low < high:
        middle = (low + high) // 2
        tried = await by_number(store, middle)
        if tried is not None and _covers(tried, writer, seq):
            found, high = tried, middle
        else:
            low = middle + 1  # a seal that is not there was archived, with all before it
    if found.heads[writer].first_seq > seq:
        raise LedgerError(f"the seal of number {seq} of writer {writer} is not in the database")
    return found


def _covers(seal: Seal, writer: int, seq: int) -> bool:
    head = seal.heads.get(writer)
    return head is not None and head.seq >= seq
