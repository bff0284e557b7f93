"""Rebuild: account documents from nothing but events.

Owns the one operation that replaces projected columns. Promises to be safe beside running servers:
each account is replaced only if its marks are still those that were read, and never by sums that
know fewer events than the document does; to read each event once, in constant memory per account;
and to go on after an interruption where its last checkpoint was. Archived events come in as the
sums that are carried for them. Refuses to touch slices, which are not projections.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from ledger import checkpoint
from ledger.accounts import COLUMNS, Sums, effects
from ledger.archived import ArchiveChanged, Archives, merge
from ledger.chains import chain
from ledger.checkpoint import Progressed
from ledger.events import Document
from ledger.projector import save_position
from ledger.scan import last_event
from ledger.store import Store
from ledger.writers import MAX_SLOTS

MAX_ROUNDS = 50
BATCH = 500
CHECKPOINT = "rebuild"
CHECKPOINT_EVENTS = 250_000

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Rebuilt:
    """What a rebuild did. `resumed` events were read before an interruption."""

    events: int = 0
    resumed: int = 0
    accounts: int = 0
    changed: int = 0
    left: int = 0

    @property
    def headline(self) -> str:
        """The result in one line."""
        text = (
            f"Rebuilt {self.accounts} accounts from {self.events} events; "
            f"{self.changed} were wrong and are mended."
        )
        if self.resumed:
            text += f" {self.resumed} of the events were read before an interruption."
        if self.left:
            text += f" {self.left} kept changing meanwhile and were left as they are."
        return text


async def rebuild(
    store: Store,
    *,
    resume: bool = False,
    progress: Progress | None = None,
    checkpoint_events: int = CHECKPOINT_EVENTS,
) -> Rebuilt:
    """Recompute every account from the events. `progress(done, total)` is called now and then.

    With `resume` it goes on from the checkpoint that an interrupted rebuild left. Raises
    ArchiveChanged when events were pruned or restored meanwhile, StoreError.
    """
    archives = await Archives.load(store)
    state = await checkpoint.load(store, CHECKPOINT, archives) if resume else None
    result = Rebuilt(resumed=state.events if state else 0)
    if state is None:
        await checkpoint.discard(store, CHECKPOINT)
        state = await _begin(store, archives)
    reading = _Reading(store, archives, state, progress, checkpoint_events)
    replacing = _Replacing(store, archives, state.sums, await _positions(store))
    todo: set[str] | None = None
    for _ in range(MAX_ROUNDS):
        await reading.run()
        if not await archives.still(store):
            raise ArchiveChanged("events went to an archive during the rebuild; start it again")
        todo = set(state.sums) | await _known(store) if todo is None else todo
        todo = await replacing.run(sorted(todo))
        if not todo:
            break
    result.left, result.changed = len(todo or ()), len(replacing.wrong)
    result.events, result.accounts = state.events, len(state.sums)
    if not result.left:
        for writer, seq in state.reached.items():
            await save_position(store, writer, seq)
    await checkpoint.discard(store, CHECKPOINT)
    return result


async def _begin(store: Store, archives: Archives) -> Progressed:
    """Start with what archived events contributed."""
    state = Progressed()
    async for account, sums in archives.sums(store):
        merge(state.sums.setdefault(account, Sums()), sums)
    return state


async def _positions(store: Store) -> dict[str, int]:
    wanted = {"_id": {"$gte": "accounts:", "$lt": "accounts;"}}
    found = await store.find_list("positions", wanted)
    return {d["_id"].removeprefix("accounts:"): int(d["seq"]) for d in found}


async def _known(store: Store) -> set[str]:
    return {d["_id"] async for d in store.find("accounts", {}, projection={"_id": 1})}


async def writers(store: Store) -> list[int]:
    """Return every writer that may have events, also those that lost their registration.

    Slots are numbered from 1; a few numbers behind the highest known one are looked at as well.
    """
    known = {int(d["_id"]) for d in await store.find_list("writers", {}, projection={"_id": 1})}
    for slot in range(1, min(MAX_SLOTS, max(known, default=0) + 16) + 1):
        if slot not in known and await store.find_one("events", {"writer": slot}):
            known.add(slot)
    return sorted(known)


class _Reading:
    """Folds events that were not folded yet, a page at a time, the next ones under way."""

    def __init__(
        self,
        store: Store,
        archives: Archives,
        state: Progressed,
        progress: Progress | None,
        checkpoint_events: int,
    ) -> None:
        self._store = store
        self._archives = archives
        self._state = state
        self._progress = progress
        self._every = checkpoint_events
        self._saved = state.events
        self._total = 0

    async def run(self) -> None:
        """Read to the present end of every writer."""
        for writer in await writers(self._store):
            last = await last_event(self._store, writer)
            reached = self._state.reached.get(writer, 0)
            self._total += max(0, int(last["seq"]) - reached) if last else 0
            async with aclosing(chain(self._store, writer, reached)) as pages:
                async for page in pages:
                    await asyncio.to_thread(_fold, page, writer, self._archives, self._state)
                    await self._after_page()

    async def _after_page(self) -> None:
        state = self._state
        if self._progress is not None:
            self._progress(state.events, max(state.events, self._total))
        if state.events - self._saved >= self._every:
            await checkpoint.save(self._store, CHECKPOINT, self._archives, state)
            self._saved = state.events


def _fold(page: list[Document], writer: int, archives: Archives, state: Progressed) -> None:
    """Add a page of one writer's events. Runs in a thread, alone with its state."""
    sums, name = state.sums, str(writer)
    last_archived = max((r.last_seq for r in archives.by_writer.get(writer, ())), default=0)
    for event in page:
        seq = int(event["seq"])
        if seq <= last_archived and archives.carry(event):
            continue
        for effect in effects(event):
            account = sums.get(effect.account)
            if account is None:
                account = sums[effect.account] = Sums()
            account.add(effect, name, seq)
    state.reached[writer] = int(page[-1]["seq"])
    state.events += len(page)


