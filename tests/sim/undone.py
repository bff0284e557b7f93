"""Bugs that the simulation, or a test of it, once found: each fix undone.

A fix is undone in the text of its function, so that the rest is what the product does today; when
that text is not there any more, this fails instead of testing nothing.
"""

import inspect
import textwrap
from collections.abc import Callable
from typing import Any

from ledger import books, recovery, slices
from ledger.books import Books
from ledger.slices import Slices

Plant = tuple[Any, str, Any]


def edited(function: Callable[..., Any], *edits: tuple[str, str]) -> Any:
    """Return the function with parts of its text replaced. Raises LookupError."""
    text = textwrap.dedent(inspect.getsource(function))
    for old, new in edits:
        if text.count(old) != 1:
            raise LookupError(f"{function.__qualname__} does not say {old!r} once")
        text = text.replace(old, new)
    made: dict[str, Any] = {}
    exec(compile(text, f"<{function.__qualname__}, edited>", "exec"), function.__globals__, made)
    return made[function.__name__]


_EPOCH = '"$expr": _not_later(w, epoch),'
_free_slices = edited(slices.free_slices, (_EPOCH, ""))
_look_up = edited(Slices._look_up, (', "$expr": _not_later(w, self._epoch)', ""))
_top_up = edited(
    Slices.top_up,
    ("if piece.free >= need_nano:  # more was granted than this process had heard of", "if False:"),
)
_forget_idle = edited(Slices.forget_idle, ("not piece.users", "not piece.held"))


def _may_take_credit(self: Any) -> bool:
    return bool(self._outage.reachable())


UNDONE: dict[str, list[Plant]] = {
    "more is asked for than an unanswered grant left to ask": [(Slices, "top_up", _top_up)],
    "a process that closes frees the slices of its slot's next owner": [
        (books, "free_slices", _free_slices),
        (recovery, "free_slices", _free_slices),
    ],
    "a process that comes back to life gives back what its heir has": [
        (Slices, "_look_up", _look_up),
        (Books, "_may_take_credit", _may_take_credit),
    ],
    "a slice is forgotten while somebody waits for it": [(Slices, "forget_idle", _forget_idle)],
}
