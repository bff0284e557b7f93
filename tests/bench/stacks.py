"""Samples where a process is, from outside, with py-spy: it stops the process for a moment many
times a second and reads its stacks.

A profiler inside it could look only where the interpreter looks for signals, at the next call or
turn of a loop: what the event loop, the sockets and other code in C cost would be counted for
whatever Python function comes after them. Here C code counts for the function that called it.

Samples are taken by the clock on the wall of all threads that want the processor, so the process
gets one of its own: else it would be found where it wakes others, which then run in its stead.
"""

from __future__ import annotations

import os
import re
import runpy
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any

import psutil

from tests.bench.parts import part_of
from tests.bench.processes import BenchError

_A_SECOND = 250
_END_S = 60
_FRAME = re.compile(r"(.*) \((.*):(\d+)\)")
_WAITING = ("concurrent/futures/thread.py:_worker",)  # py-spy takes an idle thread for a busy one
_STDLIB = Path(runpy.__file__).parent
_REPOSITORY = Path(__file__).parents[2]


def put_apart(process: psutil.Process) -> None:
    """Gives a process below this one a processor, and the others to this one and all else below it.

    Raises BenchError when there is only one.
    """
    first, *others = sorted(os.sched_getaffinity(0))
    if not others:
        raise BenchError("the profiler needs two processors: one for the gateway alone")
    mine = psutil.Process()
    for each in (mine, *mine.children(recursive=True)):
        each.cpu_affinity([first] if each == process else others)


@contextmanager
def watched(pid: int, out: Path) -> Iterator[None]:
    """Samples a process meanwhile; its stacks are in `out` afterwards. Raises BenchError."""
    program = Path(sys.executable).with_name("py-spy")
    what = ["record", "--pid", str(pid), "--rate", str(_A_SECOND), "--output", str(out)]
    how = ["--format", "raw", "--full-filenames"]
    try:
        spy = subprocess.Popen(
            [program, *what, *how], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
    except OSError as error:
        raise BenchError(f"the profiler can't be run ({error}): make dev installs it") from None
    try:
        yield
    finally:
        spy.send_signal(signal.SIGINT)
        _, said = spy.communicate(timeout=_END_S)
    if spy.returncode or not out.exists():
        raise BenchError(f"the profiler failed:\n{said}")


def counted(lines: Iterable[str]) -> dict[str, Any]:
    """How many samples there are, and of which part, function and line, as the report has them.

    A line is a stack, the outermost function first and parted by semicolons, and how often it was.
    """
    own, total, places, parts = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    samples = 0
    for text in lines:
        stack, _, times = text.rpartition(" ")
        frames = [_FRAME.fullmatch(frame) for frame in reversed(stack.split(";"))]
        known = [(found[2], int(found[3]), found[1]) for found in frames if found is not None]
        names = list(dict.fromkeys(_name(*frame) for frame in known))  # each function once
        if not names or names[0] in _WAITING:
            continue
        count = int(times)
        samples += count
        own[names[0]] += count
        places[f"{names[0]}:{known[0][1]}"] += count
        parts[part_of(names)] += count
        for name in names:
            total[name] += count
    return {
        "samples": samples,
        "parts": parts,
        "functions": [[name, own[name], count] for name, count in total.most_common()],
        "lines": places.most_common(200),
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
    """The function's name with the class that it is written in, not that of its object: of those
    around the line the one that begins last."""
    function = function.rpartition(".")[2]
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
