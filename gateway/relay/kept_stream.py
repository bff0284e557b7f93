"""A kept response as a stream: from the upstream that keeps it to the client, piece by piece.

No more of it is in memory than one piece, and it is read only as fast as the client reads. Nothing
is metered: it was charged when it was made. One that breaks off ends in a broken connection, since
the response itself has not failed: clients go on with `starting_after`.
"""

import asyncio
import logging
from typing import Protocol

from tornado.iostream import StreamClosedError

from gateway.channels.upstream_keys import UpstreamKey
from gateway.dialects.dialect import Dialect
from gateway.formats import sse
from gateway.providers.base import Answer, CallFailed
from gateway.relay import errors

log = logging.getLogger("tollgate.relay")


class Client(Protocol):
    """Where the stream goes. `begin` comes before its first bytes, `send` waits while the client
    reads slowly and raises StreamClosedError when it is gone, `break_off` ends the connection."""

    request_id: str

    def begin(self) -> None: ...

    async def send(self, data: bytes) -> None: ...

    def break_off(self) -> None: ...


class KeptStream:
    """One stream. `stop` ends it when the client has gone, though its upstream may be silent."""

    def __init__(self, dialect: Dialect, key: UpstreamKey) -> None:
        self._dialect = dialect
        self._key = key
        self._task: asyncio.Task[object] | None = None
        self._begun = self._stopped = False

    def stop(self) -> None:
        """Read no more."""
        self._stopped = True
        if self._task is not None:
            self._task.cancel()

    async def run(self, answer: Answer, client: Client) -> bool:
        """Pass it on; return whether it came to its end.

        Raises RelayError where it breaks before it began, or begins with an error.
        """
        self._task = task = asyncio.current_task()
        assert task is not None
        try:
            await self._pass_on(answer, client)
        except CallFailed as error:
            log.info("request %s: a kept stream: %s: %s", client.request_id, error.code, error)
            if not self._begun:
                raise errors.of_call(error.code) from error
            client.break_off()
            return False
        except StreamClosedError:
            return False
        except asyncio.CancelledError:
            if not self._stopped:
                raise
            task.uncancel()
            return False
        finally:
            self._task = None
        return True

    async def _pass_on(self, answer: Answer, client: Client) -> None:
        held = b""
        async for piece in answer.body:
            if self._begun:
                await client.send(piece)
                continue
            held += piece
            if _tells(held):
                await self._begin(answer, client, held)
        if not self._begun:
            if not held:
                raise CallFailed("upstream_cut", "the stream is empty")
            await self._begin(answer, client, held)

    async def _begin(self, answer: Answer, client: Client, first: bytes) -> None:
        data = sse.first_data(first)
        if self._dialect.error_first.match(data):
            refused = errors.of_upstream(502, answer.headers, errors.parse(data))
            refused.message = self._key.hidden_in(refused.message)
            raise refused
        client.begin()
        self._begun = True
        await client.send(first)


def _tells(first: bytes) -> bool:
    """Whether the beginning of a stream shows what it is: its first data, or a sign of life."""
    start = first.find(b"data:")
    whole = start >= 0 and first.find(b"\n", start) > 0
    return whole or first.lstrip().startswith(b":") or len(first) > sse.MAX_LINE
