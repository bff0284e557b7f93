"""Sorting more than memory holds.

Owns the order of rows that do not come in it. Promises constant memory: sorted runs go to temporary
files and are merged. Refuses rows that JSON cannot hold.
"""

import asyncio
import heapq
import tempfile
from collections.abc import AsyncGenerator, AsyncIterable, Iterator
from contextlib import ExitStack
from itertools import islice
from typing import IO, Any

import orjson

RUN = 20_000
PAGE = 1_000

Row = tuple[Any, ...]


async def in_order(rows: AsyncIterable[Row], *, run: int = RUN) -> AsyncGenerator[Row, None]:
    """Yield rows in ascending order; no two may be equal up to a value that has no order."""
    with ExitStack() as files:
        runs: list[Iterator[Row]] = []
        held: list[Row] = []
        async for row in rows:
            held.append(row)
            if len(held) == run:
                file = files.enter_context(tempfile.TemporaryFile())
                await asyncio.to_thread(_write, file, held)
                runs.append(_read(file))
                held = []
        held.sort()
        merged = heapq.merge(*runs, held)
        while page := list(islice(merged, PAGE)):
            for row in page:
                yield row


def _write(file: IO[bytes], rows: list[Row]) -> None:
    rows.sort()
    for row in rows:
        file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
    file.seek(0)


def _read(file: IO[bytes]) -> Iterator[Row]:
    for line in file:
        yield tuple(orjson.loads(line))
