"""Tasks that are asked for their result: what is passed over, what ends it, who is told."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import orjson
import pytest

from gateway.providers import polling
from gateway.providers.base import Answer, CallFailed
from gateway.providers.polling import Pace

pytestmark = pytest.mark.asyncio
QUICK = Pace(0.001, 1.0, 0.001, 5.0, 3)


def ended(parsed: Any) -> bool:
    return parsed.get("status") == "done"


def answered(status: int, content: Any) -> Answer:
    async def body() -> AsyncIterator[bytes]:
        raw = content if isinstance(content, bytes) else orjson.dumps(content)
        yield raw[:3]
        yield raw[3:]

    return Answer(status, {"content-type": "application/json"}, body())


def looks(*found: Any) -> Callable[[], Awaitable[Answer]]:
    left = list(found)

    async def look() -> Answer:
        each = left.pop(0)
        if isinstance(each, CallFailed):
            raise each
        return answered(*each)

    return look


BROKEN = CallFailed("upstream_cut", "gone")
RUNNING, DONE = (200, {"status": "running"}), (200, {"status": "done", "made": 1})


async def test_a_few_looks_may_fail() -> None:
    odd = (BROKEN, (503, {}), RUNNING, (429, {}), BROKEN, (200, b"<html>"), (200, [1]), RUNNING)
    found = await polling.result(looks(*odd, DONE), ended, QUICK)
    assert found.parsed == DONE[1]
    again = found.again()
    assert b"".join([piece async for piece in again.body]) == orjson.dumps(DONE[1])
    with pytest.raises(CallFailed, match="gone"):
        await polling.result(looks(RUNNING, BROKEN, (500, {}), BROKEN, DONE), ended, QUICK)


@pytest.mark.parametrize("status", [400, 401, 404])
async def test_a_refusal_ends_it(status: int) -> None:
    found = await polling.result(looks(RUNNING, (status, {"code": "x"}), DONE), ended, QUICK)
    assert (found.answer.status, found.good, found.parsed) == (status, False, {"code": "x"})


async def test_what_takes_too_long_is_cancelled() -> None:
    told = list[str]()

    async def cancel() -> Answer:
        told.append("cancel")
        raise CallFailed("upstream_timeout", "not even that")

    async def look() -> Answer:
        return answered(*RUNNING)

    with pytest.raises(CallFailed, match=r"did not end in 0\.05 s"):
        await polling.wanted(look, ended, cancel, Pace(0.001, 1.0, 0.001, 0.05, 3))
    assert told == ["cancel"]
    waiting = asyncio.create_task(polling.wanted(look, ended, cancel, QUICK))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert told == ["cancel"] * 2


async def test_what_is_too_long_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "MAX_BYTES", 10)
    with pytest.raises(CallFailed, match="longer than 10 bytes"):
        await polling.read(answered(200, b"x" * 11))


async def test_further_requests_are_authenticated_like_the_first() -> None:
    headers = {"Authorization": "Bearer k", "Prefer": "wait", "Content-Type": "a/b", "X-Own": "1"}
    first = httpx.Request("POST", "https://a.example/v1/x", headers=headers, content=b"abc")
    then = polling.asked_again(first, "GET", "https://b.example/y", accept="text/event-stream")
    kept = {"authorization": "Bearer k", "x-own": "1", "accept": "text/event-stream"}
    assert dict(then.headers) == {"host": "b.example", **kept}
    assert (then.method, str(then.url)) == ("GET", "https://b.example/y")
