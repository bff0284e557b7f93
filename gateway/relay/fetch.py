"""Fetching what a user's request links to, without becoming a way into the network behind us.

The check of an address happens when the connection is made, to exactly the address that it is made
to: what a name resolves to before or afterwards does not matter. Redirects are followed by hand,
few, each checked like the first URL. Time and size are bounded; nothing is unpacked, so that
nothing can unfold. Whatever goes wrong, the user hears the same: no port scanner is offered.
"""

import asyncio
import logging
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from yarl import URL

from gateway.addresses import Network, is_web_port, may_connect

if TYPE_CHECKING:
    from gateway.relay.fetch_session import FetchSession

MAX_URL = 4_096
MAX_BYTES = 20 << 20
MOST_REDIRECTS = 3
MOST_AT_ONCE = 32
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEADERS = {"Accept": "image/*", "Accept-Encoding": "identity"}

# By their first bytes: what upstreams take as images. Content types lie, in both directions.
_MAGIC = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypheix", "image/heic"),
    (4, b"ftypmif1", "image/heif"),
)
_OPAQUE = ("", "application/octet-stream", "binary/octet-stream")

# A host whose last part is one is an address, in one of its many spellings (WHATWG, URL).
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
log = logging.getLogger("tollgate.relay")


class FetchFailed(Exception):
    """It could not be had, or may not. The text is for our own log, never for the user."""


class _NotAllowed(OSError):
    """An address that users may not reach."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image and its type, as its own bytes tell it."""

    content: bytes
    content_type: str


class ImageFetcher:
    """Fetches images from the open internet.

    `timeout_s` is for one image, waiting for a turn and redirects included. Through a proxy, names
    are resolved by the proxy, which then has to be the one that keeps private addresses out of
    reach; addresses that are written as such are refused here all the same. `resolve` replaces the
    system's resolver.
    """

    def __init__(
        self,
        *,
        timeout_s: float,
        allowed: Sequence[Network] = (),
        proxy_url: str | None = None,
        resolve: Resolve | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._timeout_s = timeout_s
        self._allowed = tuple(allowed)
        self._proxy_url = proxy_url
        self._resolve = resolve
        self._max_bytes = max_bytes
        self._slots = asyncio.Semaphore(MOST_AT_ONCE)
        self._session: FetchSession | None = None

    async def image(self, url: str) -> Image:
        """Return the image at an address. Raises FetchFailed."""
        try:
            async with asyncio.timeout(self._timeout_s), self._slots:
                return await self._follow(url)
        except TimeoutError:
            raise FetchFailed("took too long") from None
        except (OSError, ValueError) as error:
            raise FetchFailed(f"{type(error).__name__}: {error}"[:300]) from None

    async def aclose(self) -> None:
        """Close what is open."""
        if self._session is not None:
            await self._session.aclose()

    async def _follow(self, url: str) -> Image:
        for _ in range(MOST_REDIRECTS + 1):
            found = await self._get(self._checked(url))
            if isinstance(found, Image):
                return found
            url = urljoin(url, found)
        raise FetchFailed("redirected too often")

    def _checked(self, url: str) -> URL:
        """Return a URL that may be tried; its host is checked once more at the connection."""
        if len(url) > MAX_URL:
            raise FetchFailed("the address is too long")
        parsed = URL(url)
        if parsed.scheme not in ("http", "https") or not parsed.host or parsed.user is not None:
            raise FetchFailed("not an address of the web")
        host = parsed.host.rstrip(".").lower()
        literal = ":" in host or _NUMERIC.fullmatch(host.rpartition(".")[2]) is not None
        local = host == "localhost" or host.endswith(".localhost")
        if (literal or local) and self._proxy_url is not None and not self._may(host):
            raise FetchFailed("not an address of the open internet")
        if not is_web_port(parsed.port):
            raise FetchFailed("not a port of the web")
        return parsed

    async def _get(self, url: URL) -> Image | str:
        """Return what is there, or where it is now."""
        got = await self._opened().get(url, _HEADERS, self._proxy_url, self._max_bytes)
        if got.status in _REDIRECTS:
            location = got.headers.get("location")
            if not location:
                raise FetchFailed("redirected to nowhere")
            return location
        if got.status != 200:
            raise FetchFailed(f"answered with status {got.status}")
        if got.headers.get("content-encoding", "identity").lower() != "identity":
            raise FetchFailed("is compressed, which was not asked for")
        if got.content is None:
            raise FetchFailed("is too large")
        kind = got.headers.get("content-type", "").partition(";")[0].strip().lower()
        return _image(got.content, kind)

    def _may(self, host: str) -> bool:
        return may_connect(host, self._allowed)

    def _opened(self) -> "FetchSession":
        """Make the session on first use, inside the running loop."""
        if self._session is None:
            from gateway.relay.fetch_session import FetchSession  # brings aiohttp

            checked = self._socket if self._proxy_url is None else None
            self._session = FetchSession(checked, self._resolve)
        return self._session

    def _socket(self, address: tuple[Any, ...]) -> socket.socket:
        """Make the socket for a connection to an address, unless it may not be reached."""
        family, kind, protocol, _, place = address
        if not self._may(str(place[0])):
            raise _NotAllowed("not an address of the open internet")
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        return made


def _image(content: bytes, said: str) -> Image:
    if not said.startswith("image/") and said not in _OPAQUE:
        raise FetchFailed(f"is {said[:60]}, which is no image")
    for start, magic, kind in _MAGIC:
        if content[start : start + len(magic)] == magic:
            return Image(content, kind)
    raise FetchFailed("is no image of a known kind")
