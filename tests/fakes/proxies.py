"""Tiny real proxies on real sockets: SOCKS5 (RFC 1928, 1929) and HTTP (absolute form, CONNECT).

Each keeps what it was asked to reach, and by whom. With `login` it wants that user and password.
"""

from __future__ import annotations

import asyncio
import base64
import struct
from contextlib import suppress

Login = tuple[str, str]
Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter


class FakeProxy:
    """Either proxy. Use as `async with FakeProxy("socks5") as proxy`.

    `hosts` maps names that only the proxy knows to the address where they are.
    """

    def __init__(self, scheme: str, login: Login | None = None) -> None:
        self.scheme, self.login = scheme, login
        self.reached: list[tuple[str, int]] = []
        self.refused = 0
        self.hosts: dict[str, str] = {}
        self._open: dict[asyncio.Task[None], Writer] = {}
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """Its address, with the login if it wants one."""
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        who = "" if self.login is None else f"{self.login[0]}:{self.login[1]}@"
        return f"{self.scheme}://{who}127.0.0.1:{port}"

    async def __aenter__(self) -> FakeProxy:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._open.values():
            writer.close()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: Reader, writer: Writer) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open[task] = writer
        speak = self._http if self.scheme == "http" else self._socks
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await speak(reader, writer)
        finally:
            del self._open[task]
            writer.close()

    async def _socks(self, reader: Reader, writer: Writer) -> None:
        version, count = await reader.readexactly(2)
        methods = await reader.readexactly(count)
        method = 0 if self.login is None else 2
        assert version == 5
        writer.write(bytes([5, method if method in methods else 0xFF]))
        if method not in methods or (method == 2 and not await self._knows(reader, writer)):
            self.refused += 1
            return
        _, command, _, kind = await reader.readexactly(4)
        assert command == 1, "connect only"
        if kind == 1:
            host = ".".join(map(str, await reader.readexactly(4)))
        else:
            (length,) = await reader.readexactly(1)
            host = (await reader.readexactly(length)).decode()
        (port,) = struct.unpack(">H", await reader.readexactly(2))
        self.reached.append((host, port))
        try:
            upstream = await asyncio.open_connection(self.hosts.get(host, host), port)
        except OSError:
            writer.write(b"\x05\x05\x00\x01" + bytes(6))  # refused
            await writer.drain()
            return
        writer.write(b"\x05\x00\x00\x01" + bytes(6))
        await _join(reader, writer, *upstream)

    async def _knows(self, reader: Reader, writer: Writer) -> bool:
        said = []
        await reader.readexactly(1)
        for _ in range(2):
            (length,) = await reader.readexactly(1)
            said.append((await reader.readexactly(length)).decode())
        known = tuple(said) == self.login
        writer.write(bytes([1, 0 if known else 1]))
        await writer.drain()
        return known

    async def _http(self, reader: Reader, writer: Writer) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        headers = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
        if self.login is not None:
            wanted = base64.b64encode(":".join(self.login).encode()).decode()
            if headers.get("proxy-authorization") != f"basic {wanted}".lower():
                self.refused += 1
                writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
                await writer.drain()
                return
        place = target if method == "CONNECT" else target.split("/")[2]
        host, _, port = place.partition(":")
        self.reached.append((host, int(port or 80)))
        upstream = await asyncio.open_connection(self.hosts.get(host, host), int(port or 80))
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            # One request a connection: only the head of the first is looked at.
            first = f"{method} /{target.split('/', 3)[3]} HTTP/1.1"
            kept = [each for each in lines if not each.lower().startswith("proxy-")]
            head = "\r\n".join([first, "Connection: close", *kept]).encode("latin-1")
            upstream[1].write(head)
        await _join(reader, writer, *upstream)


async def _join(reader: Reader, writer: Writer, there: Reader, back: Writer) -> None:
    """Pass bytes both ways until one side ends."""
    tasks = [asyncio.create_task(_pump(*way)) for way in ((reader, back), (there, writer))]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        back.close()


async def _pump(source: Reader, sink: Writer) -> None:
    with suppress(OSError):
        while piece := await source.read(65_536):
            sink.write(piece)
            await sink.drain()
