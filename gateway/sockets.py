"""Listening sockets: bound once, with a clear word when that fails, and shared by workers.

On Linux each worker has sockets of its own on the one port (SO_REUSEPORT), since the kernel then
spreads connections evenly; on one shared socket, whoever wakes first takes a whole burst (200
connections at once on four workers: 6 to 124 each, against 39 to 55). The parent keeps all of them
open, and the workers that live accept for one that is down, so that no connection waits in vain.
"""

import errno
import socket
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tornado.netutil import add_accept_handler, bind_sockets

from gateway.clients import Clients

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
    """The listening sockets of a server, in places: clients come in at those that it is told."""

    clients: Clients
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
                add_accept_handler(each, self.clients.accepted) for each in self.places[place]
            ]

    def close(self) -> None:
        """Accept no more, let the sockets go, and keep no connection alive after its request."""
        self.accept(())
        self.clients.is_leaving = True
        for sockets in self.places:
            close_all(sockets)
