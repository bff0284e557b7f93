"""Writers: who may number events.

Owns the leased slots in the collection `writers` and the fence between one owner and the next.
Promises that of two processes that believe they own a slot at most one can append to it: whoever
takes over occupies the next sequence number with `epoch.closed`, so that the other's next batch
dies on its first document. Refuses to trust any clock for safety; leases only decide who tries.

A slot document is {_id: slot, epoch, owner, host, pid, expires_us, released, spill}; `spill` names
the directory in which the owner may have left charges that the database has not seen.
"""

import asyncio
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from ledger.clock import Clock
from ledger.errors import BatchStopped, Duplicate, Fenced, OutcomeUnknown, Unavailable
from ledger.events import GENESIS, Document, Draft, chain_hash, request_hash
from ledger.scan import last_event
from ledger.store import Store

LEASE_S = 30
RENEW_S = 8
# How long a writer that may have charges on its own machine's disk is left to that machine.
SPILL_GRACE_S = 600
MAX_SLOTS = 1_000
SYSTEM_ACTOR = "system"
# Epochs from here on belong to books that were restored: they go on from the second of restoring
# (unix), in new slots too, so that no epoch is used again that came after the backup.
RESTORED = 1_000_000_000


@dataclass(slots=True)
class Writer:
    """A slot that this process owns: where its chain stands and which number comes next."""

    slot: int
    epoch: int
    next_seq: int
    head: str
    last_ts_us: int

    def number(
        self, draft: Draft, version: int, req_hash: str, now_us: int, accepted_us: int | None = None
    ) -> Document:
        """Return the draft as the slot's next stored event and advance the chain to it.

        `ts` never goes back, whatever the wall clock does. An event that does not say itself when
        it took effect did so when it was accepted, however long it waited to be recorded. None
        takes effect after it was recorded.
        """
        ts = max(now_us, self.last_ts_us + 1)
        accepted = ts if accepted_us is None else min(accepted_us, ts)
        event = {
            "_id": draft.id,
            "v": version,
            "type": draft.type,
            "account": draft.account,
            "amount": draft.amount_nano,
            "at": accepted if draft.at_us is None else min(draft.at_us, ts),
            "ts": ts,
            "writer": self.slot,
            "epoch": self.epoch,
            "seq": self.next_seq,
            "actor": draft.actor,
            "body": draft.body,
            "req_hash": req_hash,
        }
        event["prev"] = self.head
        event["hash"] = self.head = chain_hash(self.head, event)
        self.last_ts_us = ts
        self.next_seq += 1
        return event

    def rewind(self, event: Document) -> None:
        """Put the chain back to just before `event`, whose number is not taken after all."""
        self.next_seq = event["seq"]
        self.head = event["prev"]


def host_identity() -> str:
    """Name this machine and its process namespace, within which a pid means something."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        boot, namespace = "", ""
    return f"{socket.gethostname()}/{boot}/{namespace}"


async def acquire(
    store: Store,
    clock: Clock,
    *,
    only_slot: int | None = None,
    spill: str | None = None,
    trust_leases: bool = True,
) -> Writer | None:
    """Take a free slot (or the one named) and fence its former owner off.

    `spill` is the identity of this process's spill directory, if it has one; `trust_leases` as in
    `abandoned`. Returns None when `only_slot` is not free. Raises Fenced if another process takes
    the slot over meanwhile, StoreError when the database can't be reached.
    """
    taken = await _take_slot(store, only_slot, spill, trust_leases)
    if taken is None:
        return None
    return await _fence(store, clock, taken)


async def renew(store: Store, writer: Writer) -> None:
    """Prolong the lease. Raises Fenced when another process has taken the slot."""
    expires = await store.server_now_us() + LEASE_S * 1_000_000
    owned = {"_id": writer.slot, "epoch": writer.epoch}
    if not await store.update_one("writers", owned, {"$set": {"expires_us": expires}}):
        raise Fenced(f"writer slot {writer.slot} was taken over by another process")


async def release(store: Store, writer: Writer) -> None:
    """Give the slot back after a clean stop, so that nobody needs to wait or to recover it."""
    owned = {"_id": writer.slot, "epoch": writer.epoch}
    done = {"expires_us": 0, "released": True, "spill": None}
    await store.update_one("writers", owned, {"$set": done})


async def abandoned(
    store: Store, spill: str | None = None, *, trust_leases: bool = True
) -> list[int]:
    """Return the slots whose owner is gone without having released them.

    Slots whose owner may have left charges in another spill directory than `spill` come later.
    Leases are to be trusted by those only who have seen the database answer for as long as a lease
    lasts: while it is away nobody can renew, and all are over when it comes back.
    """
    now_us = await store.server_now_us()
    slots = await store.find_list("writers", {"released": False}, sort=[("_id", 1)])
    return [slot["_id"] for slot in slots if _is_free(slot, now_us, spill, trust_leases)]


async def others(store: Store, slot: int) -> bool:
    """Tell whether other processes keep books here, or may still hold credit."""
    return bool(await store.count("writers", {"_id": {"$ne": slot}, "released": False}))


def _is_free(slot: Document, now_us: int, spill: str | None, trust_leases: bool) -> bool:
    if slot["released"]:
        return True
    over_us = now_us - slot["expires_us"]
    if slot.get("spill") not in (None, spill):
        return trust_leases and over_us >= SPILL_GRACE_S * 1_000_000
    gone = slot["host"] == host_identity() and not _is_alive(slot["pid"], slot["owner"])
    return gone or (trust_leases and over_us >= 0)


def _is_alive(pid: int, owner: str) -> bool:
    return owner.endswith(f":{_process_start(pid)}")


def _process_start(pid: int) -> str:
    """Return when a process started, in kernel ticks: pids are reused, this is not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return "gone" if Path("/proc/self/stat").exists() else _pid_exists(pid)
    state, *fields = stat.rpartition(")")[2].split()
    return "gone" if state in "ZX" else fields[18]


