"""Commands that share one start."""

from collections.abc import Iterator

import pytest

from tests.forks import Forks


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """Runs commands of `tollgate`."""
    with Forks() as forks:
        yield forks
