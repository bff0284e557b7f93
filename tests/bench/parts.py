"""What the parts of a relayed request are, for the profile: which function belongs to which.

A sample belongs to the part of the innermost function on its stack that the table knows: what a
part calls in a library is its own. Functions that serve several parts are in none, so that their
callers decide.
"""

from __future__ import annotations

from collections.abc import Iterable

#: The parts in the order of a request, and where their functions are: paths, or paths and names.
PARTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("auth", ("gateway/relay/admit.py", "gateway/directory/keys.py", "gateway/directory/vault.py")),
    ("request", ("gateway/dialects/asks.py", "gateway/formats/openai.py", "gateway/http.py:_")),
    ("request", ("gateway/http.py:Application", "gateway/clients.py", "gateway/proxied.py")),
    ("route", ("gateway/relay/route.py", "gateway/relay/limit.py", "gateway/limits/")),
    ("route", ("gateway/relay/filter.py", "gateway/relay/moderation.py", "gateway/channels/")),
    ("hold", ("gateway/relay/reserve.py", "ledger/credit.py", "ledger/slices.py")),
    ("hold", ("ledger/quote.py", "ledger/price_table.py", "ledger/budgets.py", "ledger/lots.py")),
    ("transport", ("gateway/providers/", "gateway/relay/attempt.py", "gateway/relay/call.py")),
    ("transport", ("gateway/relay/outgoing.py", "gateway/relay/costs.py", "aiohttp/")),
    ("meter", ("gateway/relay/meter.py", "gateway/relay/measuring.py", "gateway/formats/")),
    ("meter", ("gateway/relay/stream_meter.py", "gateway/relay/pass_meter.py")),
    ("append", ("gateway/relay/settle.py", "ledger/appender.py", "ledger/events.py")),
    ("append", ("ledger/books.py:Books.charge", "ledger/books.py:Books._resolving")),
    ("append", ("ledger/writers.py:Writer.number", "ledger/spiller.py", "ledger/spill.py")),
    ("projection", ("ledger/projector.py", "ledger/rollups.py", "ledger/books.py:Books._landed")),
    ("reply", ("gateway/relay/handler.py:CompletionHandler.send", "gateway/relay/stream.py")),
    ("reply", ("gateway/relay/handler.py:CompletionHandler._deliver", "gateway/relay/answer.py")),
    ("reply", ("tornado/web.py:RequestHandler.finish", "tornado/web.py:RequestHandler.flush")),
    ("reply", ("gateway/http.py:BaseHandler", "gateway/observer.py")),
    ("reply", ("gateway/client_call.py:Call", "gateway/client_line.py:ClientLine.write")),
    ("reply", ("gateway/client_line.py:ClientLine.answered",)),
    ("request", ("gateway/client_line.py", "gateway/client_parser.py", "tornado/web.py")),
    ("books' other work", ("ledger/chores.py", "ledger/")),
    ("gateway's other work", ("gateway/jobs.py", "gateway/directory/", "gateway/relay/")),
)
#: Who reads and writes for others: the caller decides.
SHARED = ("ledger/store.py", "ledger/store_errors.py", "ledger/drivers.py", "ledger/clock.py")
#: Everything else: the loop itself, sockets that become ready, the collector.
REST = "loop and sockets"
LEDGER = ("hold", "append", "projection", "books' other work")


def part_of(stack: Iterable[str]) -> str:
    """Return the part of a stack of functions ("path:name"), the innermost first."""
    for name in stack:
        if name.startswith(SHARED):
            continue
        for part, places in PARTS:
            if name.startswith(places):
                return part
    return REST


def names() -> list[str]:
    """Return the names of all parts, in their order."""
    return [*dict.fromkeys(part for part, _ in PARTS), REST]
