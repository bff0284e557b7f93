"""Books full of random events of several writers, over some days, and what they must add up to."""

import random

from ledger.cubes import DIMENSIONS, HOUR_US, merged
from ledger.grid import by_quarter

START_US = 1_788_220_800_000_000  # 2026-09-01T00:00:00Z
TYPES = ("usage.charged",) * 12 + ("usage.reversed", "recharge.credited", "audit.recorded")
MODELS = ("gpt-4o", "gpt-4o-mini", "claude", "rare")


def random_body(rng, kind):
    if kind == "recharge.credited":
        return {"provider": "test"}
    if kind == "audit.recorded":
        return {"action": "user.update", "key": "not a number", "model": 7}
    body = {"key": rng.randint(1, 6), "channel": rng.randint(1, 3), "group": "default"}
    if kind == "usage.reversed":
        return body
    model = MODELS[min(3, int(rng.expovariate(1.2)))]
    body |= {"model": model, "outcome": rng.choice(("complete", "complete", "failed"))}
    body |= {"usage": {"input": rng.randint(0, 99), "output": rng.randint(0, 9), "strange": 1}}
    body |= {"latency_ms": {"total": rng.randint(1, 99), "first_token": rng.choice((None, 5))}}
    tried = [rng.randint(1, 4) for _ in range(rng.choice((0, 0, 0, 1, 2)))] + [body["channel"]]
    attempts = [{"channel": channel, "cost_nano": rng.randint(0, 9)} for channel in tried]
    body |= {"attempts": attempts, "cost_nano": sum(a["cost_nano"] for a in attempts)}
    return body


def random_event(rng, writer, seq, ts):
    kind = rng.choice(TYPES)
    user = min(6, 1 + int(rng.expovariate(0.6)))
    return {
        "_id": f"e{writer}-{seq}",
        "type": kind,
        "account": "directory" if kind == "audit.recorded" else f"user:{user}",
        "amount": rng.randint(-999, 0) if kind == "usage.charged" else rng.randint(0, 99),
        "ts": ts,
        "writer": writer,
        "seq": seq,
        "body": random_body(rng, kind),
    }


def random_events(rng, writer, count, first_seq=1, ts=START_US, longest_us=8 * HOUR_US):
    """Events in bursts and with gaps, of one writer, in order."""
    events = []
    for seq in range(first_seq, first_seq + count):
        gap = rng.choice((1, 10**6, 60 * 10**6, 600 * 10**6, rng.randint(1, 8 * HOUR_US)))
        ts += gap if gap <= longest_us else rng.randint(1, longest_us)
        events.append(random_event(rng, writer, seq, ts))
    return events


async def plant(store, events, *, released=False):
    """Store events and their writers, without projecting them."""
    for writer in sorted({event["writer"] for event in events}):
        await store.update_one(
            "writers", {"_id": writer}, {"$set": {"released": released}}, upsert=True
        )
    await store.insert_many("events", events)


def naive(events, by, bucket_us=None, matches=lambda event: True):
    """Sum events one by one."""
    groups = {}
    for event in events:
        for at, key, cell in by_quarter([event]):
            named = dict(zip(DIMENSIONS, key, strict=True))
            if not matches(named):
                continue
            group = tuple(named[name] for name in by)
            if bucket_us:
                group = (at // bucket_us * bucket_us, *group)
            groups[group] = merged(groups[group], cell) if group in groups else cell
    return groups


def seeded(seed):
    print("seed", seed)
    return random.Random(seed)
