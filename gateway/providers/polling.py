"""Upstreams that take a request as a task and are asked for its result.

A task is asked for in growing intervals until it ended or a deadline passed. When nobody waits for
it any more, the upstream is told to let go of it: whoever pays for a task should not pay for one
that nobody will see.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
import orjson

from gateway.dialects.dialect import Json
from gateway.providers.base import Answer, Call, CallFailed

T = TypeVar("T")

MAX_BYTES = 128 << 20
# How long the upstream may take to hear that a task is not wanted any more.
_CANCEL_S = 3.0
# What belongs to the request that began a task, and to no other.
_OF_THE_FIRST = ("content-type", "content-length", "transfer-encoding", "prefer", "host")


@dataclass(frozen=True, slots=True)
class Pace:
    """How a task is asked for: the first and the longest pause, how much each grows, and when to
    give up, all in seconds; and how many looks in a row may fail."""

    first_s: float = 0.5
    growth: float = 1.5
    longest_s: float = 5.0
    deadline_s: float = 300.0
    failures: int = 3


@dataclass(frozen=True, slots=True)
class Found:
    """An answer that was read: `parsed` is its JSON, None for what is none."""

    answer: Answer
    content: bytes
    parsed: Any

    @property
    def good(self) -> bool:
        """Whether its status is a good one."""
        return 200 <= self.answer.status < 300

    def again(self, parsed: Json | None = None) -> Answer:
        """Return it as an answer that is still to be read, or its JSON changed to this."""
        content = self.content if parsed is None else orjson.dumps(parsed)
        headers = self.answer.headers if parsed is None else {"content-type": "application/json"}
        return Answer(self.answer.status, headers, _once(content))


def asked_again(request: httpx.Request, method: str, url: str, **more: str) -> httpx.Request:
    """Return a further request with the headers that authenticate the first."""
    known = {n: v for n, v in request.headers.items() if n.lower() not in _OF_THE_FIRST}
    return httpx.Request(method, url, headers={**known, **more})


def root(call: Call) -> str:
    """Return the address that a channel's upstream has, without anything after it."""
    return (call.channel.base_url or call.vendor.base_url).rstrip("/")


async def read(answer: Answer) -> Found:
    """Read an answer to its end, and close it. Raises CallFailed."""
    pieces, size = [], 0
    try:
        async for piece in answer.body:
            pieces.append(piece)
            size += len(piece)
            if size > MAX_BYTES:
                raise CallFailed("upstream_bad_answer", f"longer than {MAX_BYTES} bytes")
    finally:
        await answer.aclose()
    content = b"".join(pieces)
    try:
        parsed = orjson.loads(content)
    except orjson.JSONDecodeError:
        parsed = None
    return Found(answer, content, parsed)


async def result(
    look: Callable[[], Awaitable[Answer]], ended: Callable[[Any], bool], pace: Pace
) -> Found:
    """Look at a task until it ended, or until the upstream refuses to show it.

    Raises CallFailed: it took too long, or could not be looked at several times in a row.
    """
    pause_s, failed = pace.first_s, 0
    try:
        async with asyncio.timeout(pace.deadline_s):
            while True:
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * pace.growth, pace.longest_s)
                try:
                    found = await read(await look())
                except CallFailed:
                    failed += 1
                    if failed >= pace.failures:
                        raise
                    continue
                if found.good and isinstance(found.parsed, dict) and ended(found.parsed):
                    return found
                failed = 0 if found.good else failed + 1
                if not found.good and (_refuses(found) or failed >= pace.failures):
                    return found
    except TimeoutError:
        error = f"the task did not end in {pace.deadline_s:g} s"
        raise CallFailed("upstream_timeout", error) from None


def _refuses(found: Found) -> bool:
    """Whether an answer means that looking again is of no use."""
    status = found.answer.status
    return 400 <= status < 500 and status not in (408, 425, 429)


async def let_go(cancel: Callable[[], Awaitable[Answer]]) -> None:
    """Tell the upstream that a task is not wanted any more; whether it hears is its affair."""
    try:
        async with asyncio.timeout(_CANCEL_S):
            await (await cancel()).aclose()
    except (CallFailed, TimeoutError):
        return


async def wanted(
    look: Callable[[], Awaitable[Answer]],
    ended: Callable[[Any], bool],
    cancel: Callable[[], Awaitable[Answer]],
    pace: Pace,
) -> Found:
    """Return a task's result; let go of the task when nobody waits for it. Raises CallFailed."""
    return await kept(result(look, ended, pace), cancel)


async def kept(step: Awaitable[T], cancel: Callable[[], Awaitable[Answer]]) -> T:
    """Return what a step of a task brings; let go of the task where the step is not finished."""
    try:
        return await step
    except (asyncio.CancelledError, CallFailed):
        await let_go(cancel)
        raise


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


def events_of(events: AsyncIterator[Mapping[str, Any]]) -> AsyncIterator[bytes]:
    """Write events of JSON as a stream."""
    return (b"data: " + orjson.dumps(event) + b"\n\n" async for event in events)
