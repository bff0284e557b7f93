"""Databases for the tests of the books: behind a proxy that loses messages."""

import pytest

from ledger.store import Store
from tests.ledger.proxy import Proxy


@pytest.fixture
async def proxy(database_url, broken_connections):
    """A proxy before the database; see `tests/ledger/proxy.py`."""
    async with Proxy(database_url) as proxy:
        yield proxy


@pytest.fixture
async def far(store, proxy, mongo_driver):
    """The same database as `store`, seen through the proxy."""
    # Drivers look for a lost server every half second; leave them time for several looks.
    far = await Store.connect(proxy.url, store.name, mongo_driver, timeout_s=2)
    yield far
    await far.close()


@pytest.fixture
async def hasty(store, proxy, mongo_driver):
    """Like `far`, but it waits for answers no longer than 0.9 seconds."""
    hasty = await Store.connect(proxy.url, store.name, mongo_driver, timeout_s=0.15)
    yield hasty
    await hasty.close()
