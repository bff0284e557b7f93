"""Runs the gateway's command line in this process under cProfile, switched from outside.

Run as `python -m tests.bench.calls OUT ARGUMENT...`. SIGUSR2 starts the profiler, the next SIGUSR2
stops it and writes OUT for pstats, so that start-up and warm-up stay out of the picture. It counts
every call, and by that makes small functions look dearer than they are.
"""

from __future__ import annotations

import cProfile
import pstats
import runpy
import signal
import sys
from pathlib import Path
from types import FrameType


def main() -> None:
    out, *arguments = sys.argv[1:]
    profile = cProfile.Profile()
    running = False

    def switch(_number: int, _frame: FrameType | None) -> None:
        nonlocal running
        if running:
            profile.disable()
            # Under another name first: whoever waits for OUT finds it whole.
            part = Path(out + ".part")
            pstats.Stats(profile).dump_stats(part)
            part.replace(out)
        else:
            profile.enable()
        running = not running

    signal.signal(signal.SIGUSR2, switch)
    sys.argv[:] = ["tollgate", *arguments]
    runpy.run_module("gateway.cli", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
