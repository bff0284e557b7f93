"""A real Redis for a file of tests."""

from collections.abc import Iterator

import pytest

from tests.fakes.redis import RedisServer


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    """A server that the tests of a file share; they use names of their own."""
    with RedisServer() as server:
        yield server
