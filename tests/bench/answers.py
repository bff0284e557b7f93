"""Reading HTTP/1.1 answers whole, for the load generator: strict about where an answer ends."""

from __future__ import annotations

from dataclasses import dataclass

from tests.bench import wire


@dataclass(frozen=True, slots=True)
class Head:
    """The head of an answer; `length` None means chunked."""

    status: int
    size: int
    length: int | None
    close: bool

    @classmethod
    def read(cls, got: bytearray) -> Head | None:
        """The head, or None while it has not all come. Raises WrongAnswer without a length."""
        end = got.find(b"\r\n\r\n")
        if end < 0:
            return None
        lines = bytes(got[:end]).lower().split(b"\r\n")
        fields = dict(line.split(b":", 1) for line in lines[1:])
        length = fields.get(b"content-length")
        if length is None and b"chunked" not in fields.get(b"transfer-encoding", b""):
            raise wire.WrongAnswer("neither content-length nor chunked")
        close = b"close" in fields.get(b"connection", b"")
        status = int(lines[0].split(b" ", 2)[1])
        return cls(status, end + 4, None if length is None else int(length), close)

    def body(self, got: bytearray) -> bytes | None:
        """The whole body, or None while it has not all come."""
        if self.length is None:
            # The cheap look first: a body is taken apart once, when it may be at its end.
            return unchunk(got, self.size) if got.endswith(b"0\r\n\r\n") else None
        if len(got) > self.size + self.length:
            raise wire.WrongAnswer("bytes came after the end of the answer")
        return bytes(got[self.size :]) if len(got) == self.size + self.length else None


def unchunk(got: bytearray, at: int) -> bytes | None:
    """Takes the chunked coding off; None when the last chunk is not there. Raises WrongAnswer."""
    parts: list[bytes] = []
    while (line := got.find(b"\r\n", at)) >= 0:
        size = int(got[at:line], 16)
        at = line + 2 + size + 2
        if at > len(got):
            return None
        if size == 0:
            if at != len(got):
                raise wire.WrongAnswer("bytes came after the end of the answer")
            return b"".join(parts)
        parts.append(bytes(got[line + 2 : at - 2]))
    return None
