"""Verified: what a verification knows, kept so that the next need not begin again.

Owns the collection `verified`. What is known is cut into documents that the database takes, and a
pointer with their digest is written last: it is there whole or not at all. Promises to be a cache:
without it, or when any of it or the code that made it was changed, everything is read again and
the answer is the same. Refuses to remember anything of books in which a fault was found.

    {_id: name, run, chunks, sha256}      {_id: "<name>:<run>:<chunk>", data}
"""

import asyncio
import hashlib
import uuid
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import orjson

from ledger.accounts import Sums
from ledger.archived import Archives
from ledger.check_chain import Mark
from ledger.check_sums import sums_from_json, sums_to_json
from ledger.events import Document
from ledger.seals import by_number
from ledger.store import Store

COLLECTION = "verified"
CHUNK_BYTES = 4 * 1024 * 1024
#: After a verification that found no fault, and within one that goes on.
WHOLE, RUNNING = "whole", "running"


@dataclass(slots=True)
class Known:
    """What was read and found right: where each chain stands, the sums up to there, the seals."""

    marks: dict[int, Mark] = field(default_factory=dict)
    sums: dict[str, Sums] = field(default_factory=dict)
    seal_number: int = 0
    seal_digest: str = ""

    @property
    def events(self) -> int:
        """How many events it stands for."""
        return sum(mark.seq for mark in self.marks.values())

    def to_json(self) -> Document:
        """Return it as a JSON object."""
        return {
            "made_by": made_by(),
            "marks": [[writer, mark.to_json()] for writer, mark in self.marks.items()],
            "sums": sums_to_json(self.sums.items()),
            "seal_number": self.seal_number,
            "seal_digest": self.seal_digest,
        }

    @classmethod
    def from_json(cls, data: Document) -> Self:
        """Read what `to_json` wrote."""
        return cls(
            {int(writer): Mark.from_json(mark) for writer, mark in data["marks"]},
            sums_from_json(data["sums"]),
            int(data["seal_number"]),
            data["seal_digest"],
        )

    async def holds(self, store: Store, archives: Archives) -> bool:
        """Tell whether the database still has what this was made of, as far as marks tell."""
        for ranges in archives.by_writer.values():
            if any(r.last_seq > self._seq(r.writer) for r in ranges):
                return False  # sums of a whole archive can't be cut at a mark
        for writer, mark in self.marks.items():
            if mark.seq:
                event = await store.find_one("events", {"writer": writer, "seq": mark.seq})
                if event is None or event["hash"] != mark.hash:
                    return False
        return True

    def _seq(self, writer: int) -> int:
        mark = self.marks.get(writer)
        return mark.seq if mark else 0


def made_by() -> str:
    """Name the code that sums come from: what other code added up is added up again."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


async def save(store: Store, name: str, known: Known) -> None:
    """Replace what is known under a name. Raises StoreError."""
    data = await asyncio.to_thread(_packed, known)
    chunks = [data[at : at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES)]
    run = uuid.uuid4().hex
    for number, chunk in enumerate(chunks):
        await store.insert_one(COLLECTION, {"_id": _id(name, run, number), "data": chunk})
    pointer = {"run": run, "chunks": len(chunks), "sha256": hashlib.sha256(data).hexdigest()}
    await store.update_one(COLLECTION, {"_id": name}, {"$set": pointer}, upsert=True)
    await _sweep(store, name, run)


async def load(store: Store, name: str, archives: Archives) -> Known | None:
    """Return what is known, or None when there is nothing that may be gone on from."""
    pointer = await store.find_one(COLLECTION, {"_id": name})
    if pointer is None:
        return None
    data = b""
    for number in range(int(pointer["chunks"])):
        chunk = await store.find_one(COLLECTION, {"_id": _id(name, str(pointer["run"]), number)})
        data += bytes(chunk["data"]) if chunk else b""
    if hashlib.sha256(data).hexdigest() != pointer["sha256"]:
        return None
    state: Any = orjson.loads(zlib.decompress(data))
    if state["made_by"] != made_by():
        return None
    known = Known.from_json(state)
    return known if await known.holds(store, archives) else None


async def going_on(store: Store, archives: Archives, *, new: bool, resume: bool) -> Known | None:
    """Return what a run that was broken off, or the last one without fault, knew of these books."""
    for name, wanted in ((RUNNING, resume), (WHOLE, new)):
        known = await load(store, name, archives) if wanted else None
        if known is not None and await _has_seal(store, known):
            return known
    return None


async def _has_seal(store: Store, known: Known) -> bool:
    if not known.seal_number:
        return True
    seal = await by_number(store, known.seal_number)
    return seal is not None and seal.digest == known.seal_digest


async def drop(store: Store, name: str) -> None:
    """Forget what is known under a name."""
    await store.delete_one(COLLECTION, {"_id": name})
    await _sweep(store, name, "")


def _packed(known: Known) -> bytes:
    return zlib.compress(orjson.dumps(known.to_json()), 1)


async def _sweep(store: Store, name: str, keep: str) -> None:
    wanted = {"_id": {"$gt": f"{name}:", "$lt": f"{name};"}}
    for part in await store.find_list(COLLECTION, wanted, projection={"_id": 1}):
        if not keep or not str(part["_id"]).startswith(f"{name}:{keep}:"):
            await store.delete_one(COLLECTION, {"_id": part["_id"]})


def _id(name: str, run: str, number: int) -> str:
    return f"{name}:{run}:{number}"
