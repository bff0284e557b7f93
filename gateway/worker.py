"""One of several workers: a process that the parent started and tells what to do.

Run as `python -m gateway.worker FD`; FD is its end of the line to the parent (gateway/link.py). It
imports everything, then waits for its order, so that workers and database start at the same time.
"""

import asyncio
import socket
import sys
from collections.abc import Sequence

from gateway import logs
from gateway.app import build
from gateway.link import Link, Message, receive
from gateway.server import (
    CANNOT_START,
    EXPECTED,
    Front,
    demo_secret,
    loop_factory,
    stop_signal,
    tune_collector,
    until_stopped,
)
from gateway.sockets import Sockets
from gateway.tasks import end_all

RETIRE_S = 2.0


def main(argv: Sequence[str]) -> int:
    """Do what the parent orders until told to stop; return the exit status."""
    line = socket.socket(fileno=int(argv[0]))
    try:
        order = receive(line)
    except EOFError:
        return CANNOT_START  # the parent could not start, and has said why
    settings, place = order["settings"], order["place"]
    try:
        logs.set_up(
            debug=settings.debug,
            log_dir=settings.log_dir,
            one_file=settings.only_one_log_file,
            worker=place,
        )
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
    obeying = asyncio.create_task(_obey(link, front, stop), name="parent")
    try:
        password = running.first.password if running.first is not None else None
        secret = await demo_secret(running) if order["first"] else None
        link.send({"is": "ready", "password": password, "demo": secret})
        tune_collector()
        return await until_stopped(running, stop)
    finally:
        await front.shut_down()
        link.close()
        await end_all([obeying])


def _opened(places: list[list[int]]) -> list[Sockets]:
    return [[socket.socket(fileno=each) for each in place] for place in places]


async def _obey(link: Link, front: Front, stop: asyncio.Event) -> None:
    """Do what the parent says; when it is gone, stop."""
    retired = False
    async for message in link.messages():
        if stop.is_set() or retired:
            continue
        if message["do"] == "accept":
            front.accept(message["places"])
        elif message["do"] == "retire":
            # Another worker has this one's place. Who connected here just now is still served.
            retired = True
            front.close_doors()
            asyncio.get_running_loop().call_later(RETIRE_S, stop.set)
    stop.set()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
