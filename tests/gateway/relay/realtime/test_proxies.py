"""Realtime sessions whose upstream is behind a proxy, its own or that of all."""

import asyncio
import datetime
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from websockets.exceptions import InvalidStatus

from gateway.providers.tunnel import Tunnel
from tests.fakes.proxies import FakeProxy
from tests.fakes.realtime import FakeRealtime
from tests.gateway.relay.conftest import Gate
from tests.gateway.relay.realtime.conftest import CREATE, TURN, talk

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOGIN = ("me", "s3cret!%20")
ESCAPED = "me:s3cret!%2520"
NAME = "realtime.invalid"  # only the proxies know it


def named(proxy: FakeProxy, scheme: str = "") -> str:
    """The proxy's address as it is entered, its password escaped."""
    address = proxy.url.replace(":".join(LOGIN), ESCAPED)
    return address.replace(f"{proxy.scheme}://", f"{scheme or proxy.scheme}://")


def port_of(realtime: FakeRealtime) -> int:
    return int(realtime.url.rpartition(":")[2])


async def refused(gate: Gate, secret: str, model: str) -> InvalidStatus:
    with pytest.raises(InvalidStatus) as raised:
        async with talk(gate, secret, model):
            pass
    return raised.value


@pytest.mark.parametrize("scheme", ["http", "socks5", "socks5h"])
async def test_a_channels_own_proxy(gate: Gate, realtime: FakeRealtime, scheme: str) -> None:
    model = f"by-{scheme}"
    await gate.price({"model": model, "input": "1", "output": "2"})
    key, secret = await gate.key("1")
    async with FakeProxy(scheme.removesuffix("h"), LOGIN) as proxy:
        proxy.hosts[NAME] = "127.0.0.1"
        base_url = f"http://{NAME}:{port_of(realtime)}"
        channel = await gate.channel(model, base_url=base_url, proxy=named(proxy, scheme))
        async with talk(gate, secret, model) as client:
            for _ in range(2):
                await client.say(CREATE)
                await client.until("response.done")
        assert proxy.reached == [(NAME, port_of(realtime))] and not proxy.refused
        ((_, headers),) = realtime.asked
        assert headers["host"].startswith(NAME) and not any("proxy" in name for name in headers)
        # A wrong login is a failure of this channel: another one serves, and nothing leaks.
        wrong = named(proxy, scheme).replace("me:", "you:")
        await gate.running.directory.channels.update(channel.id, {"proxy": wrong, "priority": 5})
        error = await refused(gate, secret, model)
        assert error.response.status_code == 502 and proxy.refused == 1
        assert "s3cret" not in str(error.response.body) and len(realtime.asked) == 1
        second = await gate.channel(model, base_url=realtime.url)
        options = gate.running.directory.options
        await options.set("RetryTimes", 1)
        try:
            async with talk(gate, secret, model) as client:
                await client.say(CREATE)
                await client.until("response.done")
        finally:
            await options.set("RetryTimes", 0)
        assert proxy.refused >= 1 and len(proxy.reached) == 1
    await gate.settled()
    found = await gate.events_of(key)
    assert len(found) == 3 and "s3cret" not in str(found)
    assert {event["body"]["channel"] for event in found} == {channel.id, second.id}


async def test_the_proxy_of_all(gate: Gate, realtime: FakeRealtime) -> None:
    ways = gate.running.relay.ways
    usual = ways.usual
    key, secret = await gate.key("1")
    async with FakeProxy("socks5", LOGIN) as proxy:
        ways.usual = replace(usual, proxy=named(proxy))
        try:
            async with talk(gate, secret) as client:
                await client.say(CREATE)
                await client.until("response.done")
            assert proxy.reached == [("127.0.0.1", port_of(realtime))]
            ways.usual = replace(usual, proxy="https://127.0.0.1:9")
            assert (await refused(gate, secret, "speech")).response.status_code == 502
        finally:
            ways.usual = usual
    await gate.settled()
    assert [event["amount"] for event in await gate.events_of(key)] == [-TURN]
    assert len(realtime.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 503 No way\r\n\r\n",
        b"HTTP/1.1 2000\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200",
        b"",
        b"x" * 20_000,
    ],
)
async def test_proxies_that_do_not_connect(
    gate: Gate, realtime: FakeRealtime, answer: bytes
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        port = server.sockets[0].getsockname()[1]
        tunnel = Tunnel(f"http://u:s3cret@127.0.0.1:{port}")
        with pytest.raises(ConnectionError, match="the proxy") as raised:
            await tunnel.connect("127.0.0.1", port_of(realtime), timeout=10)
        assert "s3cret" not in str(raised.value)
    finally:
        server.close()


async def test_a_slow_proxy_and_an_answer_in_pieces(gate: Gate, realtime: FakeRealtime) -> None:
    """Not a byte of the proxy's answer is left over, and none comes in time from a silent one."""
    asked = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if b"CONNECT silent" in head:
            asked.set()
            await reader.read()
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nX-One: 1\r")
            await writer.drain()
            writer.write(b"\nX-Two: 2\r\n\r\nhello")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        tunnel = Tunnel(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        stream = await tunnel.connect("upstream", 80, timeout=10)
        assert await stream.read_until_close() == b"hello"
        with pytest.raises(TimeoutError):
            await tunnel.connect("silent", 80, timeout=datetime.timedelta(seconds=0.2))
        assert asked.is_set()
    finally:
        server.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A certificate of NAME's own, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(secret + signed.public_bytes(serialization.Encoding.PEM))
    yield path


@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_tls_is_with_the_upstream(
    gate: Gate, certificate: Path, scheme: str, monkeypatch: Any, caplog: Any
) -> None:
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(certificate)
    ours = ssl.create_default_context(cafile=str(certificate))
    model = f"tls-{scheme}"
    await gate.price({"model": model, "input": "1"})
    _, secret = await gate.key("1")
    async with FakeRealtime(theirs) as upstream, FakeProxy(scheme, LOGIN) as proxy:
        for name in (NAME, "other.invalid"):
            proxy.hosts[name] = "127.0.0.1"
        port = port_of(upstream)
        base_url = f"https://{NAME}:{port}"
        channel = await gate.channel(model, base_url=base_url, proxy=named(proxy))
        assert (await refused(gate, secret, model)).response.status_code == 502  # nobody vouches
        monkeypatch.setattr("tornado.simple_httpclient._client_ssl_defaults", lambda: ours)
        async with talk(gate, secret, model) as client:
            await client.say(CREATE)
            await client.until("response.done")
        update = gate.running.directory.channels.update
        await update(channel.id, {"base_url": f"https://other.invalid:{port}"})
        error = await refused(gate, secret, model)  # vouched for, but as somebody else
        assert error.response.status_code == 502
        assert len(proxy.reached) == 3 and len(upstream.asked) == 1
    await gate.settled()
    caplog.clear()
