"""A week's use by day and model, from the events of one account."""

from typing import Any

from admin.logbook import tokens
from admin.times import US_PER_S, utc_day
from ledger.money import quota_ceil
from ledger.quote import INPUT_CLASSES, OUTPUT_CLASSES
from ledger.store import Store

DAYS = 7
_DAY_US = 86_400 * US_PER_S
_FIELDS = {"ts": 1, "amount": 1, "body.model": 1, "body.usage": 1}


async def daily_usage(store: Store, account: str, now_us: int) -> list[dict[str, Any]]:
    """Sum the last seven UTC days, today included, in One API's capitalised fields.

    Reads the events of the account as a stream; amounts are summed in nano-dollars before they are
    shown as quota.
    """
    since_us = (now_us // _DAY_US - DAYS + 1) * _DAY_US
    query = {"account": account, "ts": {"$gte": since_us}, "type": "usage.charged"}
    sums: dict[tuple[str, str], list[int]] = {}
    async for event in store.find("events", query, projection=_FIELDS):
        body = event["body"]
        cell = sums.setdefault((utc_day(event["ts"]), body["model"]), [0, 0, 0, 0])
        cell[0] += 1
        cell[1] -= event["amount"]
        cell[2] += tokens(body["usage"], INPUT_CLASSES)
        cell[3] += tokens(body["usage"], OUTPUT_CLASSES)
    return [
        {
            "Day": day,
            "ModelName": model,
            "RequestCount": requests,
            "Quota": quota_ceil(nano),
            "PromptTokens": prompt,
            "CompletionTokens": completion,
        }
        for (day, model), (requests, nano, prompt, completion) in sorted(sums.items())
    ]