def _pid_exists(pid: int) -> str:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return "gone"
    except PermissionError:
        return "running"
    return "running"


async def _take_slot(
    store: Store, only_slot: int | None, spill: str | None, trust_leases: bool
) -> Document | None:
    pid = os.getpid()
    mine: Document = {
        "owner": f"{pid}:{_process_start(pid)}",
        "host": host_identity(),
        "pid": pid,
        "released": False,
        "spill": spill,
    }
    while True:
        now_us = await store.server_now_us()
        mine["expires_us"] = now_us + LEASE_S * 1_000_000
        wanted: Document = {} if only_slot is None else {"_id": only_slot}
        slots = await store.find_list("writers", wanted, sort=[("_id", 1)])
        for slot in slots:
            if not _is_free(slot, now_us, spill, trust_leases):
                continue
            guard = {"_id": slot["_id"], "epoch": slot["epoch"], "expires_us": slot["expires_us"]}
            change = {"$set": mine, "$inc": {"epoch": 1}}
            taken = await store.find_one_and_update("writers", guard, change)
            if taken is not None:
                return taken
        if only_slot is not None:
            return None
        fresh = {"_id": 1 + max((slot["_id"] for slot in slots), default=0), **mine}
        fresh["epoch"] = 1 + max((e for s in slots if (e := s["epoch"]) >= RESTORED), default=0)
        if fresh["_id"] > MAX_SLOTS:
            raise Unavailable(f"all {MAX_SLOTS} writer slots are in use")
        try:
            await store.insert_one("writers", fresh)
        except Duplicate:
            continue
        return fresh


async def _fence(store: Store, clock: Clock, slot: Document) -> Writer:
    """Occupy the slot's next number. A zombie's event that lands first is kept; we go behind it."""
    closed_epoch = slot["epoch"] - 1
    draft = Draft(
        f"epoch:{slot['_id']}:{closed_epoch}",
        "epoch.closed",
        "ledger",
        0,
        SYSTEM_ACTOR,
        {"closed_epoch": closed_epoch, "reason": "the slot has a new owner"},
    )
    while True:
        last = await last_event(store, slot["_id"])
        writer = Writer(slot["_id"], slot["epoch"], 1, GENESIS, 0)
        if last is not None:
            writer.next_seq, writer.head = last["seq"] + 1, last["hash"]
            writer.last_ts_us = last["ts"]
            if last["epoch"] > slot["epoch"]:
                raise Fenced(f"writer slot {slot['_id']} was taken over by another process")
            if last["epoch"] == slot["epoch"]:
                return writer  # our own fence, sent before with an unknown outcome
        event = writer.number(draft, 1, request_hash(draft), clock.now_us())
        try:
            await store.insert_events([event])
        except BatchStopped:
            continue  # a zombie's event took the number: go behind it
        except (OutcomeUnknown, Unavailable):
            await asyncio.sleep(0.1)
        else:
            return writer
