"""One of several workers: a process that the parent started and tells what to do.

Run as `python -m gateway.worker FD`; FD is its end of the line to the parent (gateway/link.py). It
imports everything, then waits for its order, so that workers and database start at the same time.
"""

import asyncio
import socket
import sys
from collections.abc import Callable, Sequence

from gateway import logs
from gateway.app import build
from gateway.collector import tune_collector
from gateway.link import Link, Message, receive
from gateway.metrics import Snapshot
from gateway.server import (
    CANNOT_START,
    EXPECTED,
    Front,
    demo_secret,
    loop_factory,
    stop_signal,
    until_stopped,
)
from gateway.sockets import Sockets
from gateway.tasks import end_all

RETIRE_S = 2.0
REPORT_S = 2.0
# The parent waits a little less for the other workers.
ANSWER_S = 2.5


def main(argv: Sequence[str]) -> int:
    """Do what the parent orders until told to stop; return the exit status."""
    line = socket.socket(fileno=int(argv[0]))
    try:
        order = receive(line)
    except EOFError:
        return CANNOT_START  # the parent could not start, and has said why
    settings, place = order["settings"], order["place"]
    try:
        logs.set_up(settings, place)
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            return runner.run(_work(order, line))
    except EXPECTED as error:
        print(f"tollgate: {error}", file=sys.stderr)
        return CANNOT_START


async def _work(order: Message, line: socket.socket) -> int:
    stop = stop_signal()
    link = await Link.over(line)
    running = await build(order["settings"], order["embedded_url"])
    front = Front.of(running, _opened(order["main"]), _opened(order["ops"]))
    parent = _Parent(link, front, stop)
    running.observer.gather = parent.gather
    running.directory.wrote = lambda: link.send({"is": "changed"})
    tasks = [asyncio.create_task(parent.obey()), asyncio.create_task(parent.report())]
    try:
        password = running.first.password if running.first is not None else None
        secret = await demo_secret(running) if order["first"] else None
        link.send({"is": "ready", "password": password, "demo": secret})
        tune_collector()
        return await until_stopped(running, stop)
    finally:
        await front.shut_down()
        link.send({"is": "report", "snapshot": running.observer.here()})
        await end_all(tasks)
        await link.close()


def _opened(places: list[list[int]]) -> list[Sockets]:
    return [[socket.socket(fileno=each) for each in place] for place in places]


class _Parent:
    """The parent as its worker sees it: it gives orders, gets reports, and answers questions."""

    def __init__(self, link: Link, front: Front, stop: asyncio.Event) -> None:
        self._link = link
        self._front = front
        self._stop = stop
        self._retired = False
        self._questions: dict[int, asyncio.Future[Snapshot]] = {}
        self._asked = 0
        self._replies: set[asyncio.Task[None]] = set()
        self._orders: dict[str, Callable[[Message], None]] = {
            "accept": self._accept,
            "retire": self._retire,
            "report": self._report_now,
            "answer": self._take_answer,
            "look": lambda message: front.running.directory.look_soon(),
        }

    async def obey(self) -> None:
        """Do what the parent says; when it is gone, stop."""
        async for message in self._link.messages():
            self._orders[message["do"]](message)
        self._stop.set()

    async def report(self) -> None:
        """Send numbers now and then, so that few are lost if this process is killed."""
        while True:
            await asyncio.sleep(REPORT_S)
            self._link.send({"is": "report", "snapshot": self._front.running.observer.here()})

    async def gather(self) -> Snapshot:
        """Ask the parent for the numbers of all workers; without an answer, give one's own."""
        own = await self._front.running.observer.whole()
        self._asked += 1
        number = self._asked
        answer: asyncio.Future[Snapshot] = asyncio.get_running_loop().create_future()
        self._questions[number] = answer
        self._link.send({"is": "question", "number": number, "snapshot": own})
        try:
            async with asyncio.timeout(ANSWER_S):
                return await answer
        except TimeoutError:
            return own
        finally:
            del self._questions[number]

    def _accept(self, message: Message) -> None:
        if not self._stop.is_set() and not self._retired:
            self._front.accept(message["places"])

    def _retire(self, message: Message) -> None:
        # Another worker has this one's place. Who has just connected here is still served.
        self._retired = True
        self._front.close_doors()
        asyncio.get_running_loop().call_later(RETIRE_S, self._stop.set)

    def _report_now(self, message: Message) -> None:
        async def reply() -> None:
            snapshot = await self._front.running.observer.whole()
            self._link.send({"is": "report", "snapshot": snapshot})

        task = asyncio.create_task(reply())
        self._replies.add(task)
        task.add_done_callback(self._replies.discard)

    def _take_answer(self, message: Message) -> None:
        answer = self._questions.get(message["number"])
        if answer is not None and not answer.done():
            answer.set_result(message["snapshot"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
