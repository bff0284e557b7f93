"""One worker as its parent sees it: a process, the line to it, and what it told last."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from gateway.link import Link, Message
from gateway.metrics import Snapshot
from gateway.sockets import Sockets
from ledger.embedded import bound

# What a process that has ended wrote to its line before is read within this time.
LAST_WORDS_S = 1.0


@dataclass(eq=False)
class Child:
    """A worker process. `ready` holds what it had to tell once it could serve.

    `report` are its numbers as it sent them last, `reported` is set whenever it does.
    """

    place: int
    process: asyncio.subprocess.Process
    link: Link
    started_s: float
    ended: asyncio.Task[int]
    ready: "asyncio.Future[Message]"
    report: Snapshot = field(default_factory=dict)
    reported: asyncio.Event = field(default_factory=asyncio.Event)
    listener: asyncio.Task[None] | None = None

    @classmethod
    async def spawn(
        cls, place: int, shared: Iterable[Sockets], heard: "Mapping[str, Heard]"
    ) -> "Child":
        """Start a process, which waits for its order. Raises OSError.

        It gets the sockets under the numbers that they have here. `heard` says what to do with
        which kind of message that is more than a report.
        """
        ours, theirs = socket.socketpair()
        inherited = [each.fileno() for part in shared for each in part]
        warnings = [f"-W{each}" for each in sys.warnoptions]
        command = [sys.executable, *warnings, "-m", "gateway.worker", str(theirs.fileno())]
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *bound(command),
                stdin=asyncio.subprocess.PIPE,
                pass_fds=(theirs.fileno(), *inherited),
                start_new_session=True,  # Ctrl-C is for the parent, which lets workers drain
            )
        loop = asyncio.get_running_loop()
        ended = asyncio.create_task(process.wait())
        link = await Link.over(ours)
        child = cls(place, process, link, loop.time(), ended, loop.create_future())
        child.listener = asyncio.create_task(child._listen(heard))
        return child

    @property
    def serves(self) -> bool:
        """Whether it can be told to accept connections."""
        return self.ready.done() and not self.ended.done()

    async def comes_to_serve(self, stopping: asyncio.Event) -> bool:
        """Wait until it serves; False if it ends instead, or if the server stops."""
        stopped = asyncio.create_task(stopping.wait())
        waits: set[asyncio.Future[Any]] = {self.ready, self.ended, stopped}
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        return self.ready.done() and not stopping.is_set()

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Ask it to drain and to end, or make it end."""
        # Not by the process object: that looks first whether it has ended, and takes its exit
        # status away from the event loop if it just did.
        if self.process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, number)

    async def bury(self) -> None:
        """Read its last words, once it has ended, and let go of the line."""
        if self.listener is not None:
            await asyncio.wait({self.listener}, timeout=LAST_WORDS_S)
            self.listener.cancel()
        await self.link.close()

    async def _listen(self, heard: "Mapping[str, Heard]") -> None:
        async for message in self.link.messages():
            if message["is"] == "ready" and not self.ready.done():
                self.ready.set_result(message)
            elif message["is"] == "report":
                self.report = message["snapshot"]
                self.reported.set()
            elif message["is"] in heard:
                heard[message["is"]](self, message)


Heard = Callable[[Child, Message], None]
