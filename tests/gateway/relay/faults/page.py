"""The page docs/faults.md, written from the table."""

from collections.abc import Iterable

from tests.gateway.relay.faults.fault import Ends, Fault

_HEAD = """# What upstreams do wrong, and what comes of it

This page is written by `python -m tests.gateway.relay.faults` from the table that the tests try
out: every row over real sockets, for a whole answer and for a stream, from a client of each dialect
to an upstream of the same, and on five ways between two. A test fails when a row is not true, and
when this page is not the table.

- **good**: the client gets the whole answer, or the whole stream with its end, and what the
  upstream reported is charged, unless it says otherwise.
- **error**: what was said goes on to the client, then an error of its dialect ends the stream.
- A number is the status of a refusal, with its code where the dialect has a place for one. Until
  then nothing was sent to the client, so other channels are tried first ([routing](routing.md)).
- The books name where the usage is from (`upstream`, or `counted` here) and the outcome. `nothing`
  is charged to the user; where the channel's costs are known and the upstream may have begun to
  work, its cost is booked.

Timeouts are those of `RELAY_TIMEOUT`; without it, 10 s to connect and 5 minutes of silence.
"""
_TITLES = ("the upstream", "a whole answer", "a stream")


def page(faults: Iterable[Fault]) -> str:
    """Write the page."""
    rows = [_TITLES, ("---",) * 3, *map(_row, faults)]
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return f"{_HEAD}\n{table}\n"


def _row(fault: Fault) -> tuple[str, str, str]:
    return fault.says, _cell(fault, "whole", fault.whole), _cell(fault, "stream", fault.stream)


def _cell(fault: Fault, kind: str, ends: Ends | None) -> str:
    if ends is None:
        return "–"
    said = [_ends(ends)]
    said += [f"{name}: {_ends(other)}" for name, other in fault.but.items() if kind == "stream"]
    if len(fault.upstreams) < 4:
        said[0] = f"{', '.join(fault.upstreams)}: {said[0]}"
    return "; ".join(said)


def _ends(ends: Ends) -> str:
    client = f"**{ends.client}**" if " " not in ends.client else _coded(ends.client)
    return client if ends == ("good", "upstream complete") else f"{client}, {ends.books}"


def _coded(client: str) -> str:
    status, _, code = client.partition(" ")
    return f"**{status}** `{code}`"
