"""Servers for end-to-end tests."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.e2e.browser import Open, browsers, pages
from tests.e2e.server import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running server that is shared by the tests of one file."""
    server = Server(tmp_path_factory.mktemp("server")).start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def sandbox(server: Server) -> Server:
    """The same server with a sandbox channel."""
    server.add_channel()
    return server


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser that is shared by the tests of one file."""
    yield from browsers()


@pytest.fixture
def open_page(server: Server, chromium: Browser) -> Iterator[Open]:
    """Open the console under a strict content policy; at the end nothing may have gone wrong."""
    yield from pages(server, chromium)
