"""Checks of what else a server stands on: Redis, and the directories of this machine."""

import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from gateway.doctor.finding import Finding, fault, ok, warning
from gateway.doctor.scene import Scene

OLDEST_REDIS = (5, 0)
ROOM_BYTES = 1 << 30
REDIS_S = 2.0
_PATIENT = ("noeviction", "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl")


async def redis(scene: Scene) -> list[Finding]:
    """Whether Redis answers, is new enough, and keeps what it counts."""
    url = scene.settings.redis_url
    if url is None:
        alone = scene.settings.workers == 1 and scene.settings.mongo_url is None
        return ok(
            "none is set, and one process needs none"
            if alone
            else "none is set: each process counts limits alone"
        )
    try:
        said = await _info(url)
    except Exception as error:  # the client's errors, the network's, a wrong address: all the same
        says = f"it does not answer: {type(error).__name__}"
        return fault(says, "check REDIS_CONN_STRING; meanwhile each process counts limits alone")
    version = str(said.get("redis_version", "0"))
    if tuple(int(each) for each in re.findall(r"\d+", version)[:2]) < OLDEST_REDIS:
        return fault(f"it is version {version}", "use version 5 or newer")
    policy = str(said.get("maxmemory_policy", "noeviction"))
    if policy.startswith("allkeys") and policy not in _PATIENT:
        return warning(
            f"version {version}; when its memory is full it drops any key ({policy}), also counts",
            "set maxmemory-policy to noeviction or volatile-ttl",
        )
    return ok(f"version {version}, {policy}")


async def _info(url: str) -> dict[str, Any]:
    """Ask Redis what it is. Its client is loaded only where there is a Redis."""
    from redis.asyncio import Redis

    client = Redis.from_url(url, socket_timeout=REDIS_S, socket_connect_timeout=REDIS_S)
    try:
        found: dict[str, Any] = await client.info()
        return found
    finally:
        await client.aclose()


async def directories(scene: Scene) -> list[Finding]:
    """Whether the directories can be written to, and have room."""
    s = scene.settings
    wanted = {
        "data": s.data_dir,
        "spill": s.data_dir / "spill",
        "archive": s.archives,
        "log": s.log_dir,
    }
    least = max(ROOM_BYTES, 2 * s.min_free_disk_bytes)
    return [
        finding
        for name, path in wanted.items()
        if path is not None
        for finding in _directory(name, path, s.min_free_disk_bytes, least)
    ]


def _directory(name: str, path: Path, bottom_bytes: int, room_bytes: int) -> list[Finding]:
    there = next(each for each in (path, *path.absolute().parents) if each.exists())
    if not there.is_dir():
        return fault(f"{name}: {there} is no directory", "move it away")
    if not _writable(there):
        return fault(f"{name}: {there} cannot be written to", "give it to whom the server runs as")
    free = shutil.disk_usage(there).free
    says = f"{name}: {path} has {free / 1e9:.1f} GB free"
    if free < bottom_bytes:
        return fault(says, "make room: below MIN_FREE_DISK_BYTES requests are refused")
    if free < room_bytes:
        return warning(says, "make room soon")
    return ok(says)


def _writable(directory: Path) -> bool:
    try:
        handle, name = tempfile.mkstemp(dir=directory, prefix=".tollgate-doctor-")
    except OSError:
        return False
    os.close(handle)
    os.unlink(name)
    return True
