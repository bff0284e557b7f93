"""What the profiler makes of the stacks that it gets."""

import inspect

from ledger.books import Books
from tests.bench.stacks import counted


def line_of(function) -> str:
    """A place in a function as the profiler names it: by its object's class, which is not always
    the one that the function is written in."""
    lines, first = inspect.getsourcelines(function)
    return f"Heir.{function.__name__} ({inspect.getsourcefile(function)}:{first + len(lines) - 1})"


def test_samples_count_once_for_each_function_and_for_the_innermost_part():
    main, charge = "<module> (/nowhere/main.py:3)", line_of(Books.charge)
    idle = f"{main};_worker (/usr/lib/python3/site-packages/concurrent/futures/thread.py:81)"
    report = counted(
        [f"{main};{charge};{charge} 5", f"{main} 2", f"{main};validate (<string>:7) 1", f"{idle} 9"]
    )
    assert report["samples"] == 8
    functions = {name: (own, total) for name, own, total in report["functions"]}
    assert functions["ledger/books.py:Books.charge"] == (5, 5)
    assert functions["/nowhere/main.py:<module>"] == (2, 8)
    assert functions["<string>:validate"] == (1, 1)
    assert report["parts"]["append"] == 5 and report["parts"]["loop and sockets"] == 3
