"""Samples the main thread's stack at ticks of CPU time, where it really is.

A handler in Python would run only where the interpreter looks for signals, at the next call or turn
of a loop: what the event loop, the sockets and other code in C cost would be counted for whatever
Python function comes after them. So faulthandler's handler is used, which writes the stack down at
the very moment of the tick; C code counts for the function that called it.
"""

from __future__ import annotations

import faulthandler
import os
import re
import runpy
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from types import CodeType

import orjson

from tests.bench.parts import part_of

_INTERVAL_S = 0.001
_FRAME = re.compile(r'  File "(.*)", line (\d+) in (.*)')
_STDLIB = Path(runpy.__file__).parent
_REPOSITORY = Path(__file__).parents[2]

Frame = tuple[str, int, str]  # file, line, function


class StackSampler:
    """Counts functions on the stack, alone (`self`) and with what they call (`total`)."""

    def __init__(self) -> None:
        # In memory: many small writes to a disk would slow down what is measured.
        self._file = os.fdopen(os.memfd_create("stacks"), "w+")
        self._cpu_s: dict[str, float] = {}

    def start(self) -> None:
        """Begins to sample CPU time."""
        self._cpu_s = _cpu_by_thread()
        faulthandler.register(signal.SIGPROF, file=self._file, all_threads=False, chain=False)
        signal.setitimer(signal.ITIMER_PROF, _INTERVAL_S, _INTERVAL_S)

    def stop(self, out: Path) -> None:
        """Writes what was counted as JSON."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, signal.SIG_IGN)
        cpu_s = {n: s - self._cpu_s.get(n, 0.0) for n, s in _cpu_by_thread().items()}
        self._file.seek(0)
        report = {"cpu_s": cpu_s, **counted(Counter(_stacks(self._file)))}
        self._file.close()
        out.write_bytes(orjson.dumps(report))


def _stacks(lines: Iterable[str]) -> Iterator[tuple[Frame, ...]]:
    """Reads the stacks that were written down, each with the innermost function first."""
    stack: list[Frame] = []
    for line in lines:
        found = _FRAME.match(line)
        if found is not None:
            stack.append((found[1], int(found[2]), found[3]))
        elif stack:  # the head of the next one
            yield tuple(stack)
            stack = []
    if stack:
        yield tuple(stack)


def counted(stacks: Counter[tuple[Frame, ...]]) -> dict[str, object]:
    """How many samples there are, and of which part, function and line, as the report has them."""
    own, total, lines, parts = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for stack, count in stacks.items():
        names = list(dict.fromkeys(_name(*frame) for frame in stack))  # each function once
        own[names[0]] += count
        lines[f"{names[0]}:{stack[0][1]}"] += count
        parts[part_of(names)] += count
        for name in names:
            total[name] += count
    return {
        "samples": stacks.total(),
        "parts": parts,
        "functions": [[name, own[name], count] for name, count in total.most_common()],
        "lines": lines.most_common(200),
    }


@cache
def _name(file: str, line: int, function: str) -> str:
    """A function's place, short: the path below site-packages or the standard library."""
    path = Path(file)
    for parent in path.parents:
        if parent.name == "site-packages" or parent in (_STDLIB, _REPOSITORY):
            path = path.relative_to(parent)
            break
    return f"{path}:{_qualified(file, line, function)}"


def _qualified(file: str, line: int, function: str) -> str:
    """The function's name with its class: of those around the line the one that begins last."""
    around = [
        code
        for code in _functions(file)
        if code.co_name == function and code.co_firstlineno <= line <= _last_line(code)
    ]
    best = max(around, key=lambda code: code.co_firstlineno, default=None)
    return function if best is None else best.co_qualname


@cache
def _functions(file: str) -> list[CodeType]:
    try:
        found = [compile(Path(file).read_bytes(), file, "exec", dont_inherit=True)]
    except (OSError, SyntaxError):
        return []  # made from text, as checks of schemas are, or compiled
    for code in found:
        found += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return found


def _last_line(code: CodeType) -> int:
    return max(line for _, _, line in code.co_lines() if line is not None)


def _cpu_by_thread() -> dict[str, float]:
    """CPU seconds of every living thread since it began; pools' threads are summed."""
    spent: dict[str, float] = {}
    for thread in threading.enumerate():
        if thread.ident is not None:
            name = thread.name.rstrip("0123456789-_ ")
            seconds = time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
            spent[name] = spent.get(name, 0.0) + seconds
    return spent
