"""One process that serves: listen, serve, drain, close. With workers, gateway/workers.py."""

import asyncio
import signal
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from gateway import demo, logs, sockets
from gateway.app import Running, build
from gateway.clients import Clients
from gateway.collector import tune_collector
from gateway.directory.errors import DirectoryError
from gateway.http import DROP_FACTOR, Application
from gateway.settings import Settings
from gateway.sockets import Door, Sockets
from gateway.welcome import welcome
from ledger.errors import LedgerError

CANNOT_START, BOOKS_LOST = 1, 1
# What stops a start and is said in one line.
EXPECTED = (LedgerError, DirectoryError, ValueError, OSError)


def serve(settings: Settings) -> int:
    """Serve until told to stop; return the exit status. Errors are said in one line."""
    try:
        logs.set_up(settings)
        main = sockets.bind(settings.host, settings.port)
        ops = []
        if settings.ops_port is not None:
            ops = sockets.bind(settings.host, settings.ops_port)
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            return runner.run(_serve(settings, main, ops))
    except EXPECTED as error:
        print(f"tollgate: {error}", file=sys.stderr)
        return CANNOT_START


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes event loops: uvloop where it is installed."""
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


async def _serve(settings: Settings, main: Sockets, ops: Sockets) -> int:
    stop = stop_signal()
    running = await build(settings)
    front = Front.of(running, [main], [ops])
    try:
        front.accept([0])
        url = sockets.url_of(settings.host, sockets.port_of(main))
        password = running.first.password if running.first is not None else None
        welcome(settings, url, password, await demo_secret(running))
        tune_collector()
        return await until_stopped(running, stop)
    finally:
        await front.shut_down()


@dataclass(eq=False)
class Front:
    """The servers of one process with their sockets."""

    running: Running
    doors: list[Door]

    @classmethod
    def of(cls, running: Running, main: list[Sockets], ops: list[Sockets]) -> "Front":
        """Make the servers; they accept nothing yet. `main` and `ops` are sockets by place."""
        doors = [Door(_clients(running.application, running.settings), main)]
        if running.ops is not None:
            doors.append(Door(_clients(running.ops, running.settings), ops))
        return cls(running, doors)

    def accept(self, places: Iterable[int]) -> None:
        """Accept connections on the sockets of these places."""
        wanted = set(places)
        for door in self.doors:
            door.accept(wanted)

    def close_doors(self) -> None:
        """Stop listening; who is connected is served on."""
        for door in self.doors:
            door.close()

    async def shut_down(self) -> None:
        """Stop listening, let open requests finish, and close the books."""
        self.close_doors()
        await self.running.relay.drain(self.running.settings.drain_timeout_s)
        with suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                for door in self.doors:
                    await door.clients.close()
        await self.running.close()


def _clients(application: Application, settings: Settings) -> Clients:
    return Clients(application, settings.max_body_bytes * DROP_FACTOR)


def stop_signal() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set; a second signal ends the process at once."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def on_signal() -> None:
        stop.set()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(each)

    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, on_signal)
    return stop


async def demo_secret(running: Running) -> str | None:
    """Set up the demo, if it is asked for, and return its key's secret."""
    return (
        await demo.set_up(running.directory, running.relay.catalogue)
        if running.settings.demo
        else None
    )


async def until_stopped(running: Running, stop: asyncio.Event) -> int:
    """Wait for a signal, or for the books to be lost; return the exit status."""
    waits: set[asyncio.Task[Any]] = {
        asyncio.create_task(stop.wait()),
        asyncio.create_task(running.books.fenced.wait()),
    }
    lost = None
    if running.embedded is not None:
        lost = asyncio.create_task(running.embedded.wait_died())
        waits.add(lost)
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    if stop.is_set():
        return 0
    if running.books.fenced.is_set():
        print("tollgate: another process took over this one's books; stopping", file=sys.stderr)
    elif lost is not None and lost.done() and not lost.cancelled():
        print(f"tollgate: the embedded database is down: {lost.result()}", file=sys.stderr)
    return BOOKS_LOST
