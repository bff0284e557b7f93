"""Looks at how an answer begins before anyone reads it, and puts back what was read."""

from collections.abc import AsyncIterator

from gateway.providers.base import Answer


async def peek(answer: Answer, most: int) -> bytes:
    """Return all of a body of at most `most` bytes, else b"". The body can be read as if untouched.

    It waits for the first bytes of an answer, or where these might be a short JSON object, for its
    end; of a stream of events no more than its first piece. Raises CallFailed.
    """
    first, rest = b"", answer.body
    async for piece in rest:
        first += piece
        if len(first) > most or not (first.lstrip() or b"{").startswith(b"{"):
            answer.body = _joined(first, rest)
            return b""
    answer.body = _joined(first, rest)
    return first


async def _joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for piece in rest:
        yield piece
