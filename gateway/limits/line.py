"""The line to Redis: one connection on which scripts go out together, and which may be away.

While one batch is on its way what comes meanwhile waits and goes with the next: no timer, one round
trip when there is little to do, few of them when there is much. A failure, or an answer that takes
too long, fails everything that waits, at once; after that nothing is sent, so nothing piles up,
until the line has found by itself that Redis answers again.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis import exceptions
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from gateway.limits.rule import Away
from gateway.limits.scripts import Script
from gateway.tasks import end_all

TIMEOUT_S = 0.25
# Pauses before each try to reach a Redis that is away.
TRY_AGAIN_S = (0.1, 0.5, 1.0, 2.0)
MOST_AT_ONCE = 500

log = logging.getLogger("tollgate.redis")

Argument = str | int
Answer = asyncio.Future[Any]


@dataclass(frozen=True, slots=True)
class _Call:
    script: Script
    keys: Sequence[str]
    arguments: Sequence[Argument]
    answer: Answer | None


class Line:
    """Runs scripts on one Redis. `errors` counts failures; `up` says whether it answers."""

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self.up = False
        self.errors = 0
        self._timeout_s = timeout_s
        # Whoever fails is not tried again here: what was sent may have been done.
        self._redis = Redis.from_url(
            url,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 0),
            client_name="tollgate",
        )
        # What Redis was sent in full, and knows by name since.
        self._known: set[str] = set()
        self._queue: deque[_Call] = deque()
        self._sender: asyncio.Task[None] | None = None
        self._seeker: asyncio.Task[None] | None = None
        # Tries to reach it since it last did what it was asked.
        self._tries = 0
        self._closed = False

    async def open(self) -> None:
        """Try to reach Redis; never raises: without it, it is looked for in the background."""
        try:
            await self._greet()
        except _FAILURES as error:
            self._lost(error)

    async def close(self) -> None:
        """Send what waits, for a moment, and hang up."""
        sender = self._sender
        await end_all([sender] if sender is not None else [], self._timeout_s)
        self._closed = True
        self.up = False
        seeker = self._seeker
        await end_all([seeker] if seeker is not None else [])
        self._fail_all()
        await self._redis.aclose()

    async def call(self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """Run a script and return what it says. Raises Away."""
        if not self.up:
            raise Away("Redis is away")
        answer: Answer = asyncio.get_running_loop().create_future()
        self._put(_Call(script, keys, arguments, answer))
        return await answer

    def send(self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]) -> None:
        """Run a script after those before it; nobody waits, and it is lost where Redis is."""
        if self.up:
            self._put(_Call(script, keys, arguments, None))

    def _put(self, call: _Call) -> None:
        self._queue.append(call)
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send_all())

    async def _send_all(self) -> None:
        while self._queue and self.up:
            count = min(len(self._queue), MOST_AT_ONCE)
            batch = [self._queue.popleft() for _ in range(count)]
            try:
                async with asyncio.timeout(2 * self._timeout_s):
                    answers = await self._run(batch)
            except _FAILURES as error:
                self._settle(batch, [error] * len(batch))
                self._lost(error)
            except asyncio.CancelledError:  # the line is closed
                self._settle(batch, [Away("the line is closed")] * len(batch))
                raise
            else:
                self._tries = 0
                self._settle(batch, answers)

    async def _run(self, batch: list[_Call]) -> list[Any]:
        pipe = self._redis.pipeline(transaction=False)
        for call in batch:
            known = call.script.sha in self._known
            self._known.add(call.script.sha)
            run, script = (
                (pipe.evalsha, call.script.sha) if known else (pipe.eval, call.script.text)
            )
            run(script, len(call.keys), *call.keys, *call.arguments)
        answers: list[Any] = await pipe.execute(raise_on_error=False)
        unknown = [n for n, each in enumerate(answers) if isinstance(each, _NO_SCRIPT)]
        if unknown:  # somebody flushed its scripts: late and out of order is better than lost
            for number in unknown:
                call = batch[number]
                pipe.eval(call.script.text, len(call.keys), *call.keys, *call.arguments)
            again = await pipe.execute(raise_on_error=False)
            for number, answer in zip(unknown, again, strict=True):
                answers[number] = answer
        failure = next((each for each in answers if isinstance(each, Exception)), None)
        if failure is not None:
            raise failure
        return answers

    def _settle(self, batch: list[_Call], answers: Sequence[Any]) -> None:
        for call, answer in zip(batch, answers, strict=True):
            if call.answer is None or call.answer.done():
                continue
            if isinstance(answer, Exception):
                call.answer.set_exception(Away(str(answer)))
            else:
                call.answer.set_result(answer)

    def _fail_all(self) -> None:
        batch = list(self._queue)
        self._queue.clear()
        self._settle(batch, [Away("Redis is away")] * len(batch))

    def _lost(self, error: BaseException) -> None:
        self.up = False
        self.errors += 1
        self._fail_all()
        if self._seeker is None or self._seeker.done():
            why = str(error) or type(error).__name__
            log.warning("Redis is away, so this process counts limits alone: %s", why)
            self._seeker = asyncio.create_task(self._seek())

    async def _seek(self) -> None:
        while not self._closed:
            await asyncio.sleep(TRY_AGAIN_S[min(self._tries, len(TRY_AGAIN_S) - 1)])
            self._tries += 1
            try:
                await self._greet()
            except _FAILURES:
                self.errors += 1
            else:
                log.warning("Redis answers again, so limits are shared again")
                return

    async def _greet(self) -> None:
        async with asyncio.timeout(4 * self._timeout_s):
            await self._redis.ping()
        self._known.clear()
        self.up = True


_NO_SCRIPT = exceptions.NoScriptError
_FAILURES = (exceptions.RedisError, OSError, TimeoutError)