class _Replacing:
    """Puts sums in the place of what account documents say."""

    def __init__(
        self, store: Store, archives: Archives, sums: dict[str, Sums], positions: dict[str, int]
    ) -> None:
        self._store = store
        self._archives = archives
        self._sums = sums
        self._positions = positions
        self.wrong: set[str] = set()

    async def run(self, todo: Sequence[str]) -> set[str]:
        """Replace accounts and return those whose documents know more events than the sums."""
        left: set[str] = set()
        for start in range(0, len(todo), BATCH):
            left |= await self._batch(todo[start : start + BATCH])
        return left

    async def _batch(self, accounts: Sequence[str]) -> set[str]:
        found = await self._store.find_ids("accounts", accounts)
        documents = {document["_id"]: document for document in found}
        left: set[str] = set()
        updates: dict[str, tuple[Document, Document, bool]] = {}
        for account in accounts:
            document, sums = documents.get(account, {"_id": account}), self._sums.get(account)
            sums = sums or Sums()
            applied = document.get("applied", {})
            ahead = any(seq > sums.applied.get(writer, 0) for writer, seq in applied.items())
            if ahead and not await _claims_too_much(self._store, self._archives, applied):
                left.add(account)
                continue
            columns = _columns(sums)
            if {name: document.get(name, empty) for name, empty in _NOTHING.items()} == columns:
                continue
            if not self._only_waits(applied, sums.applied):
                self.wrong.add(account)
            guard: Document = {"_id": account}
            for writer in set(applied) | set(sums.applied):
                guard[f"applied.{writer}"] = applied.get(writer, {"$exists": False})
            change = {"$set": columns, "$setOnInsert": _nothing_granted(sums)}
            updates[account] = (guard, change, "applied" not in document)
        if await self._store.bulk_update("accounts", list(updates.values())) == len(updates):
            return left
        # Some changed meanwhile; the next round, which knows more events, looks at all again.
        return left | set(updates)

    def _only_waits(self, applied: Document, should: dict[str, int]) -> bool:
        """Tell whether an account differs for want of events that are still to be projected."""
        behind = [writer for writer in should if should[writer] != applied.get(writer, 0)]
        return bool(behind) and all(
            should[writer] > self._positions.get(writer, 0) for writer in behind
        )


async def _claims_too_much(store: Store, archives: Archives, applied: Document) -> bool:
    """True when a mark names an event that does not exist: the document was tampered with."""
    for writer, seq in applied.items():
        if archives.at(int(writer), int(seq)) is not None:
            continue
        if await store.find_one("events", {"writer": int(writer), "seq": seq}) is None:
            return True
    return False


def _columns(sums: Sums) -> Document:
    """Return all projected fields of an account document."""
    return {
        **{column: sums.columns.get(column, 0) for column in COLUMNS},
        "consumed": sum(sums.consumed_by.values()),
        "consumed_by": dict(sums.consumed_by),
        "applied": dict(sums.applied),
    }


def _nothing_granted(sums: Sums) -> Document:
    """Return slices that are used up, for a document that was lost with what it knew of them.

    Without them the account would look as if its writers had spent what nobody gave them, and had
    that much more to give.
    """
    return {"granted": sum(sums.consumed_by.values()), "granted_by": dict(sums.consumed_by)}


_NOTHING = _columns(Sums())
