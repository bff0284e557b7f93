"""How images are fetched: one request over a connection of its own, carried by aiohttp.

Loaded with the first image that is fetched.
"""

import socket
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from gateway.relay.fetch import Resolve

PIECE_BYTES = 64 << 10

MakeSocket = Callable[[tuple[Any, ...]], socket.socket]


class Got(NamedTuple):
    """An answer. Header names are in lower case; `content` is None where it was too long."""

    status: int
    headers: Mapping[str, str]
    content: bytes | None


class FetchSession:
    """Asks for one thing after another. Connections are never used again.

    `make_socket` makes them, and refuses addresses that may not be reached; `resolve` replaces the
    system's resolver.
    """

    def __init__(self, make_socket: MakeSocket | None, resolve: Resolve | None) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                use_dns_cache=False,
                force_close=True,
                resolver=_Resolver(resolve) if resolve is not None else None,
                socket_factory=make_socket,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )

    async def get(
        self, url: URL, headers: Mapping[str, str], proxy_url: str | None, max_bytes: int
    ) -> Got:
        """Return what is there, with its content if it says 200. Raises OSError."""
        try:
            async with self._session.get(
                url, headers=headers, allow_redirects=False, proxy=proxy_url
            ) as answer:
                said = {name.lower(): value for name, value in answer.headers.items()}
                content = await _read(answer, max_bytes) if answer.status == 200 else b""
                return Got(answer.status, said, content)
        except aiohttp.ClientError as error:
            raise OSError(f"{type(error).__name__}: {error}") from error

    async def aclose(self) -> None:
        """Close what is open."""
        await self._session.close()


async def _read(answer: aiohttp.ClientResponse, max_bytes: int) -> bytes | None:
    if (answer.content_length or 0) > max_bytes:
        return None
    pieces, size = [], 0
    while piece := await answer.content.read(PIECE_BYTES):
        pieces.append(piece)
        size += len(piece)
        if size > max_bytes:
            return None
    return b"".join(pieces)


class _Resolver(AbstractResolver):
    """The given resolver as aiohttp wants it."""

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._resolve(host, port)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in found
        ]

    async def close(self) -> None:
        """Nothing is open."""
