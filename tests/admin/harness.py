"""A management server on a real socket, and people who talk to it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from tornado.web import Application

from admin import AdminContext, routes
from admin.auth.throttle import LIMIT, WINDOW_S
from admin.robot import Robot
from gateway.directory.bootstrap import first_start
from gateway.directory.care import RoundRuns
from gateway.directory.catalogue import Catalogue
from gateway.directory.channels import Channel
from gateway.directory.directory import Directory
from gateway.directory.identities import IdentityService
from gateway.directory.users import ROLE_ADMIN
from gateway.directory.vault import Vault
from gateway.limits.door import Doors
from gateway.limits.limits import Limits
from gateway.limits.memory import Memory
from ledger.books import Books
from ledger.clock import Clock
from ledger.reversal_runs import Runner
from ledger.store import Store
from ledger.verify_runs import Verifier
from tests.listening import Listening

ROOT_PASSWORD = "correct-horse"
ROOT_TOKEN = "0123456789abcdef0123456789abcdef"
CATALOGUE = Catalogue.load(Path(__file__).parents[2] / "conf" / "providers.yaml")
OPENAI = 1
Vouching = Mapping[str, IdentityService]


@dataclass(frozen=True)
class Tried:
    """How a test went."""

    ok: bool
    message: str
    seconds: float
    model: str


@dataclass(frozen=True)
class Left:
    """What is left at a vendor."""

    balance: str = "12.5"
    currency: str = "CNY"
    error: str = ""


class Balances:
    """Vendors' balances without any vendor."""

    async def ask(self, channel: Channel) -> Left:
        """Say the same for all channels, but for one that is broken."""
        return Left("0", "", "it is not told") if channel.name == "broken" else Left()

    async def begin(self, by: str) -> int:
        """Do nothing."""
        return 1


@dataclass
class Caring:
    """Looks after channels without asking any upstream; the real one is tested with the relay."""

    tested: list[tuple[int, str | None]] = field(default_factory=list)
    begun: list[tuple[str, str]] = field(default_factory=list)
    balances: Balances = field(default_factory=Balances)

    @property
    def tests(self) -> "Caring":
        """Itself."""
        return self

    def resting(self) -> dict[int, float]:
        """Let the first channel rest."""
        return {1: 11.2}

    def rates(self) -> dict[int, float]:
        """Measure the first channel only."""
        return {1: 0.75}

    async def test(
        self,
        channel: Channel,
        by: str,
        *,
        model: str | None = None,
        stream: bool | None = None,
        kind: str | None = None,
    ) -> Tried:
        """Succeed unless the channel's name says otherwise."""
        self.tested.append((channel.id, model))
        ok = channel.name != "broken"
        return Tried(ok, "hello" if ok else "no answer", 0.25, model or channel.models[0])

    async def begin(self, scope: str, by: str) -> int:
        """Only note it."""
        if self.begun:
            raise RoundRuns("tests")
        self.begun.append((scope, by))
        return 2


@dataclass
class Server:
    """One process's worth of the product: books, directory, and the management routes."""

    books: Books
    directory: Directory
    context: AdminContext
    listening: Listening
    url: str
    sender: httpx.AsyncClient
    tested: list[tuple[int, str | None]] = field(default_factory=list)

    def client(self, token: str = "", **headers: str) -> httpx.AsyncClient:
        """A program with an access token, or (without one) a stranger that keeps cookies."""
        if token:
            headers["Authorization"] = token
        # Nothing here is encrypted, and reading the list of authorities takes longer than a test.
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=60, verify=False)

    async def close(self) -> None:
        """Stop serving and give everything back."""
        await self.listening.close()
        await self.context.reversing.close()
        await self.context.verifying.close()
        await self.sender.aclose()
        await self.directory.stop()
        await self.books.close()


class Anybody:
    """Takes nobody for a robot; the real check is tested with who comes in."""

    async def check(self, token: str, address: str) -> bool | None:
        """Say so."""
        return True


async def serve(
    store: Store,
    requests_by_address: int = 0,
    robot: Callable[[Callable[[str], Any]], Robot] = lambda option: Anybody(),
    sender: httpx.AsyncClient | None = None,
    identities: Callable[[Callable[[str], Any], Callable[[], float]], Vouching] = lambda *_: {},
) -> Server:
    """Open books and directory on a database and serve the management routes."""
    clock = Clock()
    books = await Books.open(store, clock, flush_interval_s=0.02)
    directory = Directory(store, Vault(b"k" * 32), clock, CATALOGUE, bcrypt_rounds=4)
    await directory.start()
    await first_start(directory, books, root_password=ROOT_PASSWORD, root_access_token=ROOT_TOKEN)
    limits = Limits(Memory(lambda: int(clock.monotonic_s() * 1000)))
    doors = Doors.of(limits, (LIMIT, WINDOW_S), requests_by_address, 0)
    care = Caring()
    sender = sender or httpx.AsyncClient(verify=False, trust_env=False, timeout=60)
    context = AdminContext(
        directory=directory,
        books=books,
        clock=clock,
        session_secret="s" * 32,
        version="1.2.3",
        start_time_s=1_700_000_000,
        care=care,
        throttle=doors.sign_in,
        asking=doors.mail,
        robot=robot(directory.options.get),
        door=doors.api,
        reversing=Runner(books),
        verifying=Verifier(store),
        models_for=directory.models_for,
        sender=sender,
        identities=identities(directory.options.get, clock.monotonic_s),
    )
    listening = Listening(Application(routes(context)))
    return Server(books, directory, context, listening, listening.url, sender, care.tested)


@dataclass
class Nodes:
    """Servers on one database."""

    nodes: list[Server]

    @property
    def server(self) -> Server:
        """The first node."""
        return self.nodes[0]

    async def options(self, **values: Any) -> None:
        """Set options, on all nodes."""
        for name, value in values.items():
            await self.server.directory.options.set(name, value)
        for node in self.nodes[1:]:
            await node.directory.refresh()


@dataclass(frozen=True)
class Person:
    """A user with an access token."""

    id: int
    username: str
    token: str


async def person(server: Server, username: str, role: int = 1, **fields: Any) -> Person:
    """Make a user who can sign in with ROOT_PASSWORD."""
    user = await server.directory.users.create(username, ROOT_PASSWORD, role=role, **fields)
    token = await server.directory.users.make_access_token(user.id)
    return Person(user.id, username, token)


async def admin_person(server: Server, username: str = "alice") -> Person:
    """Make an admin."""
    return await person(server, username, ROLE_ADMIN)


def channel_body(**fields: Any) -> dict[str, Any]:
    """A channel as One API's form sends it."""
    return {
        "name": "main",
        "type": OPENAI,
        "key": "sk-upstream",
        "base_url": "",
        "other": "",
        "model_mapping": "",
        "models": "gpt-4o,gpt-4o-mini",
        "group": "default",
        "groups": ["default"],
        "config": "{}",
        **fields,
    }


async def data(response: httpx.Response) -> Any:
    """The data of a successful answer."""
    body = response.json()
    assert response.status_code == 200 and body["success"] is True, (response.status_code, body)
    return body.get("data")


def refused(response: httpx.Response, status: int, *words: str) -> str:
    """Check a refusal: the status, One API's envelope, and what the message names."""
    body = response.json()
    assert response.status_code == status, (response.status_code, body)
    assert body["success"] is False and set(body) == {"success", "message"}
    for word in words:
        assert word in body["message"], body
    return str(body["message"])
