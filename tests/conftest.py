"""What every test of the product may ask for: a real database, empty, on either driver.

MONGO_DRIVER picks the driver (motor by default). MONGO_URL lets the suite run on a MongoDB that is
already there; without it each file of tests gets an embedded database of its own.
"""

import asyncio
import gc
import os
import re
import uuid
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from ledger.embedded import EmbeddedDatabase
from ledger.indexes import INDEXES
from ledger.store import Store
from tests.e2e.server import RUNNING, Server

# Machines are shared: how long one example takes tells nothing. EXAMPLES=1000 looks longer.
EXAMPLES = int(os.environ.get("EXAMPLES", "60"))
settings.register_profile("shared", deadline=None, max_examples=EXAMPLES)
settings.load_profile("shared")

# Where the drivers' own ways show: every call of the store, failures and cancellations on the way.
DRIVER_FILES = frozenset(
    (
        "test_store.py",
        "test_store_network.py",
        "test_appender.py",
        "test_credit.py",
        "test_projector.py",
        "test_spill.py",
        "test_writers.py",
        "test_jobs.py",
        "test_directory.py",
        "test_freshness.py",
    )
)


# Files without a server that take longest, by `--durations`.
LONG_FILES = frozenset(
    (
        "test_sim.py",
        "test_mutations.py",
        "test_archive.py",
        "test_verify_proof.py",
        "test_embedded.py",
        "test_bundle.py",
        "test_balances.py",
        "test_statements.py",
        "test_conformance.py",
        "test_cells.py",
        "test_audit.py",
        "test_lots.py",
    )
)
# The expression of `make test` for what runs on both drivers.
ON_BOTH = "driver or e2e"
E2E = "e2e"
MARKED = re.compile(r"\bmark\.(driver|e2e)\b")
# Where databases need not wait for a disk, which is most of what tests wait for.
IN_MEMORY, ROOM_BYTES = Path("/dev/shm"), 6 << 30
# How many files of tests have one database server, one after the other.
FILES_TOGETHER = 12
FORGOTTEN_SOCKETS = "ignore:unclosed <socket:ResourceWarning"


def pytest_configure(config: pytest.Config) -> None:
    """Choose where files go, and what one driver may be forgiven.

    PyMongo's own asynchronous client forgets to close a socket when a connection attempt is
    cancelled. The garbage collector closes it, at a time when any test may be running.
    """
    if roomy(IN_MEMORY):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(IN_MEMORY))
    if os.environ.get("MONGO_DRIVER") == "pymongo":
        config.addinivalue_line("filterwarnings", FORGOTTEN_SOCKETS)


def roomy(directory: Path) -> bool:
    """Whether all files of a run have room there, and programs among them can be run."""
    if not directory.is_dir():
        return False
    there = os.statvfs(directory)
    return there.f_bavail * there.f_frsize >= ROOM_BYTES and not there.f_flag & os.ST_NOEXEC


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave files unread whose tests are all left out anyway: reading all takes each worker longer
    than most files' tests."""
    if config.option.markexpr != ON_BOTH or not collection_path.match("test_*.py"):
        return None
    chosen = collection_path.name in DRIVER_FILES or collection_path.parent.name == E2E
    return not chosen and not MARKED.search(collection_path.read_text()) or None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that talk to the database, those of them that every driver must pass each
    time, and those of whole servers, so that they can be chosen or left out."""
    for item in items:
        if "database_url" in getattr(item, "fixturenames", ()):
            item.add_marker("database")
        if item.path.parent.name == E2E:
            item.add_marker(E2E)
        if item.path.name in DRIVER_FILES:
            item.add_marker("driver")
        if "broken_connections" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.filterwarnings(FORGOTTEN_SOCKETS))
    items.sort(key=lambda item: not is_long(item))


def is_long(item: pytest.Item) -> bool:
    """Whether its file starts whole servers or has tests of minutes. Such files are begun first:
    the last one would leave all processes but one with nothing to do."""
    starts_servers = getattr(getattr(item, "module", None), "Server", None) is Server
    return starts_servers or item.path.name in LONG_FILES


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, Any]:
    """Show what servers said last, and whether they still run, beside a failure."""
    report: Any = yield
    if report.failed:
        for server in RUNNING:
            report.sections.append((f"server on port {server.port}", server.last_words()))
    return report


@pytest.fixture(autouse=True)
def no_server_left() -> Iterator[None]:
    """End the servers that a failed test left running."""
    before = set(RUNNING)
    yield
    for server in RUNNING - before:
        server.abandon()


def pytest_sessionfinish() -> None:
    """End the servers of a file's fixture that failed after it had started them."""
    for server in tuple(RUNNING):
        server.abandon()


