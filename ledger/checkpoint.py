"""Checkpoints: where a long reading of all events stood, to go on from there.

Owns the collection `checkpoints` and the documents `<name>` in `positions` that point into it.
Promises that a checkpoint is seen whole or not at all: its pieces are written beside those of the
one before, and one update makes them the current ones. Refuses a checkpoint that other code or
other archives have made: sums depend on both.
"""

import hashlib
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from ledger.accounts import Sums
from ledger.archived import Archives, sums_line, sums_of
from ledger.errors import LedgerError
from ledger.events import Document
from ledger.store import Store

PIECE_ACCOUNTS = 5_000


@dataclass(slots=True)
class Progressed:
    """Sums per account of all events up to a number per writer, and how many those were."""

    reached: dict[int, int] = field(default_factory=dict)
    sums: dict[str, Sums] = field(default_factory=dict)
    events: int = 0


async def save(store: Store, name: str, archives: Archives, state: Progressed) -> None:
    """Write a checkpoint over the one before."""
    current = await store.find_one("positions", {"_id": name}) or {}
    generation = int(current.get("generation", 0)) + 1
    await _forget(store, name, generation)
    pieces = 0
    for pieces, accounts in enumerate(_pieces(sorted(state.sums)), 1):
        text = b"".join(sums_line(account, state.sums[account]) for account in accounts)
        piece = {"_id": f"{name}:{generation}:{pieces}", "data": zlib.compress(text, 1)}
        await store.insert_one("checkpoints", piece)
    pointer = {
        "seq": 0,  # a watermark like the others, for whoever reads them all
        "generation": generation,
        "pieces": pieces,
        "made_by": _made_by(archives),
        "reached": {str(writer): seq for writer, seq in state.reached.items()},
        "events": state.events,
    }
    await store.update_one("positions", {"_id": name}, {"$set": pointer}, upsert=True)
    await _forget(store, name, generation - 1)


async def load(store: Store, name: str, archives: Archives) -> Progressed | None:
    """Read a checkpoint; None when there is none that may be gone on from."""
    pointer = await store.find_one("positions", {"_id": name})
    if pointer is None or pointer.get("made_by") != _made_by(archives):
        return None
    state = Progressed(events=int(pointer["events"]))
    state.reached = {int(writer): int(seq) for writer, seq in pointer["reached"].items()}
    for number in range(1, int(pointer["pieces"]) + 1):
        key = f"{name}:{pointer['generation']}:{number}"
        piece = await store.find_one("checkpoints", {"_id": key})
        if piece is None:
            raise LedgerError(f"checkpoint {name} lacks a piece; begin without it")
        for line in zlib.decompress(bytes(piece["data"])).splitlines():
            document = orjson.loads(line)
            state.sums[document["account"]] = sums_of(document)
    return state


async def discard(store: Store, name: str) -> None:
    """Forget a checkpoint."""
    pointer = await store.find_one("positions", {"_id": name})
    if pointer is not None:
        await store.delete_one("positions", {"_id": name})
    await store.delete_many("checkpoints", _pieces_of(f"{name}:"))


async def _forget(store: Store, name: str, generation: int) -> None:
    await store.delete_many("checkpoints", _pieces_of(f"{name}:{generation}:"))


def _pieces_of(prefix: str) -> Document:
    return {"_id": {"$gte": prefix, "$lt": f"{prefix[:-1]};"}}


def _pieces(accounts: list[str]) -> Iterable[list[str]]:
    for start in range(0, len(accounts), PIECE_ACCOUNTS):
        yield accounts[start : start + PIECE_ACCOUNTS]


def _made_by(archives: Archives) -> str:
    """Name the code and the archives that sums come from."""
    digest = hashlib.sha256(repr(archives.stamp).encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
