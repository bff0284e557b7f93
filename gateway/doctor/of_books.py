"""Checks of the books: prices, the audit, seals, projections, writers, spills and the leader."""

from gateway.directory.channels import STATUS_ENABLED, Channels
from gateway.doctor.finding import Finding, fault, ok, warning
from gateway.doctor.scene import Scene
from gateway.leader import LEASES
from gateway.leader import NAME as JOBS
from ledger import audit as audits
from ledger import seals as sealing
from ledger.prices import PriceBook
from ledger.projector import position_id
from ledger.rollups import ROLLUPS
from ledger.scan import last_event
from ledger.seal_body import TYPE
from ledger.spill import file_of

MINUTE_US = 60_000_000
AUDIT_OLD_MINUTES = 10
TAIL_EVENTS, TAIL_MINUTES = 10_000, 10
LAG_EVENTS = 10_000
SHOWN = 6


async def prices(scene: Scene) -> list[Finding]:
    """Whether every model of an enabled channel has a price."""
    book = PriceBook(scene.clock)
    await book.load(scene.books)
    table = book.table()
    lacking, offered = set(), 0
    for document in await scene.books.find_list("channels", {"status": STATUS_ENABLED}):
        channel = Channels.read(document)
        for model in channel.models:
            offered += 1
            names = (channel.upstream_model(model), model)
            if all(table.row(name, channel.type) is None for name in names):
                lacking.add(model)
    if not lacking:
        return ok(f"all {offered} models of the channels have a price")
    some = ", ".join(sorted(lacking)[:SHOWN]) + (" …" if len(lacking) > SHOWN else "")
    says = f"{len(lacking)} of {offered} models that channels offer have no price: {some}"
    if scene.settings.allow_unpriced_models:
        return warning(f"{says}; they are free", "publish prices, or unset ALLOW_UNPRICED_MODELS")
    return warning(f"{says}; they are refused", "publish prices, or take them off the channels")


async def audit(scene: Scene) -> list[Finding]:
    """Whether the newest audit found accounts and events to agree."""
    found = await audits.latest(scene.books)
    if found is None:
        return ok("there was none yet")
    if not found["ok"]:
        return fault(str(found["headline"]), "run: tollgate ledger verify")
    old = (scene.server_now_us - int(found["_id"])) // MINUTE_US
    if scene.serving and old > AUDIT_OLD_MINUTES:
        return warning(f"the newest audit is {old} minutes old", "see the check `leader`")
    return ok(str(found["headline"]))


async def seals(scene: Scene) -> list[Finding]:
    """Whether what is recorded is sealed soon."""
    store = scene.books
    seal = await sealing.latest(store)
    tail, oldest_us = 0, scene.server_now_us
    for slot in scene.slots:
        head = seal.heads.get(slot["_id"]) if seal is not None else None
        sealed = head.seq if head is not None else 0
        last = await last_event(store, slot["_id"])
        if last is not None and last["seq"] > sealed:
            tail += last["seq"] - sealed
            # The newest seal is itself behind what it seals, and needs no other.
            unsealed = {"writer": slot["_id"], "seq": {"$gt": sealed}, "type": {"$ne": TYPE}}
            first = await store.find_one("events", unsealed, sort=[("seq", 1)])
            oldest_us = min(oldest_us, int(first["ts"])) if first is not None else oldest_us
    minutes = (scene.server_now_us - oldest_us) // MINUTE_US
    number = seal.number if seal is not None else 0
    says = f"seal {number} is the newest; {tail} events are not sealed"
    if tail > TAIL_EVENTS or (scene.serving and minutes > TAIL_MINUTES):
        return warning(says, "a server that leads seals every minute; or: tollgate ledger seal")
    if scene.settings.signing_key is None and seal is not None and seal.public_key is not None:
        return warning(f"{says}; seals were signed before", "set TOLLGATE_SIGNING_KEY again")
    return ok(says)


async def projections(scene: Scene) -> list[Finding]:
    """Whether accounts and rollups have all events."""
    store, behind = scene.books, {"accounts": 0, "rollups": 0}
    for slot in scene.slots:
        number = slot["_id"]
        ids = {position_id(number): "accounts", ROLLUPS.position_id(number): "rollups"}
        reached = {d["_id"]: int(d["seq"]) for d in await store.find_ids("positions", ids)}
        last = await last_event(store, number)
        for position, name in ids.items():
            seq = int(last["seq"]) if last is not None else 0
            behind[name] += max(0, seq - reached.get(position, 0))
    says = f"accounts lack {behind['accounts']} events, rollups {behind['rollups']}"
    if max(behind.values()) > LAG_EVENTS:
        return warning(says, "the database is slow, or no server runs; or: tollgate ledger rebuild")
    return ok(says)


async def writers(scene: Scene) -> list[Finding]:
    """Whether processes ended well, and gave back what they held."""
    late = [
        slot["_id"]
        for slot in scene.slots
        if not slot["released"] and int(slot["expires_us"]) <= scene.server_now_us
    ]
    if late:
        return warning(
            f"writers {', '.join(map(str, late))} ended without giving back the credit they held",
            "a server recovers them within seconds; start one here, where their spill may be",
        )
    return ok(f"{len(scene.serving)} processes keep books, {len(scene.slots)} slots in all")


async def spill(scene: Scene) -> list[Finding]:
    """Whether charges of a process that is gone wait on this disk.

    Looks without locking: a server that starts at this moment must find the files free.
    """
    directory = scene.settings.data_dir / "spill"
    in_use = {file_of(directory, slot["_id"], slot["epoch"]) for slot in scene.serving}
    sizes = {path: path.stat().st_size for path in directory.glob("*-*.jsonl")}
    waiting = {path: size for path, size in sizes.items() if size and path not in in_use}
    if waiting:
        return warning(
            f"{len(waiting)} files with {sum(waiting.values())} bytes of charges wait in"
            f" {directory}",
            "start a server here: it records them",
        )
    if any(sizes.values()):
        return warning("charges wait on this disk for the database", "see the check `database`")
    return ok("nothing is left over")


async def leader(scene: Scene) -> list[Finding]:
    """Whether a process leads, when any runs: it audits, seals and sends."""
    lease = await scene.books.find_one(LEASES, {"_id": JOBS})
    leads = lease is not None and int(lease["expires_us"]) > scene.server_now_us
    if leads:
        return ok("a process leads")
    if scene.serving:
        return warning("processes run and none leads", "wait a moment; then read their logs")
    return ok("no server runs")
