"""A whole gateway in this process, on real sockets, beside a fake upstream."""

import asyncio
import ssl
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

# Loaded here, first prices are made in this process, not in one for each gateway.
import genai_prices.data  # noqa: F401
import httpx
import openai
import pytest
import pytest_asyncio

from gateway.app import Running, build
from gateway.directory.channels import Channel
from gateway.directory.keys import Key
from gateway.directory.users import ROOT_ID
from gateway.http import DROP_FACTOR
from gateway.settings import Settings
from ledger import accounts
from ledger.events import Draft
from ledger.money import parse_usd
from ledger.store import Store
from ledger.verify import verify
from tests.fakes.upstream import Behaviour, FakeUpstream
from tests.listening import Listening
from tests.waiting import until

# USD per million tokens: a token of input is 1,000 nano-dollars, of output 4,000.
ROW = {"model": "m", "input": "1", "cached": "0.5", "output": "4"}
DEADLINE_S = 10.0
SECRET = "upstream-secret"
# For clients of a gateway without TLS: reading the authorities' certificates is what takes longest
# in making one.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@dataclass
class Gate:
    """The gateway under test and what belongs to it."""

    running: Running
    upstream: FakeUpstream
    url: str
    http: httpx.AsyncClient
    clients: list[openai.AsyncOpenAI] = field(default_factory=list)

    @property
    def books(self) -> Any:
        """The open books."""
        return self.running.books

    async def channel(self, *models: str, **changes: Any) -> Channel:
        """Add a channel to the fake upstream, or of another type."""
        given = {"type": 1, "name": "t", "base_url": self.upstream.url, "models": list(models)}
        return await self.running.directory.channels.create({**given, **changes}, SECRET)

    async def price(self, *rows: dict[str, Any]) -> None:
        """Publish prices."""
        await self.books.prices.publish(self.books, author="user:1", note="", set_rows=rows)

    async def key(self, usd: str | None = None, **changes: Any) -> tuple[Key, str]:
        """Make a key of root's, limited to an amount if one is given."""
        fields = {"unlimited": usd is None, **changes}
        key, secret = await self.running.directory.keys.create(ROOT_ID, fields)
        if usd is not None:
            body = {"reason": "test", "from_nano": None, "to_nano": None}
            await self.books.record(
                Draft(
                    f"adjust:{uuid.uuid4().hex}",
                    "balance.adjusted",
                    key.account,
                    parse_usd(usd),
                    "user:1",
                    body,
                )
            )
        return key, secret

    def client(self, secret: str, **options: Any) -> openai.AsyncOpenAI:
        """The official client, unmodified."""
        http = httpx.AsyncClient(verify=NO_TLS)
        options = {"max_retries": 0, "base_url": f"{self.url}/v1", "http_client": http, **options}
        self.clients.append(openai.AsyncOpenAI(api_key=f"sk-{secret}", **options))
        return self.clients[-1]

    async def post(self, secret: str, body: Any, path: str = "/v1/chat/completions") -> Any:
        """Post by hand; the whole answer."""
        content = body if isinstance(body, bytes) else None
        json = None if content is not None else body
        headers = {"authorization": f"Bearer sk-{secret}"}
        return await self.http.post(path, content=content, json=json, headers=headers)

    async def event(self, request_id: str) -> dict[str, Any]:
        """Wait for the charge of a request."""
        find, wanted = self.books.store.find_one, {"_id": f"usage:{request_id}"}
        return dict(await until(lambda: find("events", wanted), what=f"a charge {wanted}"))

    async def charge_of(self, response: Any) -> dict[str, Any]:
        """Return the event of an answer."""
        return await self.event(response.headers["x-request-id"])

    async def events_of(self, key: Key) -> list[dict[str, Any]]:
        """Return all charges of a key."""
        found = await self.books.store.find_list(
            "events", {"type": "usage.charged", "actor": key.account}
        )
        return list(found)

    async def settled(self) -> None:
        """Wait until no request is open."""
        if self.running.relay.exchanges:
            await asyncio.wait_for(self.running.relay.idle.wait(), DEADLINE_S)

    async def balance(self, account: str) -> int:
        """Return what is on an account once all events are in it."""
        await self.books.projector.until(self.books.projector.fed)
        return accounts.balance_nano(await accounts.read(self.books.store, account))

    def settings(self, **changes: Any) -> None:
        """Change settings of the running relay."""
        relay = self.running.relay
        relay.settings = replace(relay.settings, **changes)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running_gate(
    database_url: str,
    database_stays: bool,
    mongo_driver: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Gate]:
    """One gateway for a module."""
    settings = Settings(
        api_rate_limit=0,
        web_rate_limit=0,
        mongo_url=database_url,
        mongo_db=f"relay_{uuid.uuid4().hex[:12]}",
        mongo_driver=mongo_driver,
        data_dir=Path(tmp_path_factory.mktemp("data")),
        initial_root_password="root-password",
        max_body_bytes=200_000,
        hold_wait_s=1,
    )
    running = await build(settings)
    listening = Listening(running.application, settings.max_body_bytes * DROP_FACTOR)
    url = listening.url
    try:
        async with FakeUpstream() as upstream, httpx.AsyncClient(base_url=url) as http:
            gate = Gate(running, upstream, url, http)
            await gate.price(ROW)
            await gate.channel("m")
            yield gate
        await gate.settled()
        report = await verify(gate.books.store)
        assert report.ok, report.lines
    finally:
        await listening.close()
        await running.relay.drain(5)
        await running.close()
        if database_stays:
            store = await Store.connect(database_url, settings.mongo_db, mongo_driver)
            await store.drop_database()
            await store.close()


@pytest_asyncio.fixture(loop_scope="module")
async def gate(running_gate: Gate) -> AsyncIterator[Gate]:
    """The gateway, with the upstream and the settings as usual."""
    running_gate.upstream.behaviour = Behaviour()
    running_gate.upstream.received.clear()
    running_gate.upstream.released.clear()
    running_gate.upstream.gone.clear()
    running_gate.settings(disconnect_policy="drain", allow_unpriced_models=False)
    yield running_gate
    while running_gate.clients:
        await running_gate.clients.pop().close()
