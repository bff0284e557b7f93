"""An event loop whose time is a number and whose every choice comes from a seed.

Each simulated process has its own queue of ready callbacks, first in first out as a real loop has
it; which process moves next is drawn. Nothing sleeps: when nobody is ready the clock jumps to the
next timer. A paused process keeps its callbacks until it goes on; a dead one loses them.
"""

import asyncio
import heapq
import random
import sys
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any

MAX_STEPS = 400_000


class Stuck(Exception):
    """Nothing is left to do, or too much was done, and what was waited for did not happen."""


class Actor:
    """Somebody whose callbacks the loop runs: the server, a process, or the world around them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.ready: deque[events.Handle] = deque()
        self.alive = True
        self.paused = False
        self.jobs: list[Callable[..., Any]] = []  # what its threads have not done yet
        self.context = copy_context()
        self.context.run(ACTOR.set, self)

    def __repr__(self) -> str:
        return self.name


ACTOR: ContextVar[Actor] = ContextVar("actor")


class SimTask(asyncio.Task[Any]):
    """A task with the same hash in every run, so that sets of tasks have the same order."""

    __slots__ = ("actor", "serial")

    def __init__(self, serial: int, coro: Any, *, loop: Any, **kwargs: Any) -> None:
        self.serial = serial
        context = kwargs.get("context")
        self.actor = ACTOR.get(loop.world) if context is None else context[ACTOR]
        super().__init__(coro, loop=loop, **kwargs)

    def __hash__(self) -> int:
        return self.serial


class SimLoop(asyncio.BaseEventLoop):
    """Virtual time, seeded order. Drive it with `run`."""

    def __init__(self, rng: random.Random, *, shuffled: bool = False) -> None:
        self._running = False
        super().__init__()
        self.rng = rng
        self.shuffled = shuffled
        self.now_s = 0.0
        self.steps = 0
        self.failure: BaseException | None = None
        self.world = Actor("world")
        self.tasks: list[SimTask] = []
        self._busy: list[Actor] = []
        self._timers: list[tuple[float, int, events.TimerHandle]] = []
        self._serial = 0

    # -- what asyncio asks of a loop --------------------------------------------------------------

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self.now_s

    def get_debug(self) -> bool:
        """Return False; debugging a simulation goes by its trace."""
        return False

    def is_running(self) -> bool:
        """Return True while `run` runs."""
        return self._running

    def call_soon(
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> events.Handle:
        """Queue a callback with the actor in whose context it was made."""
        handle = events.Handle(callback, args, self, context)
        self._queue(handle)
        return handle

    def call_at(
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> events.TimerHandle:
        """Queue a callback for a time."""
        handle = events.TimerHandle(when, callback, args, self, context)
        self._serial += 1
        heapq.heappush(self._timers, (when, self._serial, handle))
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> events.TimerHandle:
        """Queue a callback for `delay` seconds from now."""
        return self.call_at(self.now_s + delay, callback, *args, context=context)

    def create_task(
        self, coro: Coroutine[Any, Any, Any], *, name: Any = None, context: Any = None
    ) -> SimTask:
        """Start a task; all are remembered until the end, so that none is collected midway."""
        self._serial += 1
        task = SimTask(self._serial, coro, loop=self, name=name, context=context)
        self.tasks.append(task)
        return task

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        """Run the function a little later, whole, unless its process is dead by then."""
        future: asyncio.Future[Any] = self.create_future()
        actor = ACTOR.get(self.world)

        def work() -> None:
            actor.jobs.remove(func)
            try:
                result = func(*args)
            except BaseException as error:
                if not future.cancelled():
                    future.set_exception(error)
            else:
                if not future.cancelled():
                    future.set_result(result)

        actor.jobs.append(func)
        self.call_later(self.rng.expovariate(500), work)
        return future

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """An exception that nobody caught ends the run."""
        error = context.get("exception") or Stuck(str(context.get("message")))
        if self.failure is None and self._running:
            self.failure = error

    def _timer_handle_cancelled(self, handle: events.TimerHandle) -> None:
        pass

    # -- what the simulation asks -----------------------------------------------------------------

    def start(self, actor: Actor, coro: Coroutine[Any, Any, Any], name: str) -> SimTask:
        """Start a task of an actor."""
        return self.create_task(coro, name=name, context=actor.context.copy())

    def kill(self, actor: Actor) -> None:
        """Nothing of this actor runs any more."""
        actor.alive = False
        actor.ready.clear()
        self._drop(actor)

    def pause(self, actor: Actor) -> None:
        """Stop an actor in its tracks."""
        actor.paused = True
        self._drop(actor)

    def resume(self, actor: Actor) -> None:
        """Let it go on; what became due meanwhile runs now."""
        actor.paused = False
        if actor.alive and actor.ready and actor not in self._busy:
            self._busy.append(actor)

    def run(self, main: Coroutine[Any, Any, Any]) -> Any:
        """Run until `main` is done. Raises what ended it, or Stuck."""
        task = self.start(self.world, main, "main")
        before, hooks = events._get_running_loop(), sys.get_asyncgen_hooks()
        events._set_running_loop(self)
        # Generators of processes that were killed go with the garbage; nothing of them runs again.
        sys.set_asyncgen_hooks(firstiter=None, finalizer=lambda generator: None)
        self._running = True
        try:
            while not task.done():
                self._step()
                if self.failure is not None:
                    raise self.failure
        finally:
            self._running = False
            events._set_running_loop(before)
            sys.set_asyncgen_hooks(*hooks)
        return task.result()

    def _step(self) -> None:
        busy = self._busy
        if not busy:
            self._advance()
            return
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise Stuck(f"{MAX_STEPS} steps and no end")
        index = int(self.rng.random() * len(busy)) if len(busy) > 1 else 0
        ready = busy[index].ready
        if self.shuffled and len(ready) > 1:
            ready.rotate(-int(self.rng.random() * len(ready)))
        handle = ready.popleft()
        if not ready:
            busy[index] = busy[-1]
            busy.pop()
        if not handle._cancelled:
            handle._run()

    def _advance(self) -> None:
        timers = self._timers
        if not timers:
            raise Stuck("nothing is left to do")
        self.now_s = max(self.now_s, timers[0][0])
        while timers and timers[0][0] <= self.now_s:
            handle = heapq.heappop(timers)[2]
            if not handle._cancelled:
                self._queue(handle)

    def _queue(self, handle: events.Handle) -> None:
        actor = handle._context.get(ACTOR, self.world)
        if not actor.alive:
            return
        if not actor.ready and not actor.paused:
            self._busy.append(actor)
        actor.ready.append(handle)

    def _drop(self, actor: Actor) -> None:
        if actor in self._busy:
            self._busy.remove(actor)

    def forgive(self, actor: Actor) -> None:
        """Count an actor's errors as seen: it dies before it could look at all of them."""
        for task in self.tasks:
            if task.actor is actor and task.done() and not task.cancelled():
                task.exception()

    def lost_errors(self) -> list[BaseException]:
        """Return the exceptions of tasks that nobody looked at."""
        found = []
        for task in self.tasks:
            if task.done() and task._log_traceback:
                error = None if task.cancelled() else task.exception()
                if error is not None:
                    found.append(error)
        return found

    def discard(self) -> None:
        """Let go of all tasks quietly."""
        for task in self.tasks:
            task._log_destroy_pending = False
            if task.done() and not task.cancelled():
                task.exception()
        self.close()
