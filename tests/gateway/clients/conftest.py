"""What concerns connections is tried on the loop that servers have, and on the one of those
without it."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable

import pytest
import uvloop

from gateway.http import Application
from tests.gateway.clients.trial import (
    LIMIT_BYTES,
    Echo,
    Empty,
    Floods,
    Lies,
    Peer,
    Speaks,
    Streams,
    Trial,
    Uploads,
    Waits,
)
from tests.listening import Listening


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Name the loops."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
def trial() -> Trial:
    return Trial()


@pytest.fixture
async def listening(trial: Trial) -> AsyncIterator[Listening]:
    told = {"trial": trial}
    routes = [
        ("/", Echo, told),
        ("/waits.*", Waits, told),
        ("/streams", Streams, told),
        ("/floods", Floods, told),
        ("/lies/(.*)", Lies, told),
        ("/empty/(.*)", Empty, told),
        ("/uploads.*", Uploads, told),
        ("/speaks", Speaks),
    ]
    application = Application(routes, LIMIT_BYTES, random.Random(1))
    async with Listening(application, LIMIT_BYTES * 2) as listening:
        yield listening


@pytest.fixture
async def peer(listening: Listening) -> AsyncIterator[Peer]:
    reader, writer = await asyncio.open_connection("127.0.0.1", listening.port)
    yield Peer(reader, writer)
    writer.close()
