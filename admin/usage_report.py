"""Use over time: what dashboards show, summed from the rollups.

Owns the rows of dashboards. Promises that sums are exact up to this moment, and that a row for a
user says nothing of the operator's costs. Amounts are summed in nano-dollars before they are shown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from admin.logbook import tokens
from admin.times import utc_day
from gateway.directory.directory import Directory
from ledger.cubes import (
    ACCOUNT,
    CHANNEL,
    DAY_US,
    EVENTS,
    GROUP,
    HOUR_US,
    KEY,
    MODEL,
    TYPE,
    Cell,
    merged,
)
from ledger.events import rfc3339
from ledger.money import quota_ceil, usd
from ledger.quote import INPUT_CLASSES, OUTPUT_CLASSES, USAGE_CLASSES
from ledger.store import Store
from ledger.tally import Group
from ledger.totals import measures, sums

DAYS = 7
USAGE = ("usage.charged", "usage.reversed")
#: What a dashboard can be by, and where a cell says it. Hours and days are periods.
DIMENSIONS = {
    "type": TYPE,
    "user": ACCOUNT,
    "key": KEY,
    "model": MODEL,
    "channel": CHANNEL,
    "group": GROUP,
}
PERIODS = {"hour": HOUR_US, "day": DAY_US}
OWN_BY = ("hour", "day", "key", "model", "group", "type")

Row = dict[str, Any]


async def daily_usage(store: Store, account: str, now_us: int) -> list[Row]:
    """Sum the last seven UTC days, today included, in One API's capitalised fields."""
    since_us = (now_us // DAY_US - DAYS + 1) * DAY_US
    query = {"account": account, "type": "usage.charged"}
    found = await sums(store, (query,), since_us, None, by=(MODEL,), bucket_us=DAY_US) or {}
    return [_one_api(group, measures(cell)) for group, cell in sorted(found.items(), key=_order)]


def _order(item: tuple[Group, Cell]) -> tuple[str, ...]:
    return tuple(str(value) for value in item[0])


def _one_api(group: Group, counted: Mapping[str, int]) -> Row:
    return {
        "Day": utc_day(group[0]),
        "ModelName": group[1] or "",
        "RequestCount": counted["events"],
        "Quota": quota_ceil(-counted["amount_nano"]),
        "PromptTokens": tokens(counted, INPUT_CLASSES),
        "CompletionTokens": tokens(counted, OUTPUT_CLASSES),
    }


@dataclass(frozen=True, slots=True)
class Question:
    """What a dashboard asks: events that match, in a period, by which of PERIODS and DIMENSIONS."""

    query: Mapping[str, Any]
    from_us: int
    to_us: int
    by: Sequence[str]
    costs: bool

    @property
    def bucket_us(self) -> int | None:
        """The shortest period that rows are by."""
        return min((PERIODS[name] for name in self.by if name in PERIODS), default=None)

    @property
    def dimensions(self) -> list[str]:
        """The dimensions that rows are by."""
        return [name for name in self.by if name in DIMENSIONS]


async def usage_by(store: Store, question: Question) -> tuple[list[Row], Row]:
    """Return a row for each combination that had use, and their totals.

    Sums are taken by type as well, to tell charges from refunds.
    """
    names = question.dimensions
    by = [DIMENSIONS[name] for name in names]
    query = dict(question.query)
    if "type" not in names:
        query["type"] = {"$in": list(USAGE)}
    found = await sums(
        store,
        (query,),
        question.from_us,
        question.to_us,
        by=(*by, TYPE),
        bucket_us=question.bucket_us,
    )
    rows: dict[Group, dict[str, Cell]] = {}
    whole: dict[str, Cell] = {}
    for group, cell in (found or {}).items():
        *rest, kind = group
        rows.setdefault(tuple(rest), {})[kind] = cell
        whole[kind] = merged(whole[kind], cell) if kind in whole else cell
    written = [
        {**_labels(question, group), **_numbers(kinds, costs=question.costs)}
        for group, kinds in rows.items()
    ]
    if question.bucket_us is None:
        written.sort(key=lambda row: (-row["charged_nano"], [str(row[name]) for name in names]))
    else:
        period = "hour" if question.bucket_us == HOUR_US else "day"
        written.sort(key=lambda row: (row[period], [str(row[name]) for name in names]))
    return written, _numbers(whole, costs=question.costs)


def _labels(question: Question, group: Group) -> Row:
    labels: Row = {}
    values = list(group)
    if question.bucket_us is not None:
        start = values.pop(0)
        if "hour" in question.by:
            labels["hour"] = rfc3339(start)
        if "day" in question.by:
            labels["day"] = utc_day(start)
    for name, value in zip(question.dimensions, values, strict=True):
        labels[name] = _user(value) if name == "user" else value
    return labels


def _user(account: str) -> int | None:
    kind, _, number = account.partition(":")
    return int(number) if kind == "user" else None


def _numbers(kinds: Mapping[str, Cell], *, costs: bool) -> Row:
    """Write sums by event type. Margin is what was charged and not given back, less the cost.

    `tried` counts charges that were answered elsewhere after this channel had failed.
    """
    counted = {kind: measures(cell) for kind, cell in kinds.items()}
    used = counted.get("usage.charged", {})
    charged = -used.get("amount_nano", 0)
    refunded = counted.get("usage.reversed", {}).get("amount_nano", 0)
    amounts = {
        "amount": sum(each["amount_nano"] for each in counted.values()),
        "charged": charged,
        "refunded": refunded,
    }
    if costs:
        amounts["cost"] = used.get("cost_nano", 0)
        amounts["margin"] = charged - refunded - amounts["cost"]
    tried = {"tried": used.get("tried", 0)} if costs else {}
    return {
        "events": sum(cell[EVENTS] for cell in kinds.values()),
        "requests": used.get("requests", 0),
        **tried,
        **{name: usd(nano) for name, nano in amounts.items()},
        **{f"{name}_nano": nano for name, nano in amounts.items()},
        "usage": {name: used[name] for name in USAGE_CLASSES if used.get(name)},
        "latency_ms": _mean(used.get("latency_ms", 0), used.get("events", 0)),
        "first_token_ms": _mean(used.get("first_token_ms", 0), used.get("first_tokens", 0)),
    }


def _mean(total: int, count: int) -> int | None:
    return total // count if count else None


async def add_names(directory: Directory, rows: Sequence[Row]) -> None:
    """Add the names of the users, keys and channels that rows are by; deleted ones keep theirs."""
    for field, name, documents in (
        ("user", "username", directory.users),
        ("key", "key_name", directory.keys),
        ("channel", "channel_name", directory.channels),
    ):
        ids = {row[field] for row in rows if row.get(field) is not None}
        if not ids:
            continue
        found: Mapping[int, Any] = await documents.get_many(sorted(ids))
        for row in rows:
            one = found.get(row[field])
            row[name] = getattr(one, "username" if field == "user" else "name", "")
