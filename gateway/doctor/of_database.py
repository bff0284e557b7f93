"""Checks of the database: does it answer, keep what it is given, and agree with our clock?"""

import re
from itertools import groupby
from operator import attrgetter

from gateway.doctor.finding import Finding, fault, ok, warning
from gateway.doctor.scene import Scene
from ledger.half import refuse_half_restored
from ledger.indexes import INDEXES

# Clocks only order what different processes record, and leases live by the database's.
SKEW_WARNING_S, SKEW_FAULT_S = 1.0, 30.0
#: Oldest version of MongoDB that the suite's commands are all known to.
OLDEST = (6, 0)


async def reached(scene: Scene) -> list[Finding]:
    """Whether the books can be read."""
    if scene.store is None and scene.empty:
        return warning(scene.trouble, "nothing, if no server was started here yet")
    store = scene.books
    await store.ping()
    await refuse_half_restored(store)
    kind = "MONGO_URL" if scene.settings.mongo_url else "the embedded database"
    return ok(f"{kind} answers; books in {store.name}")


async def version(scene: Scene) -> list[Finding]:
    """Whether the database is new enough."""
    said = await scene.books.server_version()
    numbers = tuple(int(each) for each in re.findall(r"\d+", said)[:2])
    if numbers < OLDEST:
        least = ".".join(map(str, OLDEST))
        return fault(f"it is version {said}", f"use {least} or newer")
    return ok(f"version {said}")


async def replica_set(scene: Scene) -> list[Finding]:
    """Whether an acknowledged write outlives the machine that took it."""
    hello = await scene.books.hello()
    if not hello.get("isWritablePrimary") and hello.get("msg") != "isdbgrid":
        return fault("it takes no writes", "name the primary, or all members, in MONGO_URL")
    if hello.get("msg") == "isdbgrid":
        return ok("sharded")
    if hello.get("setName"):
        members = len(hello.get("hosts") or ())
        if members < 3:
            says = f"replica set {hello['setName']} of {members}"
            return warning(says, "three members keep the books when one is lost")
        return ok(f"replica set {hello['setName']} of {members}")
    if scene.settings.mongo_url is None:
        return ok("embedded: one machine, every write synced to its disk; take backups")
    return warning("it is a single server", "a replica set keeps the books when a machine is lost")


async def write_concern(scene: Scene) -> list[Finding]:
    """Whether a write is acknowledged only when it is journaled by the majority."""
    concern = scene.books.write_concern()
    if concern.get("w") != "majority" or not concern.get("j"):
        return fault(f"writes are acknowledged with {concern}", "remove w and journal from the URL")
    return ok("acknowledged writes are journaled by the majority")


async def indexes(scene: Scene) -> list[Finding]:
    """Whether all indexes are there: one of them is what fences writers."""
    by_name = attrgetter("collection")
    here = set(await scene.books.collection_names())
    missing = []
    for collection, wanted in groupby(sorted(INDEXES, key=by_name), by_name):
        there = await scene.books.index_names(collection) if collection in here else set()
        missing += [f"{collection}.{each.name}" for each in wanted if each.name not in there]
    if missing:
        return fault(
            f"{len(missing)} indexes are missing: {', '.join(missing[:5])}",
            "start a server: it makes them",
        )
    return ok(f"all {len(INDEXES)} indexes are there")


async def clock(scene: Scene) -> list[Finding]:
    """Whether the database's clock and this machine's agree, within what a question takes."""
    before_us = scene.clock.now_us()
    theirs_us = await scene.books.server_now_us()
    after_us = scene.clock.now_us()
    # It ticks in milliseconds, and answered at some time in between.
    off_us = max(before_us - theirs_us - 1_000, theirs_us - after_us, 0)
    says = f"the clocks differ by {off_us / 1e6:.1f} s"
    if off_us > SKEW_FAULT_S * 1e6:
        return fault(says, "set both by NTP: times of events would be wrong")
    if off_us > SKEW_WARNING_S * 1e6:
        return warning(says, "set both by NTP")
    return ok("its clock and this machine's agree")
