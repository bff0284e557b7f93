"""Fetching what users link to: an honest server, and every way to lead a fetcher astray."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from tornado.httpserver import HTTPServer
from tornado.iostream import StreamClosedError
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from gateway.addresses import is_web_port, may_connect, networks
from gateway.relay.fetch import MAX_URL, FetchFailed, Image, ImageFetcher

PNG = b"\x89PNG\r\n\x1a\n" + bytes(500)
HERE = networks("127.0.0.1")


@dataclass
class Web:
    """A web server on two addresses, of which the tests' fetchers may reach the first."""

    port: int
    paths: list[str] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}/{path}"


class _Page(RequestHandler):
    def initialize(self, web: Web) -> None:
        self.web = web

    async def get(self, path: str) -> None:
        self.web.paths.append(path)
        self.set_header("Content-Type", "image/png")
        name, _, rest = path.partition("/")
        if name == "to":
            self.set_status(302)
            self.set_header("Location", self.get_query_argument("url"))
        elif name == "loop":
            self.redirect(f"/loop/{int(rest or 0) + 1}")
        elif name == "slow":
            await self.web.released.wait()
        elif name == "endless":
            await self._endless()
        elif name == "bomb":
            self.set_header("Content-Encoding", "gzip")
            self.write(gzip.compress(PNG + bytes(50_000_000)))
        elif name == "html":
            self.set_header("Content-Type", "text/html")
            self.write(PNG)
        elif name == "lie":
            self.write(b"<svg onload='x'/>")
        elif name == "opaque":
            self.set_header("Content-Type", "application/octet-stream")
            self.write(PNG)
        elif name == "gone":
            self.set_status(404)
        else:
            self.write(PNG)

    async def _endless(self) -> None:
        try:
            while True:
                self.write(PNG * 100)
                await self.flush()
        except StreamClosedError:
            return


@asynccontextmanager
async def serving() -> AsyncIterator[Web]:
    """A server, open."""
    (first,) = bind_sockets(0, "127.0.0.1")
    served = Web(first.getsockname()[1])
    server = HTTPServer(Application([(r"(?:http://[^/]+)?/(.*)", _Page, {"web": served})]))
    server.add_sockets([first, *bind_sockets(served.port, "127.0.0.2")])
    yield served
    served.released.set()
    server.stop()
    await server.close_all_connections()


@pytest_asyncio.fixture
async def web() -> AsyncIterator[Web]:
    async with serving() as served:
        yield served


@pytest_asyncio.fixture
async def fetcher() -> AsyncIterator[ImageFetcher]:
    made = ImageFetcher(timeout_s=5, allowed=HERE, max_bytes=100_000)
    yield made
    await made.aclose()


@pytest.mark.parametrize("path", ["cat.png", "opaque", "to?url=/cat.png"])
async def test_an_image_is_fetched(web: Web, fetcher: ImageFetcher, path: str) -> None:
    assert await fetcher.image(web.url(path)) == Image(PNG, "image/png")


@pytest.mark.parametrize("path", ["html", "lie", "bomb", "gone", "loop", "endless"])
async def test_what_is_no_image_or_has_no_end_is_refused(
    web: Web, fetcher: ImageFetcher, path: str
) -> None:
    with pytest.raises(FetchFailed):
        await fetcher.image(web.url(path))
    assert len(web.paths) <= 4


async def test_a_server_that_is_too_slow_is_left(web: Web) -> None:
    fetcher = ImageFetcher(timeout_s=0.1, allowed=HERE)
    with pytest.raises(FetchFailed, match="took too long"):
        await fetcher.image(web.url("slow"))
    await fetcher.aclose()


