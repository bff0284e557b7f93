"""The console's files as they are sent: under an address that changes with them, and compressed.

The page's modules name each other by relative paths, so one hash of all files, put before the path
of the first, is before all of them: `/static/~3f2a9c0b1d4e/js/main.js`. What has the hash of today
may be kept for ever; the same files without one are asked for anew each time.
"""

import base64
import hashlib
import mimetypes
import re
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_HASH_CHARACTERS = 12
_GZIP_BITS = 31
_WORTH_PACKING_BYTES = 600
_PACKED_TYPES = ("text/", "application/json", "image/svg")
_MODULE = "js/main.js"
# `import … from "./x.js"`, `import "./x.js"` and `export … from`, never the calls import("./x.js").
_IMPORT = re.compile(r"""^(?:import|export)\b[^;"'(]*["'](\.{1,2}/[^"']+)["']""", re.M)
_IMPORT_MAP = re.compile(r'<script type="importmap">(.*?)</script>', re.S)
_PRELOADS = "<!-- preloads -->"
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
        self.hash = ""
        self.index = b""
        self.inline_hash = ""
        self.refresh()

    def refresh(self) -> None:
        """Make the page anew if a file changed since."""
        files = sorted(p for p in self.directory.rglob("*") if p.is_file())
        stamp = frozenset((str(p), p.stat().st_mtime_ns, p.stat().st_size) for p in files)
        if stamp == self._stamp:
            return
        total = hashlib.sha256(self._theme.encode())
        for path in files:
            total.update(f"{path.relative_to(self.directory)}\0".encode())
            total.update(hashlib.sha256(path.read_bytes()).digest())
        self.hash = total.hexdigest()[:_HASH_CHARACTERS]
        self._packed.clear()
        self._stamp = stamp
        self._write_index()

    def _write_index(self) -> None:
        page = (self.directory / "index.html").read_text()
        if self._theme != "default":
            chosen = f'<link rel="stylesheet" href="/static/theme/{self._theme}/tokens.css">'
            page = page.replace("<!-- theme -->", chosen)
        links = (f'<link rel="modulepreload" href="/static/{name}">' for name in self._modules())
        page = page.replace(_PRELOADS, "\n  ".join(links))
        page = page.replace('"/static/', f'"/static/~{self.hash}/')
        self.index = page.encode()
        inline = _IMPORT_MAP.search(page)
        digest = hashlib.sha256(inline.group(1).encode() if inline else b"").digest()
        self.inline_hash = f"'sha256-{base64.b64encode(digest).decode()}'"

    def _modules(self) -> list[str]:
        """The modules that the first one needs before it can run, found by following imports."""
        found = [_MODULE]
        for name in found:
            found.extend(each for each in self._imports(name) if each not in found)
        return found[1:]

    def _imports(self, name: str) -> Iterator[str]:
        path = self.directory / name
        for said in _IMPORT.findall(path.read_text()) if path.is_file() else ():
            target = (path.parent / said).resolve()
            if target.is_file() and target.is_relative_to(self.directory.resolve()):
                yield target.relative_to(self.directory.resolve()).as_posix()

    def find(self, name: str) -> Path | None:
        """Return the file of this name; None if there is none, or if it lies elsewhere."""
        path = self.directory / PurePosixPath(name)
        if "\0" in name or not path.resolve().is_relative_to(self.directory.resolve()):
            return None
        return path if path.is_file() else None

    def read(self, path: Path, *, packed: bool) -> tuple[bytes, bool]:
        """Return a file's bytes and whether they are compressed (gzip), as was asked for."""
        name = path.as_posix()
        if packed and name in self._packed:
            return self._packed[name], True
        content = path.read_bytes()
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