@pytest.fixture(scope="session")
def mongo_driver() -> str:
    """The driver that this run is about."""
    return os.environ.get("MONGO_DRIVER") or "motor"


@pytest.fixture(scope="session")
def database_stays() -> bool:
    """Whether the database outlives the file of tests, so that what it made there must go."""
    return bool(os.environ.get("MONGO_URL"))


@pytest.fixture(scope="module")
def change_streams() -> bool:
    """Whether this file's database must have change streams; such files say True."""
    return False


class Databases:
    """The database servers of this process: one for a few files of tests, then another, since one
    that many clients came to and left gets slow."""

    def __init__(self, directories: pytest.TempPathFactory, change_streams: bool) -> None:
        self._directories = directories
        self._change_streams = change_streams
        self._runner = asyncio.Runner()
        self._running: EmbeddedDatabase | None = None
        self._url = ""
        self._files = 0
        self.used: list[str] = []

    def url(self) -> str:
        """Return where the database of the next file listens."""
        if self._files % FILES_TOGETHER == 0:
            self.stop()
            directory = self._directories.mktemp("database")
            self._running = EmbeddedDatabase(directory, change_streams=self._change_streams)
            self._url = self._runner.run(self._running.start())
        self._files += 1
        return self._url

    def stop(self) -> None:
        """Stop the server that runs; what it held is of no use any more."""
        running, self._running = self._running, None
        if running is not None:
            self._runner.run(running.stop())
        self.used.clear()

    def close(self) -> None:
        """Stop the last server."""
        self.stop()
        self._runner.close()


@pytest.fixture(scope="session")
def usual_databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    """The servers of files that do not need change streams."""
    databases = Databases(tmp_path_factory, change_streams=False)
    yield databases
    databases.close()


@pytest.fixture(scope="module")
def databases(
    change_streams: bool,
    usual_databases: Databases,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Databases]:
    """The servers of this file: the usual ones, or one of its own that has change streams."""
    if not change_streams:
        yield usual_databases
        return
    own = Databases(tmp_path_factory, change_streams=True)
    yield own
    own.close()


@pytest.fixture(scope="module")
def database_url(databases: Databases) -> str:
    """A database server for this file."""
    return os.environ.get("MONGO_URL") or databases.url()


@pytest.fixture
def database_name() -> str:
    """A name that no other test uses."""
    return new_name()


def new_name() -> str:
    """Name a database."""
    return f"test_{uuid.uuid4().hex[:16]}"


@pytest.fixture(scope="module")
def used_databases(database_url: str, databases: Databases) -> list[str]:
    """Databases that tests are done with. They have the indexes, which take long to make."""
    return databases.used


@pytest.fixture
async def store(
    database_url: str, used_databases: list[str], mongo_driver: str
) -> AsyncIterator[Store]:
    """An empty database with the product's indexes.

    One that was used before is emptied first, when nothing of the test that used it runs any more.
    """
    used = used_databases.pop() if used_databases else None
    store = await Store.connect(database_url, used or new_name(), mongo_driver)
    try:
        for name in await store.collection_names() if used else ():
            await store.delete_many(name, {})
        await store.ensure_indexes(INDEXES)
        yield store
        used_databases.append(store.name)
    finally:
        await store.close()


@pytest.fixture
def broken_connections() -> Iterator[None]:
    """For tests that break connections under a client, which may be PyMongo's own also where the
    suite runs on Motor: what it forgets is collected here, where the warning is allowed."""
    yield
    gc.collect()
