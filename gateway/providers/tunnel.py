"""TCP and TLS to an upstream through a proxy, for what speaks no HTTP beyond its handshake.

HTTP proxies are asked to CONNECT (RFC 9110, 9.3.6), SOCKS5 ones as RFC 1928 and 1929 say. Names are
resolved by the proxy. TLS is between the upstream and us: its certificate is checked against the
upstream's name, and the proxy sees none of what is said. Messages never hold the proxy's password.
"""

import asyncio
import base64
import datetime
import socket
import ssl
from typing import Any
from urllib.parse import unquote, urlsplit

from tornado.iostream import IOStream, StreamClosedError
from tornado.tcpclient import TCPClient

_HTTP_PORT = 80
_MAX_HEAD_BYTES = 16 << 10


class Tunnel(TCPClient):
    """Connects through one proxy. `proxy` is an address that directory/proxies.py let pass.

    Raises LookupError for a proxy that is itself reached by TLS (https://): TLS inside TLS is more
    than a socket can do.
    """

    def __init__(self, proxy: str) -> None:
        super().__init__()
        self._address = proxy
        self._parts = urlsplit(proxy)
        if self._parts.scheme == "https":
            raise LookupError("sessions can't go through a proxy whose address begins with https:")

    async def connect(
        self,
        host: str,
        port: int,
        af: socket.AddressFamily = socket.AF_UNSPEC,
        ssl_options: dict[str, Any] | ssl.SSLContext | None = None,
        max_buffer_size: int | None = None,
        source_ip: str | None = None,
        source_port: int | None = None,
        timeout: float | datetime.timedelta | None = None,  # noqa: ASYNC109, as tornado has it
    ) -> IOStream:
        """Return a stream to the upstream, by TLS where `ssl_options` are given.

        `timeout` (seconds) is for all of it. Raises OSError, StreamClosedError or TimeoutError.
        """
        if isinstance(timeout, datetime.timedelta):
            timeout = timeout.total_seconds()
        socks = self._parts.scheme.startswith("socks")
        async with asyncio.timeout(timeout):
            opened = self._by_socks if socks else self._by_http
            stream = await opened(host, port, max_buffer_size)
            if ssl_options is None:
                return stream
            secured = stream.start_tls(False, ssl_options=ssl_options, server_hostname=host)
            try:
                return await secured
            finally:
                secured.cancel()  # one that is given up closes its socket

    async def _by_socks(self, host: str, port: int, max_buffer_size: int | None) -> IOStream:
        from python_socks import ProxyError  # few have such a proxy
        from python_socks.async_.asyncio import Proxy

        address = self._address.replace("socks5h://", "socks5://", 1)
        proxy = Proxy.from_url(address, rdns=True)
        try:
            return IOStream(await proxy.connect(host, port), max_buffer_size=max_buffer_size)
        except ProxyError as error:
            raise ConnectionError(f"the proxy did not connect: {error}") from error

    async def _by_http(self, host: str, port: int, max_buffer_size: int | None) -> IOStream:
        parts = self._parts
        assert parts.hostname is not None
        proxy_port = parts.port or _HTTP_PORT
        stream = await super().connect(parts.hostname, proxy_port, max_buffer_size=max_buffer_size)
        try:
            place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            asked = f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n{self._login()}\r\n"
            await stream.write(asked.encode())
            # Not a byte more: what follows is the upstream's.
            head = await stream.read_until(b"\r\n\r\n", max_bytes=_MAX_HEAD_BYTES)
        except StreamClosedError as error:
            raise ConnectionError("the proxy broke off") from error
        except BaseException:
            stream.close()
            raise
        status = head.split(b"\r\n", 1)[0].split(b" ")[1:2]
        if len(status) != 1 or len(status[0]) != 3 or not status[0].startswith(b"2"):
            stream.close()
            said = head[:100].split(b"\r\n", 1)[0].decode("ascii", "replace")
            raise ConnectionError(f"the proxy did not connect: {said}")
        return stream

    def _login(self) -> str:
        if self._parts.username is None:
            return ""
        who = f"{unquote(self._parts.username)}:{unquote(self._parts.password or '')}"
        # As aiohttp writes it for all other requests.
        written = base64.b64encode(who.encode("latin-1", "replace")).decode()
        return f"Proxy-Authorization: Basic {written}\r\n"
