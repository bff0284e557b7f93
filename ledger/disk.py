"""The disk: is there room left for what may have to be kept?

Owns the look at the file system that holds the spill. Promises a recent answer without asking the
system for every request. Refuses nothing itself; the books do when `low`.
"""

import asyncio
import shutil
from pathlib import Path


class Disk:
    """The file system of a directory; without a directory there is always room."""

    def __init__(self, directory: Path | None, min_free_bytes: int) -> None:
        self._directory = directory
        self._min_free_bytes = min_free_bytes
        self.free_bytes: int | None = None
        if directory is not None:
            self.free_bytes = shutil.disk_usage(directory).free

    @property
    def low(self) -> bool:
        """True when less is free than must stay free."""
        return self.free_bytes is not None and self.free_bytes < self._min_free_bytes

    async def look(self) -> None:
        """Look again."""
        if self._directory is not None:
            usage = await asyncio.to_thread(shutil.disk_usage, self._directory)
            self.free_bytes = usage.free
