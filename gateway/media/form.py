"""A form that was uploaded: its fields, and where its files wait. Sent on as a new form.

A form is never passed on as it came: two readers of the same strange form can see two different
models in it, and what is charged must be what is asked upstream.
"""

import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.media.spool import Spool

_NUMBERS = ("n", "partial_images")
_SWITCHES = ("stream",)
_SAID = {"true": True, "1": True, "false": False, "0": False}
_ESCAPES = {ord('"'): "%22", ord("\r"): "%0D", ord("\n"): "%0A"}


@dataclass(slots=True)
class File:
    """One file of a form: where it is in the spool, and what the client said of it."""

    name: str
    filename: str
    content_type: str
    offset: int
    size: int = 0


@dataclass(slots=True)
class Form:
    """The fields in their order, the files, and the spool that holds those."""

    spool: Spool
    fields: list[tuple[str, str]] = field(default_factory=list)
    files: list[File] = field(default_factory=list)

    def values(self) -> dict[str, Any]:
        """Return the fields as a JSON body would have them; text that is no number stays text."""
        body: dict[str, Any] = {}
        for name, value in self.fields:
            if name.endswith("[]"):
                body.setdefault(name, []).append(value)
            elif name in _NUMBERS and value.isascii() and value.isdigit() and len(value) < 10:
                body[name] = int(value)
            elif name in _SWITCHES:
                body[name] = _SAID.get(value.strip().lower(), value)
            else:
                body[name] = value
        return body


class OutgoingForm:
    """A form on its way upstream: its length is known, its pieces can be had again and again."""

    def __init__(self, form: Form, changes: Mapping[str, str]) -> None:
        """`changes` are fields to be set, or to be added."""
        self.form = form
        kept = [(name, value) for name, value in form.fields if name not in changes]
        self.fields = [*changes.items(), *kept]
        boundary = f"tollgate-{secrets.token_hex(16)}"
        self.content_type = f"multipart/form-data; boundary={boundary}"
        head = "".join(_head(boundary, name) + f"{value}\r\n" for name, value in self.fields)
        self._heads = [
            (head + _file_head(boundary, f) if n == 0 else _file_head(boundary, f), f)
            for n, f in enumerate(form.files)
        ]
        self._first = "" if form.files else head
        self._tail = f"--{boundary}--\r\n"
        self.length = sum(len(head.encode()) + file.size + 2 for head, file in self._heads)
        self.length += len(self._first.encode()) + len(self._tail)

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body. Raises OSError when the upload is gone."""
        if self._first:
            yield self._first.encode()
        for head, file in self._heads:
            yield head.encode()
            async for piece in self.form.spool.pieces(file.offset, file.size):
                yield piece
            yield b"\r\n"
        yield self._tail.encode()


def _head(boundary: str, name: str, more: str = "") -> str:
    quoted = name.translate(_ESCAPES)
    return f'--{boundary}\r\nContent-Disposition: form-data; name="{quoted}"{more}\r\n\r\n'


def _file_head(boundary: str, file: File) -> str:
    more = f'; filename="{file.filename.translate(_ESCAPES)}"\r\nContent-Type: {file.content_type}'
    return _head(boundary, file.name, more)
