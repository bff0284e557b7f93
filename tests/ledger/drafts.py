"""Drafts of valid events for tests."""

from typing import Any

from ledger.events import Draft

# What the slot of a process says that is not there any more.
GONE = {"pid": 2**22 + 1, "owner": f"{2**22 + 1}:1"}


def recharge(reference: str, account: str = "user:1", amount_nano: int = 1_000) -> Draft:
    """Money in; two drafts with one reference and different amounts contradict each other."""
    return Draft(
        f"recharge:test:{reference}",
        "recharge.credited",
        account,
        amount_nano,
        "user:100",
        {"provider": "test", "reference": reference},
    )


def charge(
    request_id: str,
    tokens: int,
    *,
    user: int = 1,
    key: int = 7,
    channel: int = 3,
    held: tuple[str, ...] | None = None,
) -> Draft:
    """A charge of `tokens` x 1,000 nano-dollars (1 USD per million tokens)."""
    body: dict[str, Any] = {
        "request_id": request_id,
        "endpoint": "chat.completions",
        "key": key,
        "channel": channel,
        "group": "default",
        "model": "test-model",
        "served_model": "test-model",
        "stream": False,
        "usage": {"input": tokens},
        "usage_source": "upstream",
        "outcome": "complete",
        "policy": "drain",
        "price": {
            "version": 1,
            "model": "test-model",
            "group": "default",
            "group_ratio": "1",
            "rates": {"input": "1"},
        },
        "hold": {
            "nano": tokens * 1_000,
            "accounts": [f"user:{user}"] if held is None else list(held),
        },
        "shortfall_nano": 0,
        "cost_nano": 0,
        "attempts": [{"channel": channel, "status": 200}],
        "latency_ms": {"total": 5, "first_token": None},
    }
    return Draft(
        f"usage:{request_id}",
        "usage.charged",
        f"user:{user}",
        -tokens * 1_000,
        f"key:{key}",
        body,
    )
