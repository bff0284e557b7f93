"""The console's files as they are sent: under an address that changes with them, and compressed.

The page and its style sheet are put together (console_page.py). Modules name each other by relative
paths, so one hash of all files, put before the path of the first, is before all of them:
`/static/~3f2a9c0b1d4e/js/main.js`. What has the hash of today may be kept for ever; the same files
without one are asked for anew each time.
"""

import hashlib
import math
import mimetypes
import time
import zlib
from pathlib import Path

from gateway.console_page import SHEET, ConsolePage

LOOK_EVERY_S = 1.0
_HASH_CHARACTERS = 12
_GZIP_BITS = 31
_WORTH_PACKING_BYTES = 600
_PACKED_TYPES = ("text/", "application/json", "image/svg")
_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".webmanifest": "application/json"}

Stamp = frozenset[tuple[str, int, int]]


class Assets:
    """All files below a directory. They are read again when one of them changed."""

    def __init__(self, directory: Path, theme: str = "default") -> None:
        """Take the directory and the theme (a folder of theme/) that pages are shown in."""
        self.directory = directory
        self._theme = theme
        self._stamp: Stamp = frozenset()
        self._packed: dict[str, bytes] = {}
        self._files: dict[str, Path] = {}
        self._made: dict[str, bytes] = {}
        self._looked_s = -math.inf
        self.hash = ""
        self.inline_hash = ""
        self.refresh()

    def refresh(self) -> None:
        """Make the page anew if a file changed since; looked at once a second at most."""
        if time.monotonic() - self._looked_s < LOOK_EVERY_S:
            return
        self._looked_s = time.monotonic()
        files = sorted(path for path in self.directory.rglob("*") if path.is_file())
        stamp = frozenset((str(p), p.stat().st_mtime_ns, p.stat().st_size) for p in files)
        if stamp != self._stamp:
            self._stamp = stamp
            self._take(files)

    def _take(self, files: list[Path]) -> None:
        inside, total = self.directory.resolve(), hashlib.sha256(self._theme.encode())
        self._files = {SHEET: self.directory / SHEET}
        for path in files:
            if path.resolve().is_relative_to(inside):
                name = path.relative_to(self.directory).as_posix()
                self._files[name] = path
                total.update(f"{name}\0".encode())
                total.update(hashlib.sha256(path.read_bytes()).digest())
        self.hash = total.hexdigest()[:_HASH_CHARACTERS]
        page = ConsolePage(self.directory, self._theme, self.hash)
        self.inline_hash = page.inline_hash
        self._made = {"index.html": page.html, SHEET: page.sheet}
        self._packed.clear()

    def find(self, name: str) -> Path | None:
        """Return the file of this name; None if there was none when they were last looked at."""
        return self._files.get(name)

    def read(self, path: Path, *, packed: bool) -> tuple[bytes, bool]:
        """Return a file's bytes and whether they are compressed (gzip), as was asked for."""
        name = path.relative_to(self.directory).as_posix()
        if packed and name in self._packed:
            return self._packed[name], True
        content = self._made[name] if name in self._made else path.read_bytes()
        if not packed or not worth_packing(path, len(content)):
            return content, False
        self._packed[name] = pack(content)
        return self._packed[name], True


def media_type(path: Path) -> str:
    """Return the Content-Type of a file by its name."""
    known = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0]
    kind = known or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


def worth_packing(path: Path, size: int) -> bool:
    """Return whether compression makes a file smaller by something that matters."""
    return size > _WORTH_PACKING_BYTES and media_type(path).startswith(_PACKED_TYPES)


def pack(content: bytes) -> bytes:
    """Compress (gzip), the same bytes for the same content."""
    squeezer = zlib.compressobj(9, zlib.DEFLATED, _GZIP_BITS)
    return squeezer.compress(content) + squeezer.flush()
