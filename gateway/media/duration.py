"""How long an uploaded recording is, in whole seconds, rounded up.

What the file says of itself is believed only as far as its size allows: who pays by the second must
not be able to write a shorter length into a header. What can't be read is taken for as long as such
a file could be at the lowest usual bit rate, and called an estimate.
"""

import asyncio
import io
import math
from typing import BinaryIO, cast

from tinytag import TinyTag, TinyTagException

from gateway.media import webm
from gateway.media.form import File
from gateway.media.spool import PIECE_BYTES, Spool

# 16 kbit/s: speech is hardly ever packed closer.
LOWEST_BYTES_PER_S = 2_000
# The highest that each kind of packing allows (MP3; Vorbis and Opus, in WebM too; AAC): no file of
# its size can be shorter. What is lossless has no such bound below 9.2 Mbit/s.
_HIGHEST_BYTES_PER_S = {"audio/mpeg": 40_000, "audio/ogg": 64_000, "audio/mp4": 96_000}
_HIGHEST = 1_152_000
_WAV_HEAD = 44
MAX_READS = 100_000
MAX_READ_BYTES = 8 << 20


async def duration(spool: Spool, file: File) -> tuple[int, str]:
    """Return the seconds, and "counted" or "estimated"."""
    return await asyncio.to_thread(_measured, spool, file)


def _measured(spool: Spool, file: File) -> tuple[int, str]:
    if not file.size:
        return 0, "counted"
    content = io_of(spool, file)
    if content.read(len(webm.HEAD)) == webm.HEAD:
        return _bounded(file, webm.seconds(content), _HIGHEST_BYTES_PER_S["audio/ogg"])
    content.seek(0)
    try:
        tag = TinyTag.get(file_obj=content, tags=False)
    except TinyTagException:
        return _at_most(file)
    if tag.mime_type and tag.mime_type.startswith("audio/wav"):
        per_s = (tag.samplerate or 0) * (tag.channels or 0) * (tag.bitdepth or 0) // 8
        sound = max(0, file.size - _WAV_HEAD)
        return (_whole(sound / per_s), "counted") if per_s else _at_most(file)
    kind = (tag.mime_type or "").split(";")[0]
    highest = _HIGHEST if tag.is_lossless else _HIGHEST_BYTES_PER_S.get(kind, _HIGHEST)
    return _bounded(file, tag.duration, highest)


def _bounded(file: File, said: float | None, highest: int) -> tuple[int, str]:
    """Return what a file says, unless its size forbids it."""
    if said is None or not math.isfinite(said) or said <= 0:
        return _at_most(file)
    least = file.size / highest
    return (_whole(said), "counted") if said >= least else (_whole(least), "estimated")


def _at_most(file: File) -> tuple[int, str]:
    return _whole(file.size / LOWEST_BYTES_PER_S), "estimated"


def _whole(seconds: float) -> int:
    return math.ceil(round(seconds, 3))


def io_of(spool: Spool, file: File) -> BinaryIO:
    """Return a file of a spool as a readable of its own."""
    return cast(BinaryIO, _Window(spool, file))


class _Window(io.RawIOBase):
    """Reads a part of a spool, for so many reads: no file is worth more."""

    def __init__(self, spool: Spool, file: File) -> None:
        self._spool, self._offset, self._size = spool, file.offset, file.size
        self._at = 0
        self._known = (0, b"")
        self._reads = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise OSError("before the beginning of the file")
        self._at = base + offset
        return self._at

    def read(self, size: int = -1) -> bytes:
        self._reads += 1
        if self._reads > MAX_READS:
            raise OSError("the file is too odd to be read further")
        left = max(0, self._size - self._at)
        size = min(left if size < 0 else size, left, MAX_READ_BYTES)
        found = self._near(size)
        self._at += len(found)
        return found

    def _near(self, size: int) -> bytes:
        """Return bytes from here on; small reads come out of larger ones."""
        start, piece = self._known
        skip = self._at - start
        if not 0 <= skip <= len(piece) - size:
            more = min(max(size, PIECE_BYTES), self._size - self._at)
            start, piece, skip = self._at, self._spool.read(self._offset + self._at, more), 0
            self._known = (start, piece)
        return piece[skip : skip + size]
