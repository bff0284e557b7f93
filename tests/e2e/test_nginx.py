"""Two gateways behind the nginx of conf/nginx.conf: streams come as they are made, clients keep
their addresses, and a gateway that is stopped is not noticed."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.nginx import Nginx
from tests.e2e.server import Person, Server
from tests.fakes.upstream import Behaviour, FakeUpstream
from tests.waiting import until

pytestmark = [
    pytest.mark.database,
    pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed"),
]
MODEL = "gpt-4o-mini"
FIRST_BYTES_S = 10


@pytest.fixture
def pair(tmp_path: Path, database_url: str, database_name: str) -> Iterator[list[Server]]:
    shared = {"MONGO_URL": database_url, "MONGO_DB": database_name}
    trust = {"TRUSTED_PROXIES": "127.0.0.1/32", "SESSION_SECRET": "s" * 43}
    first = Server(tmp_path / "one", **shared, **trust).start()
    second = Server(tmp_path / "two", **shared, **trust).start()
    yield [first, second]
    first.stop()
    second.stop()


def body(**more: object) -> dict[str, object]:
    return {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], **more}


async def first_bytes_come_first(http: httpx.AsyncClient, upstream: FakeUpstream) -> None:
    """Read the first words of a stream whose upstream says no more until they were read."""
    asked = body(stream=True, fake={"hang_after": 2})
    async with http.stream("POST", "/v1/chat/completions", json=asked) as answer:
        assert answer.status_code == 200, await answer.aread()
        lines = answer.aiter_lines()
        async with asyncio.timeout(FIRST_BYTES_S):
            while "Hello" not in await anext(lines):
                continue
        assert not upstream.released.is_set()
        upstream.released.set()
        rest = [line async for line in lines if line]
    assert rest[-1] == "data: [DONE]", rest
    upstream.released.clear()


async def known_to(server: Server, person: Person) -> None:
    """Wait until a server knows of a channel and of a person's keys."""
    key = person.add_key()["key"]
    headers = {"Authorization": f"Bearer sk-{key}"}
    async with httpx.AsyncClient(base_url=server.url, headers=headers, trust_env=False) as http:

        async def lists() -> bool:
            return MODEL in (await http.get("/v1/models")).text

        await until(lists, what="a server lists the model")


async def test_streams_addresses_and_a_gateway_that_stops(
    tmp_path: Path, pair: list[Server]
) -> None:
    first, second = pair
    async with FakeUpstream(Behaviour()) as upstream:
        fields = {"type": 1, "key": "up", "models": MODEL, "base_url": upstream.url}
        await asyncio.to_thread(lambda: first.add_channel(**fields))
        person = await asyncio.to_thread(first.add_user, "behind", 5_000_000)
        key = (await asyncio.to_thread(lambda: person.add_key(subnet="127.0.0.5/32")))["key"]
        await known_to(second, person)
        with Nginx(tmp_path / "nginx", pair) as nginx:

            def client(address: str) -> httpx.AsyncClient:
                transport = httpx.AsyncHTTPTransport(local_address=address)
                headers = {"Authorization": f"Bearer sk-{key}"}
                return httpx.AsyncClient(
                    base_url=nginx.url, transport=transport, timeout=30, headers=headers
                )

            async with client("127.0.0.5") as known, client("127.0.0.6") as other:
                for _ in range(4):  # both gateways, as requests go to the less busy one in turns
                    await first_bytes_come_first(known, upstream)
                refused = await other.post("/v1/chat/completions", json=body())
                assert refused.status_code == 403, refused.text
                await asyncio.to_thread(second.stop)
                answers = [await known.post("/v1/chat/completions", json=body()) for _ in range(6)]
            assert [answer.status_code for answer in answers] == [200] * 6
        events = {answer.headers["x-tollgate-event"] for answer in answers}
        assert len(events) == 6
    charged = [event for event in first.events() if event["type"] == "usage.charged"]
    assert len(charged) == 10
    assert "books balance" in first.verified()
