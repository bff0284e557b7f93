"""Rebuild: account documents from nothing but events.

Owns the one operation that replaces projected columns. Promises to be safe beside running servers:
each account is replaced only if its marks are still those that were read, and never by sums that
know fewer events than the document does. Refuses to touch slices, which are not projections.
"""

from collections.abc import Callable
from dataclasses import dataclass

from ledger.accounts import COLUMNS, Sums, effects
from ledger.events import Document
from ledger.scan import chain, counts
from ledger.store import Store

MAX_ROUNDS = 50

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Rebuilt:
    """What a rebuild did."""

    events: int = 0
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
        if self.left:
            text += f" {self.left} kept changing meanwhile and were left as they are."
        return text


async def rebuild(store: Store, *, progress: Progress | None = None) -> Rebuilt:
    """Recompute every account from the events. `progress(done, total)` is called now and then."""
    result, sums, reached = Rebuilt(), dict[str, Sums](), dict[int, int]()
    total = sum((await counts(store)).values())
    todo: set[str] | None = None
    for _ in range(MAX_ROUNDS):
        await _fold_new(store, sums, reached, result, progress, total)
        todo = set(sums) | await _known(store) if todo is None else todo
        todo = {a for a in todo if not await _replace(store, a, sums.get(a, Sums()), result)}
        if not todo:
            break
    result.left = len(todo or ())
    result.accounts = len(sums)
    return result


async def _known(store: Store) -> set[str]:
    return {d["_id"] async for d in store.find("accounts", {}, projection={"_id": 1})}


async def _fold_new(
    store: Store,
    sums: dict[str, Sums],
    reached: dict[int, int],
    result: Rebuilt,
    progress: Progress | None,
    total: int,
) -> None:
    """Fold the events that were not seen in an earlier round."""
    for writer in sorted(set(await counts(store)) | set(reached)):
        async for page in chain(store, writer, reached.get(writer, 0)):
            for event in page:
                for effect in effects(event):
                    account = sums.setdefault(effect.account, Sums())
                    account.add(effect, str(writer), event["seq"])
            reached[writer] = page[-1]["seq"]
            result.events += len(page)
            if progress is not None:
                progress(result.events, max(total, result.events))


async def _replace(store: Store, account: str, sums: Sums, result: Rebuilt) -> bool:
    """Put the sums in place; False when the document knows events that the sums do not."""
    document = await store.find_one("accounts", {"_id": account}) or {"_id": account}
    applied = document.get("applied", {})
    if any(seq > sums.applied.get(writer, 0) for writer, seq in applied.items()):
        if not await _claims_too_much(store, applied):
            return False
    wanted = _columns(sums)
    current = {name: document.get(name, default) for name, default in _columns(Sums()).items()}
    if current == wanted:
        return True
    guard: Document = {"_id": account}
    for writer in set(applied) | set(sums.applied):
        guard[f"applied.{writer}"] = applied.get(writer, {"$exists": False})
    done = await store.bulk_update(
        "accounts", [(guard, {"$set": wanted}, "applied" not in document)]
    )
    if done and any(current[name] != wanted[name] for name in (*COLUMNS, "consumed_by")):
        result.changed += 1
    return bool(done)


async def _claims_too_much(store: Store, applied: Document) -> bool:
    """True when a mark names an event that does not exist: the document was tampered with."""
    for writer, seq in applied.items():
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
