"""How long requests took: percentiles of what was charged last, over all and by channel.

The rollups keep sums, from which no percentile can be told, so these are exact percentiles (nearest
rank) of the newest charges of a period, and the answer says how many those are.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from ledger.store import Store

#: Charges that are read for an answer.
MOST = 5_000
SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_READ = {"body.latency_ms": 1, "body.channel": 1}


def percentiles(values: Iterable[int]) -> dict[str, int] | None:
    """Return p50, p95 and p99 by nearest rank, None of nothing."""
    ordered = sorted(values)
    if not ordered:
        return None
    return {name: ordered[math.ceil(share * len(ordered)) - 1] for name, share in SHARES.items()}


async def latencies(store: Store, from_us: int, to_us: int) -> tuple[list[dict[str, Any]], int]:
    """Return a row over all (`channel` None) and one for each channel, busiest first, and how many
    charges were read. Times are milliseconds, from the request's arrival."""
    wanted = {"type": "usage.charged", "ts": {"$gte": from_us, "$lt": to_us}}
    found = await store.find_list("events", wanted, projection=_READ, sort=[("ts", -1)], limit=MOST)
    of_channel: dict[Any, list[dict[str, Any]]] = {}
    for event in found:
        of_channel.setdefault(event["body"].get("channel"), []).append(event["body"])
    busiest = sorted(of_channel.items(), key=lambda each: -len(each[1]))
    bodies = [event["body"] for event in found]
    rows = [_row(None, bodies)] if bodies else []
    rows += [_row(channel, some) for channel, some in busiest if channel is not None]
    return rows, len(found)


def _row(channel: int | None, bodies: Sequence[dict[str, Any]]) -> dict[str, Any]:
    times = [body.get("latency_ms") or {} for body in bodies]
    return {
        "channel": channel,
        "requests": len(bodies),
        "latency_ms": percentiles(each["total"] for each in times if _told(each, "total")),
        "first_token_ms": percentiles(
            each["first_token"] for each in times if _told(each, "first_token")
        ),
    }


def _told(times: dict[str, Any], name: str) -> bool:
    return times.get(name) is not None
