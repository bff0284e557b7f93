"""A server with root, an admin and a user."""

from collections.abc import AsyncIterator

import httpx
import pytest

from ledger.store import Store
from tests.admin.harness import ROOT_TOKEN, Person, Server, admin_person, person, serve


@pytest.fixture
async def server(store: Store) -> AsyncIterator[Server]:
    server = await serve(store)
    yield server
    await server.close()


@pytest.fixture
async def alice(server: Server) -> Person:
    """An admin."""
    return await admin_person(server)


@pytest.fixture
async def bob(server: Server) -> Person:
    """A common user."""
    return await person(server, "bob")


@pytest.fixture
async def root(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    """A program that has root's access token."""
    async with server.client(ROOT_TOKEN) as client:
        yield client


@pytest.fixture
async def admin(server: Server, alice: Person) -> AsyncIterator[httpx.AsyncClient]:
    """A program that has an admin's access token."""
    async with server.client(alice.token) as client:
        yield client


@pytest.fixture
async def user(server: Server, bob: Person) -> AsyncIterator[httpx.AsyncClient]:
    """A program that has a common user's access token."""
    async with server.client(bob.token) as client:
        yield client


@pytest.fixture
async def stranger(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    """A browser that is not signed in."""
    async with server.client() as client:
        yield client
