"""Runs the gateway's command line in this process with a profiler that is switched from outside.

Run as `python -m tests.bench.sampler MODE OUT ARGUMENT...`. SIGUSR2 starts the profiler, the next
SIGUSR2 stops it and writes OUT, so that start-up and warm-up stay out of the picture. MODE is

* `sample`: the main thread's stack is noted at every tick of CPU time (1 to 4 ms, as the system has
  it). Nearly free, so proportions are true. Other threads' CPU time is read exactly, but not taken
  apart.
* `calls`: cProfile. Counts every call, and by that makes small functions look dearer than they are.
"""

from __future__ import annotations

import cProfile
import pstats
import runpy
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Protocol

from tests.bench.stacks import StackSampler


class Profiler(Protocol):
    """Something that can be started once and stopped once."""

    def start(self) -> None: ...
    def stop(self, out: Path) -> None: ...


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
