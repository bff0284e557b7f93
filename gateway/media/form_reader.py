"""Reads multipart/form-data (RFC 7578) while it arrives, in bounded memory."""

import logging
import re
from collections.abc import Sequence

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from gateway.media.form import File, Form
from gateway.media.spool import Spool
from gateway.relay.errors import RelayError

MAX_PARTS = 128
MAX_FIELDS_BYTES = 1 << 20
_MULTIPART = b"multipart/form-data"
_TYPE = re.compile(r"[\w.+-]{1,80}/[\w.+-]{1,80}", re.ASCII)
_OCTETS = "application/octet-stream"

# The parser reports what is wrong with a body by its exceptions; the client is told, not the log.
_silent = logging.Logger("form")
_silent.disabled = True


def refuse(message: str, param: str | None = None) -> RelayError:
    """Return the RelayError 400 for a form that can't be read."""
    return RelayError("invalid_form", message, param=param)


class FormReader:
    """One form. `files` are the names of the parts that are files; others may be no file."""

    def __init__(
        self, content_type: str, spool: Spool, files: Sequence[str], repeated: Sequence[str]
    ) -> None:
        """Raises RelayError 400 when the content type announces no form."""
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if kind != _MULTIPART or not boundary:
            message = "Send multipart/form-data with a boundary; client libraries do that for you."
            raise refuse(message)
        self.form = Form(spool)
        self._names, self._repeated = files, repeated
        self._parts = self._fields_bytes = 0
        self._header: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        self._headers: dict[str, str] = {}
        self._field: tuple[str, bytearray] | None = None
        self._file: File | None = None
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._ended = False
        try:
            self._parser = MultipartParser(boundary, self._callbacks())  # type: ignore[arg-type]
        except FormParserError as error:
            raise refuse(f"The form can't be read: {error}.") from None
        self._parser.logger = _silent

    async def feed(self, data: bytes) -> None:
        """Take the next bytes. Raises RelayError 400 for a bad form, OSError for a bad disk."""
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise refuse(f"The form can't be read: {error}.") from None
        if self._waiting:
            waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
            await self.form.spool.append(b"".join(waiting))

    def finish(self) -> Form:
        """Return the form once all of it is there. Raises RelayError 400 when it is not."""
        if not self._ended:
            raise refuse("The form ends before its last boundary.")
        return self.form

    @property
    def reads_a_file(self) -> bool:
        """Whether the first file has begun."""
        return bool(self.form.files)

    def _callbacks(self) -> dict[str, object]:
        return {
            "on_part_begin": self._on_part,
            "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
            "on_header_end": self._on_header,
            "on_headers_finished": self._on_headers,
            "on_part_data": self._on_data,
            "on_part_end": self._on_part_end,
            "on_end": self._on_end,
        }

    def _on_part(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise refuse(f"The form has more than {MAX_PARTS} parts.")
        self._headers = {}

    def _on_header(self) -> None:
        name, value = (bytes(part) for part in self._header)
        self._header = (bytearray(), bytearray())
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def _on_headers(self) -> None:
        _, options = parse_options_header(self._headers.get("content-disposition", ""))
        name, filename = _utf8(options.get(b"name")), options.get(b"filename")
        if not name:
            raise refuse("Every part of the form needs a Content-Disposition with a name.")
        if name in self._names:
            self._begin_file(name, _utf8(filename) or name)
        elif filename is not None:
            raise refuse(f"`{name[:80]}` can't be a file here.", name[:80])
        else:
            self._begin_field(name)

    def _begin_file(self, name: str, filename: str) -> None:
        if name not in self._repeated and any(file.name == name for file in self.form.files):
            raise refuse(f"`{name}` is there twice.", name)
        said = self._headers.get("content-type", "").strip()
        kind = said if _TYPE.fullmatch(said.split(";")[0].strip()) and said.isprintable() else ""
        offset = self.form.spool.size + self._waiting_bytes
        self._file = File(name, filename[-200:], kind[:200] or _OCTETS, offset)
        self.form.files.append(self._file)

    def _begin_field(self, name: str) -> None:
        if not name.endswith("[]") and any(known == name for known, _ in self.form.fields):
            raise refuse(f"`{name[:80]}` is there twice.", name[:80])
        self._field = (name, bytearray())

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if self._file is not None:
            self._file.size += end - start
            self._waiting.append(data[start:end])
            self._waiting_bytes += end - start
        elif self._field is not None:
            self._fields_bytes += end - start
            if self._fields_bytes > MAX_FIELDS_BYTES:
                raise refuse(f"The fields of the form are longer than {MAX_FIELDS_BYTES} bytes.")
            self._field[1].extend(data[start:end])

    def _on_part_end(self) -> None:
        if self._field is not None:
            name, value = self._field
            try:
                self.form.fields.append((name, value.decode()))
            except UnicodeDecodeError:
                raise refuse(f"`{name[:80]}` is not text in UTF-8.", name[:80]) from None
        self._field = self._file = None

    def _on_end(self) -> None:
        self._ended = True


def _utf8(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace")
