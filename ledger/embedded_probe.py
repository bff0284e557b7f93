"""Ask a database on this machine one question, without a driver.

Owns a minimal exchange in MongoDB's wire protocol (OP_MSG). Promises to open one connection and
close it. Refuses nothing; an OSError, EOFError or ValueError means that no database answered.
"""

import asyncio
import os
import socket
import struct
from collections.abc import Mapping
from contextlib import closing, suppress
from typing import Any

import bson

from ledger.errors import EmbeddedError

_HEADER = struct.Struct("<iiiiiB")  # length, request id, response to, op code, flags, section kind
_OP_MSG = 2013
_FIRST_PORT, _PORT_COUNT = 20_000, 12_000


async def ask(port: int, command: Mapping[str, Any]) -> dict[str, Any]:
    """Send one command to the admin database on 127.0.0.1 and return the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        document = bson.encode({**command, "$db": "admin"})
        size = _HEADER.size + len(document)
        writer.write(_HEADER.pack(size, 1, 0, _OP_MSG, 0, 0) + document)
        await writer.drain()
        length = struct.unpack("<i", await reader.readexactly(4))[0]
        answer = await reader.readexactly(length - 4)
    finally:
        writer.close()
    return dict(bson.decode(answer[_HEADER.size - 4 :]))


async def process_id(port: int, timeout_s: float) -> int | None:
    """Return the process id of the database that answers on a port, or None if none does."""
    try:
        async with asyncio.timeout(timeout_s):
            await ask(port, {"hello": 1})
            status = await ask(port, {"serverStatus": 1})
    except (OSError, EOFError, ValueError, struct.error, bson.errors.BSONError):
        return None
    pid = status.get("pid")
    return None if pid is None else int(pid)


async def nudge(port: int) -> None:
    """Open a connection to a port and close it again; it does not matter whether that works."""
    with suppress(OSError):
        async with asyncio.timeout(1.0):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        await writer.wait_closed()


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this port of 127.0.0.1 right now."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on at this moment.

    It is below the range that systems take outgoing ports from, so that no connection can sit on it
    while the database restarts. Processes start to look at different places.
    """
    first = os.getpid() * 17
    for step in range(_PORT_COUNT):
        port = _FIRST_PORT + (first + step) % _PORT_COUNT
        if is_free(port):
            return port
    raise EmbeddedError("no port is free on 127.0.0.1; choose one for the embedded database")