async def test_nothing_of_ours_is_reached_by_default(web: Web) -> None:
    fetcher = ImageFetcher(timeout_s=5)
    hosts = ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "localhost"]
    hosts += ["[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "[::]", "127.0.0.1.", "LOCALHOST"]
    for host in hosts:
        with pytest.raises(FetchFailed):
            await fetcher.image(web.url("cat.png", host))
    assert not web.paths
    await fetcher.aclose()


async def test_a_redirect_to_a_private_address_is_not_followed(
    web: Web, fetcher: ImageFetcher
) -> None:
    for target in (web.url("secret", "127.0.0.2"), "http://169.254.169.254/", "file:///etc/passwd"):
        with pytest.raises(FetchFailed):
            await fetcher.image(web.url(f"to?url={target}"))
    assert set(web.paths) == {"to"}


async def test_a_name_is_judged_by_the_address_that_is_connected_to(web: Web) -> None:
    """Rebinding: the name points somewhere else at every look; each connection has one look."""
    looks: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        looks.append(host)
        return ["127.0.0.1"] if len(looks) % 2 else ["127.0.0.2"]

    fetcher = ImageFetcher(timeout_s=5, allowed=HERE, resolve=resolve)
    for reached in (True, False, True, False):
        before = len(looks)
        if reached:
            await fetcher.image(web.url("cat.png", "rebinding.example"))
        else:
            with pytest.raises(FetchFailed):
                await fetcher.image(web.url("secret", "rebinding.example"))
        assert len(looks) == before + 1
    assert web.paths == ["cat.png", "cat.png"]
    await fetcher.aclose()


async def test_a_redirect_is_looked_up_anew(web: Web) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.2"] if host == "inner.example" else ["127.0.0.1"]

    fetcher = ImageFetcher(timeout_s=5, allowed=HERE, resolve=resolve)
    inner = web.url("secret", "inner.example")
    with pytest.raises(FetchFailed):
        await fetcher.image(web.url(f"to?url={inner}", "outer.example"))
    assert web.paths == ["to"]
    await fetcher.aclose()


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/x.png",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "http://user:secret@127.0.0.1/x.png",
        "http:///x.png",
        "http://[::1",
        "data:image/png;base64,AA",
        "//127.0.0.1/x",
        "",
        "http://127.0.0.1/" + "x" * MAX_URL,
    ],
)
async def test_what_is_no_address_of_the_web_is_refused(fetcher: ImageFetcher, url: str) -> None:
    with pytest.raises(FetchFailed):
        await fetcher.image(url)


async def test_a_proxy_is_used_and_written_private_addresses_are_refused(web: Web) -> None:
    fetcher = ImageFetcher(timeout_s=5, proxy_url=f"http://127.0.0.1:{web.port}")
    assert (await fetcher.image("http://pictures.example/cat.png")).content == PNG
    for host in (
        "10.0.0.1",
        "localhost",
        "[::1]",
        "169.254.169.254",
        "127.1",
        "2130706433",
        "0x7f.1",
    ):
        with pytest.raises(FetchFailed):
            await fetcher.image(f"http://{host}/secret")
    assert len(web.paths) == 1 and web.paths[0].endswith("cat.png")
    await fetcher.aclose()


@pytest.mark.parametrize(
    "address",
    """127.0.0.1 10.0.0.1 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 100.100.100.200 0.0.0.0
    192.0.0.192 198.18.0.1 224.0.0.1 240.0.0.1 255.255.255.255 168.63.129.16 192.0.2.1
    ::1 :: ::ffff:8.8.8.8 ::ffff:127.0.0.1 ::127.0.0.1 fe80::1 fe80::1%eth0 fd00:ec2::254 fc00::1
    ff02::1 64:ff9b::7f00:1 64:ff9b:1::7f00:1 2002:7f00:1:: 2001:0:7f00:1:: 2001:db8::1 fec0::1
    nonsense 127.1 2130706433""".split(),
)
def test_addresses_that_are_not_of_the_open_internet(address: str) -> None:
    assert not may_connect(address, ())


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450::1"])
def test_addresses_of_the_open_internet(address: str) -> None:
    assert may_connect(address, ())


@given(st.ip_addresses(v=6, network="::ffff:0:0/96") | st.ip_addresses(network="10.0.0.0/8"))
def test_private_and_mapped_addresses_need_leave(address: object) -> None:
    assert not may_connect(str(address), ())
    assert may_connect(str(address), networks("::ffff:0:0/96, 10.0.0.0/8"))


def test_ports_and_networks() -> None:
    assert [is_web_port(port) for port in (80, 443, 8443, 25, 22, None)] == [True] * 3 + [False] * 3
    with pytest.raises(ValueError, match="give networks"):
        networks("10.0.0.1/8")
