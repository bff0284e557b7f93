"""What a verification reads beside the chains of events: seals, and what no chain can meet.

Promises constant memory. Refuses nothing.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from ledger.check_chain import Bound
from ledger.errors import LedgerError
from ledger.events import Document
from ledger.seal_body import Seal
from ledger.seals import by_numbers
from ledger.store import Store

SEALS = 200


async def seals(store: Store, first: int, last: int) -> AsyncGenerator[Document, None]:
    """Yield the events of these seals that are there, in the order of their numbers."""
    for start in range(first, last + 1, SEALS):
        for event in await by_numbers(store, range(start, min(start + SEALS, last + 1))):
            yield event


async def bounds(store: Store, writer: int, behind: int, last: int) -> AsyncGenerator[Bound, None]:
    """Yield up to where each seal, the last of which is number `last`, binds a writer's events.

    Seals that bind nothing behind number `behind` are passed over.
    """
    first = await _first_behind(store, writer, behind, last)
    async with aclosing(seals(store, first, last)) as found:
        async for event in found:
            with suppress(LedgerError, KeyError):  # a damaged seal is named where seals are checked
                seal = Seal.of(event["body"])
                head = seal.heads.get(writer)
                if head is not None and head.seq > behind and head.events > 0:
                    yield Bound(seal.number, head.seq, head.hash, head.root)


async def _first_behind(store: Store, writer: int, behind: int, last: int) -> int:
    """Return a seal before which none binds anything of a writer behind a number."""
    low, high = 1, last
    while behind and low < high:
        middle = (low + high) // 2
        events = await by_numbers(store, [middle])
        if not events:
            return 1  # one is missing: read them all
        with suppress(LedgerError, KeyError):
            head = Seal.of(events[0]["body"]).heads.get(writer)
            if head is None or head.seq <= behind:
                low = middle + 1
                continue
        high = middle
    return low


# What no walk by number meets. Closed ranges of the index: cheap, however many events there are.
_LOWEST, _HIGHEST = -(2**63), 2**63 - 1
_HAIR = 2.0**-20
_NO_NUMBER: tuple[Document | None, ...] = ({"$gte": ""}, None)


async def odd_numbers(store: Store, writer: int) -> AsyncGenerator[Document, None]:
    """Yield {_id, seq} of a writer's events whose numbers are below 1 or no numbers."""
    for seq in ({"$gte": _LOWEST, "$lt": 1}, *_NO_NUMBER):
        wanted = {"writer": writer, "seq": seq}
        async for event in store.find("events", wanted, projection={"seq": 1}):
            yield {"seq": None, **event}


async def odd_writers(store: Store, known: list[int]) -> AsyncGenerator[Document, None]:
    """Yield {_id, writer} of events whose writers are not among the known ones, in their order."""
    edges = [_LOWEST, *known, _HIGHEST]
    between: list[Document | None] = [
        {"$gte": low if low == _LOWEST else low + _HAIR, "$lt": high}
        for low, high in zip(edges, edges[1:], strict=False)
    ]
    for writer in (*between, *_NO_NUMBER):
        async for event in store.find("events", {"writer": writer}, projection={"writer": 1}):
            yield {"writer": None, **event}
