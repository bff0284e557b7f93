"""A gateway that sends mail, and what arrives in the mailboxes."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import trustme

from gateway.directory.notices import MAIL, PUSHER, URL, WEBHOOK
from gateway.notices.mail import Mail
from gateway.notices.sender import Sender
from gateway.notices.ways import MessagePusher, UrlTemplate, Webhook
from gateway.providers.transport import UpstreamTransport
from gateway.providers.ways import Way
from gateway.turnstile import Turnstile
from gateway.web import Web
from ledger.store import Store
from tests.admin.harness import Nodes, Server, serve
from tests.fakes.mail import Arrived, MailServer
from tests.fakes.services import Services

AUTHORITY = trustme.CA()
PASSWORD = "long-enough-1"
WEB_ADDRESS = "http://gate.test"


def server_tls(authority: trustme.CA = AUTHORITY, name: str = "localhost") -> ssl.SSLContext:
    """What a mail server of this name has."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def client_tls() -> ssl.SSLContext:
    """What trusts the authority of the tests and no other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    AUTHORITY.configure_trust(context)
    return context


@dataclass
class Town(Nodes):
    """Two nodes on one database, a mail server, and other services."""

    mail: MailServer
    services: Services
    sender: Sender

    async def post(self) -> list[Arrived]:
        """Send what waits; return what arrived by it."""
        before = len(self.mail.arrived)
        await self.sender.run(asyncio.Event())
        return self.mail.arrived[before:]

    async def code(self, client: httpx.AsyncClient, mail: str) -> str:
        """Ask for a code and read it in the mailbox."""
        answer = await client.get("/api/verification", params={"email": mail})
        assert answer.status_code == 200, answer.text
        (arrived,) = await self.post()
        assert arrived.receivers == [mail.lower()]
        found = re.search(r"is ([0-9A-Z]{6})\.", arrived.text)
        assert found is not None, arrived.text
        return found[1]


@asynccontextmanager
async def town(store: Store, nodes: int = 1, **options: Any) -> AsyncIterator[Town]:
    """A town with these options besides those of mail."""
    transport = UpstreamTransport(Way())
    web = Web(transport, "tollgate/test")
    opened: list[Server] = []
    async with MailServer(server_tls()) as mail, Services() as services:
        for _ in range(nodes):
            opened.append(await serve(store, robot=lambda option: Turnstile(web, option)))
        directory, get = opened[0].directory, opened[0].directory.options.get
        ways = {
            MAIL: Mail(get, client_tls),
            PUSHER: MessagePusher(web, get),
            WEBHOOK: Webhook(web, get, lambda: 1_700_000_000.0),
            URL: UrlTemplate(web, get),
        }
        made = Town(opened, mail, services, Sender(directory.notices, ways))
        await made.options(
            SMTPServer="localhost",
            SMTPPort=mail.port,
            SMTPFrom="gate@gate.test",
            ServerAddress=WEB_ADDRESS,
            **options,
        )
        try:
            yield made
        finally:
            for server in opened:
                await server.close()
            await transport.aclose()


def newcomer(name: str, **fields: Any) -> dict[str, Any]:
    """What a page for signing up sends."""
    return {"username": name, "password": PASSWORD, "password2": PASSWORD, **fields}


async def signed_up(client: httpx.AsyncClient, name: str, **fields: Any) -> httpx.Response:
    """Register."""
    return await client.post("/api/user/register", json=newcomer(name, **fields))
