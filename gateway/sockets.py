"""Listening sockets: bound once, with a clear word when that fails, and shared by workers.

On Linux each worker has sockets of its own on the one port (SO_REUSEPORT), since the kernel then
spreads connections evenly; on one shared socket, whoever wakes first takes a whole burst (200
connections at once on four workers: 6 to 124 each, against 39 to 55). The parent keeps all of them
open, and the workers that live accept for one that is down, so that no connection waits in vain.
"""

import errno
import socket
import sys
from asyncio import Future
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field

from tornado.concurrent import chain_future
from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream
from tornado.netutil import add_accept_handler, bind_sockets

BACKLOG = 2048
PER_WORKER = sys.platform == "linux"

Sockets = list[socket.socket]


def bind(host: str, port: int) -> Sockets:
    """Listen on a port that nobody else listens on. Raises OSError with words for the operator."""
    try:
        return bind_sockets(port, host, backlog=BACKLOG)
    except OSError as error:
        where = f"{host}:{port}"
        if error.errno == errno.EADDRINUSE:
            raise OSError(f"{where} is in use; stop what listens there or give --port") from None
        if error.errno == errno.EACCES:
            raise OSError(f"{where} needs rights that this user has not; give --port") from None
        raise OSError(f"cannot listen on {where}: {error.strerror or error}") from None


def bind_for(workers: int, host: str, port: int) -> list[Sockets]:
    """Listen for several workers: the sockets of each. Raises OSError like `bind`."""
    only = bind(host, port)
    if not PER_WORKER:
        return [only] * workers
    # A socket that shares its port cannot tell that somebody else listens there; this one could.
    chosen = port_of(only)
    close_all(only)
    return [bind_sockets(chosen, host, backlog=BACKLOG, reuse_port=True) for _ in range(workers)]


def port_of(sockets: Sockets) -> int:
    """Return the port that sockets listen on."""
    return int(sockets[0].getsockname()[1])


def close_all(sockets: Iterable[socket.socket]) -> None:
    """Close sockets; harmless when some are closed already."""
    for each in sockets:
        each.close()


def url_of(host: str, port: int) -> str:
    """Return the address to show to people."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@dataclass(eq=False)
class Door:
    """A server's listening sockets, in places; it accepts on those places that it is told to."""

    server: HTTPServer
    places: list[Sockets]
    _open: dict[int, list[Callable[[], None]]] = field(default_factory=dict)

    def accept(self, wanted: Iterable[int]) -> None:
        """Accept connections on these places and on no others."""
        places = set(wanted)
        for place in set(self._open) - places:
            for remove in self._open.pop(place):
                remove()
        for place in places - set(self._open):
            self._open[place] = [
                add_accept_handler(each, self._connected) for each in self.places[place]
            ]

    def close(self) -> None:
        """Accept no more, let the sockets go, and keep no connection alive after its request."""
        self.accept(())
        self.server.conn_params.no_keep_alive = True
        for sockets in self.places:
            close_all(sockets)

    def _connected(self, connection: socket.socket, address: object) -> None:
        server = self.server
        stream = ClientLine(
            connection,
            max_buffer_size=server.max_buffer_size,
            read_chunk_size=server.read_chunk_size,
        )
        server.handle_stream(stream, address)  # type: ignore[arg-type]


class ClientLine(IOStream):
    """A client's connection. What is written goes out at once: each piece of a stream is news, and
    the client would otherwise get it when it acknowledges the one before."""

    def __init__(self, connection: socket.socket, **sizes: int | None) -> None:
        super().__init__(connection, **sizes)
        super().set_nodelay(True)
        self._held: list[tuple[bytes | memoryview, Future[None]]] | None = None

    def set_nodelay(self, value: bool) -> None:
        """It is set, and stays so: tornado's server would ask twice for each request."""

    def write(self, data: bytes | memoryview) -> Future[None]:
        """Write, or hold what is to be written together with what follows."""
        if self._held is None:
            return super().write(data)
        done: Future[None] = Future()
        self._held.append((data, done))
        return done

    @contextmanager
    def together(self) -> Iterator[None]:
        """Write all that is written meanwhile at once, at the end."""
        held: list[tuple[bytes | memoryview, Future[None]]] = []
        self._held = held
        try:
            yield
        finally:
            self._held = None
            if held and not self.closed():
                written = super().write(b"".join(data for data, _ in held))
                for _, done in held:
                    chain_future(written, done)


def together(connection: object) -> AbstractContextManager[None]:
    """Write what goes over a connection meanwhile at once, where it is one of ours."""
    stream = getattr(connection, "stream", None)
    return stream.together() if isinstance(stream, ClientLine) else nullcontext()
