"""The garbage collector: how often a process looks for garbage that refers to itself.

Owns the setting for processes that handle many short-lived documents: servers, and commands that
read all events. Promises less CPU for a little more memory, and gives back what starting took and
nobody needs any more. Refuses nothing.
"""

import ctypes
import gc
import sys

# Requests and events are many objects in few cycles; to look for cycles every 700 objects costs a
# tenth of the processor.
THRESHOLDS = (20_000, 20, 50)


def tune_collector() -> None:
    """Leave what lives for ever out of the search for garbage, and search less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    give_back()


def give_back() -> None:
    """Give free memory back to the system; other C libraries than GNU's do so by themselves."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)
