"""Directories on a real database."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.directory.catalogue import Catalogue
from gateway.directory.directory import Directory
from gateway.directory.vault import Vault
from ledger.clock import Clock
from ledger.events import Draft, Receipt
from ledger.store import Store

PROVIDERS = Path(__file__).parents[3] / "conf" / "providers.yaml"
VAULT_KEY = bytes(range(32))
SANDBOX = 1000

MakeDirectory = Callable[..., Awaitable[Directory]]


class MovableClock(Clock):
    """A clock that runs, and can be pushed forward."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def now_us(self) -> int:
        return super().now_us() + int(self.ahead_s * 1_000_000)

    def monotonic_s(self) -> float:
        return super().monotonic_s() + self.ahead_s


class Recorded:
    """Stands in for the books where only what they were asked to record matters."""

    def __init__(self) -> None:
        self.drafts: dict[str, Draft] = {}
        self.error: Exception | None = None

    async def record(self, draft: Draft) -> Receipt:
        if self.error is not None:
            raise self.error
        replayed = draft.id in self.drafts
        self.drafts.setdefault(draft.id, draft)
        return Receipt(draft.id, "w", 1, 1, 0, "", replayed)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def books() -> Recorded:
    return Recorded()


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return Catalogue.load(PROVIDERS)


@pytest.fixture
async def make_directory(
    store: Store, clock: MovableClock, catalogue: Catalogue
) -> AsyncIterator[MakeDirectory]:
    """Start directories on one database, as several processes would."""
    started: list[Directory] = []

    async def make(**changes: Any) -> Directory:
        vault = changes.pop("vault", None) or Vault(VAULT_KEY)
        directory = Directory(store, vault, clock, catalogue, bcrypt_rounds=4, **changes)
        await directory.start()
        started.append(directory)
        return directory

    yield make
    for directory in started:
        await directory.stop()


@pytest.fixture
async def directory(make_directory: MakeDirectory) -> Directory:
    return await make_directory()
