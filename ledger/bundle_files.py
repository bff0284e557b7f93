"""The files of a bundle: in a directory or in a tar.

Owns how they are written, found and read. Promises that a bundle with its final name is whole, that
a file is never read outside of its bundle, and that memory holds one line at a time. Refuses names
that are no plain names of files of a bundle.
"""

import gzip
import hashlib
import os
import re
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Self

import orjson

from ledger.errors import LedgerError
from ledger.events import Document
from ledger.segments import GZIP_LEVEL, MAX_LINE_BYTES, sync_directory

MANIFEST = "manifest.json"
TAR = ".tar"
MAX_MANIFEST_BYTES = 512 * 1024 * 1024
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
_BLOCK = 1 << 20


class BrokenBundle(LedgerError):
    """A file of a bundle is missing or damaged: `file` and `why`."""

    code = "broken_bundle"

    def __init__(self, file: str, why: str) -> None:
        super().__init__(f"{file}: {why}")
        self.file = file
        self.why = why


@dataclass(frozen=True, slots=True)
class Lines:
    """A file of lines in a bundle: how many there are, and the fingerprint of the file."""

    file: str
    lines: int
    bytes: int
    sha256: str

    def to_json(self) -> Document:
        """Return the description as a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Read a description. Raises BrokenBundle."""
        kinds = {"file": str, "lines": int, "bytes": int, "sha256": str}
        if not isinstance(data, dict) or any(
            not isinstance(data.get(name), kind) for name, kind in kinds.items()
        ):
            raise BrokenBundle(MANIFEST, "a file is not described")
        return cls(**{name: data[name] for name in kinds})


class LinesWriter:
    """Writes one compressed file of JSON lines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._raw = path.open("wb")
        self._file = gzip.GzipFile("", "wb", GZIP_LEVEL, self._raw, 0)
        self.lines = 0

    def add(self, document: Document) -> None:
        """Append a line."""
        self._file.write(
            orjson.dumps(document, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)
        )
        self.lines += 1

    def close(self) -> Lines:
        """End the file and describe it."""
        self._file.close()
        self._raw.flush()
        os.fsync(self._raw.fileno())
        self._raw.close()
        with self._path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Lines(self._path.name, self.lines, self._path.stat().st_size, digest)


class BundleWriter:
    """Writes a bundle. `work` is where files are made before `add` takes them over."""

    def __init__(self, path: Path) -> None:
        if path.exists() and not (path.is_dir() and not any(path.iterdir())):
            raise LedgerError(f"{path} is there already; a bundle is never overwritten")
        self._path = path
        self._part = path.with_name(f".{path.name}.{os.getpid()}.part")
        self.work = self._part
        self._tar: tarfile.TarFile | None = None
        if path.suffix == TAR:
            self._tar_part = path.with_name(f".{path.name}.{os.getpid()}.tar.part")
            self._tar = tarfile.open(self._tar_part, "w", format=tarfile.PAX_FORMAT)
            self._tar_part.chmod(0o600)
        self.work.mkdir(mode=0o700)

    def add(self, name: str) -> None:
        """Take over a finished file of `work`."""
        if self._tar is None:
            return
        source = self.work / name
        info = tarfile.TarInfo(name)
        info.size, info.mode = source.stat().st_size, 0o600
        with source.open("rb") as file:
            self._tar.addfile(info, file)
        source.unlink()

    def close(self) -> None:
        """Give the bundle its name."""
        if self._tar is None:
            if self._path.exists():
                self._path.rmdir()
            sync_directory(self._part)
            self._part.replace(self._path)
            sync_directory(self._path.parent)
            return
        self._tar.close()
        with self._tar_part.open("rb") as file:
            os.fsync(file.fileno())
        self._tar_part.replace(self._path)
        sync_directory(self._path.parent)
        self.work.rmdir()

    def discard(self) -> None:
        """Leave nothing behind; harmless after `close`."""
        shutil.rmtree(self._part, ignore_errors=True)
        if self._tar is not None:
            self._tar.close()
            self._tar_part.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.discard()


class Bundle:
    """A bundle that is there, to be read."""

    def __init__(self, path: Path) -> None:
        """Look what is in it. Raises LedgerError when it is neither a directory nor a tar."""
        self.path = path
        self._members: dict[str, tarfile.TarInfo] | None = None
        if path.is_dir():
            self.names = sorted(each.name for each in path.iterdir())
        elif path.is_file():
            self._members = _members(path)
            self.names = sorted(self._members)
        else:
            raise LedgerError(f"there is no bundle {path}")

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """Open one of its files. Raises BrokenBundle when it is not there."""
        if _NAME.fullmatch(name) is None or name not in self.names:
            raise BrokenBundle(f"{name!r:.100}", "the file is not in the bundle")
        if self._members is None:
            path = self.path / name
            if path.is_symlink() or not path.is_file():
                raise BrokenBundle(name, "is no plain file")
            with path.open("rb", buffering=_BLOCK) as file:
                yield file
            return
        try:
            with tarfile.open(self.path, "r:") as tar:
                member = tar.extractfile(self._members[name])
                if member is None:
                    raise BrokenBundle(name, "is no plain file")
                with member:
                    yield member
        except tarfile.TarError as error:
            raise BrokenBundle(name, f"the tar is damaged: {error}") from None

    def manifest(self) -> Document:
        """Return the manifest. Raises BrokenBundle."""
        with self.open(MANIFEST) as file:
            try:
                data = orjson.loads(file.read(MAX_MANIFEST_BYTES))
            except orjson.JSONDecodeError as error:
                raise BrokenBundle(MANIFEST, f"is not JSON: {error}") from None
        if not isinstance(data, dict):
            raise BrokenBundle(MANIFEST, "is no JSON object")
        return data

    def fingerprint(self, name: str) -> tuple[str, int]:
        """Return SHA-256 and size of a file. Raises BrokenBundle."""
        digest, size = hashlib.sha256(), 0
        with self.open(name) as file:
            while block := file.read(_BLOCK):
                digest.update(block)
                size += len(block)
        return digest.hexdigest(), size

    def lines(self, name: str) -> Iterator[tuple[int, bytes]]:
        """Yield (number from 1, bytes) of each line of a compressed file. Raises BrokenBundle."""
        number = 0
        try:
            with self.open(name) as file, gzip.GzipFile(fileobj=file, mode="rb") as lines:
                while line := lines.readline(MAX_LINE_BYTES + 1):
                    number += 1
                    if not line.endswith(b"\n"):
                        raise BrokenBundle(name, f"line {number} is cut off or too long")
                    yield number, line
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            where = f"is damaged behind line {number}: {error}"
            raise BrokenBundle(name, where) from None

    def documents(self, name: str) -> Iterator[tuple[int, Document]]:
        """Yield (number from 1, JSON object) of each line. Raises BrokenBundle."""
        for number, line in self.lines(name):
            try:
                document = orjson.loads(line)
            except orjson.JSONDecodeError:
                document = None
            if not isinstance(document, dict):
                raise BrokenBundle(name, f"line {number} is no JSON object")
            yield number, document


def _members(path: Path) -> dict[str, tarfile.TarInfo]:
    try:
        with tarfile.open(path, "r:") as tar:
            members = [each for each in tar.getmembers() if not each.isdir()]
    except tarfile.TarError as error:
        raise LedgerError(f"{path} is neither a directory nor a tar: {error}") from None
    found: dict[str, tarfile.TarInfo] = {}
    for member in members:
        name = member.name.removeprefix("./").rpartition("/")[2]
        if name in found:
            raise BrokenBundle(name, "is in the tar twice")
        found[name] = member
    return found
