"""A gateway that people enter through others, and the browsers they do it with."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from gateway.identity.services import identity_services
from gateway.providers.transport import UpstreamTransport
from gateway.providers.ways import Way
from gateway.web import Web
from ledger.store import Store
from tests.admin.harness import Nodes, Server, data, serve
from tests.fakes.identity import CLIENT, SECRET, WECHAT_TOKEN, Identities


@dataclass
class Outside(Nodes):
    """Nodes on one database, and the services that vouch for people."""

    fake: Identities

    async def said_yes(
        self, browser: httpx.AsyncClient, service: str, person: dict[str, Any], **query: str
    ) -> dict[str, Any]:
        """Begin, and say yes at the service; return what the browser comes back with."""
        self.fake.person = person
        begun = await browser.get("/api/oauth/state", params={"provider": service, **query})
        assert begun.status_code == 200, begun.text
        return self.fake.say_yes(begun.json()["authorize_url"])

    async def enter(
        self, browser: httpx.AsyncClient, service: str, person: dict[str, Any], **query: str
    ) -> httpx.Response:
        """All of it."""
        back = await self.said_yes(browser, service, person, **query)
        return await browser.get(f"/api/oauth/{service}", params=back)


@asynccontextmanager
async def outside(store: Store, nodes: int = 1, **options: Any) -> AsyncIterator[Outside]:
    """A gateway with all services on."""
    transport = UpstreamTransport(Way())
    web = Web(transport, "tollgate/test")
    opened: list[Server] = []
    async with Identities() as fake:
        for _ in range(nodes):
            opened.append(await serve(store, identities=lambda o, c: identity_services(web, o, c)))
        made = Outside(opened, fake)
        await made.options(
            ServerAddress="http://gate.test",
            **dict.fromkeys(("GitHubClientId", "LarkClientId", "OidcClientId"), CLIENT),
            **dict.fromkeys(("GitHubClientSecret", "LarkClientSecret", "OidcClientSecret"), SECRET),
            **dict.fromkeys(("GitHubAddress", "GitHubApiAddress", "LarkAddress"), fake.url),
            OidcWellKnown=fake.well_known,
            WeChatServerAddress=fake.url,
            WeChatServerToken=WECHAT_TOKEN,
            **dict.fromkeys(("GitHubOAuthEnabled", "OidcEnabled", "WeChatAuthEnabled"), True),
            **options,
        )
        try:
            yield made
        finally:
            for server in opened:
                await server.close()
            await transport.aclose()


async def entered(response: httpx.Response) -> int:
    """The id of who came in."""
    return int((await data(response))["id"])
