"""Where an upload waits: in memory while it is small, then in a file that has no name.

The file is gone when it is closed, and also when the process dies in any way: nothing on the disk
refers to it. Reading is by position, so that an upload can be sent again while an earlier attempt
is still being given up.
"""

import asyncio
import errno
import os
import shutil
import tempfile
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO, cast

MEMORY_BYTES = 1 << 20
PIECE_BYTES = 64 << 10


class Spool:
    """Bytes that are appended once and read often. Disk is touched in threads only."""

    def __init__(self, directory: Path, keep_free_bytes: int = 0) -> None:
        """`directory` is on the disk that may hold the file, of which so much stays free."""
        self._directory = directory
        self._keep_free_bytes = keep_free_bytes
        self._memory = bytearray()
        self._file: BinaryIO | None = None
        self._lock = threading.Lock()
        self._closed = False
        self.size = 0

    @classmethod
    def of(cls, data: bytes) -> "Spool":
        """Return one that holds a little, in memory, and never needs a disk."""
        spool = cls(Path())
        spool._memory += data
        spool.size = len(data)
        return spool

    @property
    def on_disk(self) -> bool:
        """Whether it outgrew the memory that it may take."""
        return self._file is not None

    async def append(self, data: bytes) -> None:
        """Add bytes. Raises OSError when the disk does not take them, or it was closed."""
        if self._file is None and self.size + len(data) <= MEMORY_BYTES:
            self._memory += data
        else:
            await asyncio.to_thread(self._write, data)
        self.size += len(data)

    async def pieces(self, offset: int, size: int) -> AsyncIterator[bytes]:
        """Yield a part of it, piece by piece. Raises OSError when it was closed meanwhile."""
        end = offset + size
        while offset < end:
            length = min(PIECE_BYTES, end - offset)
            if self._file is None:
                piece = self.read(offset, length)
            else:
                piece = await asyncio.to_thread(self.read, offset, length)
            if not piece:
                raise OSError("the upload is not there any more")
            offset += len(piece)
            yield piece

    def read(self, offset: int, size: int) -> bytes:
        """Return bytes from a position; may wait for the disk."""
        with self._lock:
            if self._closed:
                return b""
            if self._file is None:
                return bytes(self._memory[offset : offset + size])
            return os.pread(self._file.fileno(), size, offset)

    def close(self) -> None:
        """Forget everything."""
        with self._lock:
            self._closed = True
            self._memory = bytearray()
            if self._file is not None:
                self._file.close()

    def _write(self, data: bytes) -> None:
        with self._lock:
            if self._closed:
                raise OSError("the upload was given up")
            if shutil.disk_usage(self._directory).free < self._keep_free_bytes + len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if self._file is None:
                file = tempfile.TemporaryFile(dir=self._directory, buffering=0)
                self._file = cast(BinaryIO, file)
                self._file.write(self._memory)
                self._memory = bytearray()
            left = memoryview(data)
            while left:
                left = left[self._file.write(left) :]
