"""Disks of simulated machines: real files, of which a loss of power takes what was not synced.

Stands between ledger/spill.py and the operating system. Each machine has a directory; each open
file belongs to a process and is closed, and its lock gone, when the process dies.
"""

import os
import random
import shutil
import tempfile
from pathlib import Path
from typing import Any

from tests.sim.loop import ACTOR, Actor

MEMORY = Path("/dev/shm")


class PowerCut(BaseException):
    """The process died in the middle of a write."""


class FakeOs:
    """Passes everything to `os`, and remembers what is open and what is synced."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._open: dict[int, tuple[Actor | None, str]] = {}
        self._synced: dict[str, bytes] = {}
        self.dying = False

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def open(self, path: Any, flags: int, mode: int = 0o777) -> int:
        """Open a file for the process that runs now."""
        handle = os.open(path, flags, mode)
        self._open[handle] = (ACTOR.get(None), str(path))
        return handle

    def close(self, handle: int) -> None:
        """Close a file."""
        if self._open.pop(handle, None) is not None:
            os.close(handle)

    def write(self, handle: int, data: Any) -> int:
        """Write, or die in the middle of it."""
        if self.dying:
            os.write(handle, bytes(data)[: self._rng.randrange(len(data) + 1)])
            raise PowerCut
        return os.write(handle, data)

    def fsync(self, handle: int) -> None:
        """Sync: what is in the file now survives everything."""
        path = self._open[handle][1]
        if not os.path.isdir(path):
            self._synced[path] = Path(path).read_bytes()

    def has(self, directory: Path, needle: bytes) -> bool:
        """Tell whether a synced file in this directory has these bytes."""
        here = str(directory)
        return any(
            needle in data
            for path, data in self._synced.items()
            if path.startswith(here) and os.path.exists(path)
        )

    def killed(self, actor: Actor) -> None:
        """Close what a dead process had open."""
        for handle, (owner, _) in list(self._open.items()):
            if owner is actor:
                self.close(handle)

    def power_lost(self, directory: Path) -> None:
        """Put each file back to what was synced, or leave some of what came after."""
        for path in sorted(directory.glob("*.jsonl")):
            synced = self._synced.get(str(path), b"")
            now = path.read_bytes()
            if now.startswith(synced):
                now = now[: self._rng.randint(len(synced), len(now))]
            elif self._rng.random() < 0.5:
                now = synced  # it was cleared, and that did not reach the disk
            path.write_bytes(now)


def make_directory() -> Path:
    """Make a place for the machines of one run, in memory where that is possible."""
    return Path(tempfile.mkdtemp(prefix="tollgate-sim-", dir=MEMORY if MEMORY.is_dir() else None))


def remove_directory(directory: Path) -> None:
    """Remove it."""
    shutil.rmtree(directory, ignore_errors=True)
