"""Runs the gateway's command line in this process with a profiler that is switched from outside.

Run as `python -m tests.bench.sampler MODE OUT ARGUMENT...`. SIGUSR2 starts the profiler, the next
SIGUSR2 stops it and writes OUT, so that start-up and warm-up stay out of the picture. MODE is

* `sample`: the main thread's stack is noted at every tick of CPU time (1 to 4 ms, as the system has
  it) at which it was not waiting. Nearly free, so proportions are true; time inside C code counts
  for the line that called it. Other threads' CPU time is read exactly, but not taken apart.
* `calls`: cProfile. Counts every call, and by that makes small functions look dearer than they are.
"""

from __future__ import annotations

import cProfile
import pstats
import runpy
import signal
import sys
import threading
import time
from collections import Counter
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Protocol

import orjson

from tests.bench.parts import part_of

_INTERVAL_S = 0.001
_WAITING = frozenset({"select", "poll"})  # where the main thread stands while it waits
_STDLIB = Path(runpy.__file__).parent
_REPOSITORY = Path(__file__).parents[2]


class Profiler(Protocol):
    """Something that can be started once and stopped once."""

    def start(self) -> None: ...
    def stop(self, out: Path) -> None: ...


class StackSampler:
    """Counts functions on the stack, alone (`self`) and with what they call (`total`)."""

    def __init__(self) -> None:
        self._own: Counter[tuple[CodeType, int]] = Counter()
        self._total: Counter[CodeType] = Counter()
        self._stacks: Counter[tuple[CodeType, ...]] = Counter()
        self._samples = 0
        self._cpu_s: dict[str, float] = {}

    def start(self) -> None:
        """Begins to sample CPU time."""
        self._cpu_s = _cpu_by_thread()
        signal.signal(signal.SIGPROF, self._sample)
        signal.setitimer(signal.ITIMER_PROF, _INTERVAL_S, _INTERVAL_S)

    def _sample(self, _number: int, frame: FrameType | None) -> None:
        if frame is None or frame.f_code.co_name in _WAITING:
            return  # the tick was another thread's
        self._samples += 1
        self._own[frame.f_code, frame.f_lineno] += 1
        stack: dict[CodeType, None] = {}  # each function once, the innermost first
        while frame is not None:
            stack[frame.f_code] = None
            frame = frame.f_back
        self._total.update(stack.keys())
        self._stacks[tuple(stack)] += 1

    def stop(self, out: Path) -> None:
        """Writes what was counted as JSON."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        cpu_s = {n: s - self._cpu_s.get(n, 0.0) for n, s in _cpu_by_thread().items()}
        own: Counter[CodeType] = Counter()
        for (code, _line), count in self._own.items():
            own[code] += count
        functions = [[_name(code), own[code], total] for code, total in self._total.most_common()]
        lines = [
            [f"{_name(code)}:{line}", count] for (code, line), count in self._own.most_common(200)
        ]
        parts: Counter[str] = Counter()
        for stack, count in self._stacks.items():
            parts[part_of(map(_name, stack))] += count
        report = {"cpu_s": cpu_s, "samples": self._samples, "parts": parts}
        out.write_bytes(orjson.dumps({**report, "functions": functions, "lines": lines}))


def _cpu_by_thread() -> dict[str, float]:
    """CPU seconds of every living thread since it began; pools' threads are summed."""
    spent: dict[str, float] = {}
    for thread in threading.enumerate():
        if thread.ident is not None:
            name = thread.name.rstrip("0123456789-_ ")
            seconds = time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
            spent[name] = spent.get(name, 0.0) + seconds
    return spent


class CallProfiler:
    """cProfile between the two signals."""

    def __init__(self) -> None:
        self._profile = cProfile.Profile()

    def start(self) -> None:
        """Begins to count calls."""
        self._profile.enable()

    def stop(self, out: Path) -> None:
        """Writes the file that pstats reads."""
        self._profile.disable()
        pstats.Stats(self._profile).dump_stats(out)


@cache
def _name(code: CodeType) -> str:
    """A function's place, short: the path below site-packages or the standard library."""
    path = Path(code.co_filename)
    for parent in path.parents:
        if parent.name == "site-packages" or parent in (_STDLIB, _REPOSITORY):
            path = path.relative_to(parent)
            break
    return f"{path}:{code.co_qualname}"


_MODES: dict[str, type[StackSampler] | type[CallProfiler]] = {
    "sample": StackSampler,
    "calls": CallProfiler,
}


def main() -> None:
    mode, out, *arguments = sys.argv[1:]
    profiler: Profiler = _MODES[mode]()
    running = False

    def switch(_number: int, _frame: FrameType | None) -> None:
        nonlocal running
        if running:
            # Under another name first: whoever waits for OUT finds it whole.
            part = Path(out + ".part")
            profiler.stop(part)
            part.replace(out)
        else:
            profiler.start()
        running = not running

    signal.signal(signal.SIGUSR2, switch)
    sys.argv[:] = ["tollgate", *arguments]
    runpy.run_module("gateway.cli", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
