"""Sockets and the life of the process: listen, serve, drain, close."""

import asyncio
import errno
import gc
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from gateway import __version__, demo, logs
from gateway.app import Running, build
from gateway.directory.errors import DirectoryError
from gateway.http import DROP_FACTOR, Application
from gateway.settings import Settings
from ledger.errors import LedgerError

MAX_HEADER_BYTES = 64 << 10
IDLE_CONNECTION_S = 600
BODY_S = 300
BACKLOG = 2048
# A request makes few cycles and many objects; looking for cycles every 700 objects costs a tenth of
# the processor.
GC_THRESHOLDS = (20_000, 20, 50)
CANNOT_START, DATABASE_LOST = 1, 1


def serve(settings: Settings) -> int:
    """Serve until told to stop; return the exit status. Errors are said in one line."""
    try:
        logs.set_up(
            debug=settings.debug, log_dir=settings.log_dir, one_file=settings.only_one_log_file
        )
        sockets = _bind(settings)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(_serve(settings, *sockets))
    except (LedgerError, DirectoryError, ValueError, OSError) as error:
        print(f"tollgate: {error}", file=sys.stderr)
        return CANNOT_START


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def _bind(settings: Settings) -> tuple[list[socket.socket], list[socket.socket]]:
    main = _bound(settings.host, settings.port)
    if settings.ops_port is None:
        return main, []
    return main, _bound(settings.host, settings.ops_port)


def _bound(host: str, port: int) -> list[socket.socket]:
    try:
        return bind_sockets(port, host, backlog=BACKLOG)
    except OSError as error:
        where = f"{host}:{port}"
        if error.errno == errno.EADDRINUSE:
            raise OSError(f"{where} is in use; stop what listens there or give --port") from None
        if error.errno == errno.EACCES:
            raise OSError(f"{where} needs rights that this user has not; give --port") from None
        raise OSError(f"cannot listen on {where}: {error.strerror or error}") from None


async def _serve(settings: Settings, main: list[socket.socket], ops: list[socket.socket]) -> int:
    stop = _stop_signal()
    running = await build(settings)
    servers = [_http_server(running.application, settings, main)]
    if running.ops is not None:
        servers.append(_http_server(running.ops, settings, ops))
    try:
        await _announce(running, main)
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        return await _until_stopped(running, stop)
    finally:
        await _shut_down(running, servers)


def _http_server(
    application: Application, settings: Settings, sockets: list[socket.socket]
) -> HTTPServer:
    server = HTTPServer(
        application,
        decompress_request=True,
        max_header_size=MAX_HEADER_BYTES,
        max_body_size=settings.max_body_bytes * DROP_FACTOR,
        idle_connection_timeout=IDLE_CONNECTION_S,
        body_timeout=BODY_S,
    )
    server.add_sockets(sockets)
    return server


def _stop_signal() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set; a second signal ends the process at once."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def on_signal() -> None:
        stop.set()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(each)

    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, on_signal)
    return stop


async def _announce(running: Running, sockets: list[socket.socket]) -> None:
    host, port = running.settings.host, sockets[0].getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{port}"
    print(f"Tollgate {__version__} is ready at {url}", flush=True)
    if running.first is not None and running.first.password is not None:
        print(f"Sign in as root with this password, shown only now: {running.first.password}")
    if running.settings.demo:
        secret = await demo.set_up(running.directory)
        print(demo.instructions(url, secret, str(running.settings.data_dir)))
    sys.stdout.flush()


async def _until_stopped(running: Running, stop: asyncio.Event) -> int:
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
    return DATABASE_LOST


async def _shut_down(running: Running, servers: list[HTTPServer]) -> None:
    """Stop listening, let open requests finish, and close the books."""
    for server in servers:
        server.stop()
    await running.relay.drain(running.settings.drain_timeout_s)
    with suppress(TimeoutError):
        async with asyncio.timeout(1.0):
            for server in servers:
                await server.close_all_connections()
    await running.close()
