"""Directory objects as One API's JSON, with the numbers that the books say.

Owns the shapes. Promises that no secret is in them, except a key's in its owner's own view.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.directory.channel_config import hidden
from gateway.directory.channels import Channel
from gateway.directory.keys import (
    NEVER,
    STATUS_ENABLED,
    STATUS_EXHAUSTED,
    STATUS_EXPIRED,
    Key,
)
from gateway.directory.proxies import shown_proxy
from gateway.directory.users import User
from ledger.accounts import balance_nano
from ledger.money import quota_ceil, quota_floor, usd

#: In the place of a key or code that may not be shown to an access token.
HIDDEN = "********"

Account = Mapping[str, Any]
US_PER_S = 1_000_000


def spent_nano(account: Account) -> int:
    """What an account's charges add up to, less what was reversed."""
    return int(account.get("spent", 0)) - int(account.get("refunded", 0))


def user_json(user: User, account: Account) -> dict[str, Any]:
    """A user, as admins and the user see it."""
    return {
        "id": user.id,
        "username": user.username,
        "display_name": user.display_name,
        "role": user.role,
        "status": user.status,
        "email": user.email,
        "github_id": user.github_id,
        "wechat_id": user.wechat_id,
        "lark_id": user.lark_id,
        "oidc_id": user.oidc_id,
        "quota": quota_floor(balance_nano(dict(account))),
        "used_quota": quota_ceil(spent_nano(account)),
        "request_count": int(account.get("requests", 0)),
        "group": user.group,
        "aff_code": user.aff_code,
        "inviter_id": user.inviter_id,
        "created_time": user.created_s,
        "rpm": user.rpm,
        "tpm": user.tpm,
        "concurrency": user.concurrency,
        "remind_quota": user.remind_quota,
    }


def key_json(key: Key, secret: str, account: Account, now_s: float) -> dict[str, Any]:
    """A key as its owner sees it. What is left on an unlimited key is never below zero."""
    left_nano, spent = balance_nano(dict(account)), spent_nano(account)
    shown_nano = max(0, left_nano)
    return {
        "id": key.id,
        "user_id": key.user_id,
        "key": secret,
        "status": key_status(key, left_nano, now_s),
        "name": key.name,
        "created_time": key.created_s,
        "accessed_time": key.accessed_s,
        "expired_time": key.expired_s,
        "remain_quota": quota_floor(shown_nano),
        "remain": usd(shown_nano),
        "remain_nano": shown_nano,
        "unlimited_quota": key.unlimited,
        "used_quota": quota_ceil(spent),
        "used": usd(spent),
        "used_nano": spent,
        "models": ",".join(sorted(key.models or ())),
        "subnet": ",".join(key.subnets),
        "group": key.group,
        "rpm": key.rpm,
        "tpm": key.tpm,
        "concurrency": key.concurrency,
    }


def key_status(key: Key, left_nano: int, now_s: float) -> int:
    """A key's status, in which expiry and exhaustion follow from what is true now."""
    if key.status != STATUS_ENABLED:
        return key.status
    if key.expired_s != NEVER and key.expired_s <= now_s:
        return STATUS_EXPIRED
    if not key.unlimited and left_nano <= 0:
        return STATUS_EXHAUSTED
    return STATUS_ENABLED


@dataclass(frozen=True, slots=True)
class Standing:
    """How a channel does: the verdict of the last test ("" for none), for how many seconds it is
    left alone, and the share of its successes, None where that is not measured."""

    verdict: str = ""
    resting_s: float = 0.0
    success_rate: float | None = None


def channel_json(channel: Channel, account: Account, standing: Standing) -> dict[str, Any]:
    """A channel as admins see it: without its upstream key, with secrets in its config masked.

    The margin is what was charged through it less what it cost, as far as its costs are known.
    """
    cost_nano = int(account.get("cost", 0))
    margin_nano = spent_nano(account) - cost_nano
    return {
        "id": channel.id,
        "type": channel.type,
        "status": channel.status,
        "name": channel.name,
        "weight": channel.weight,
        "created_time": channel.created_s,
        "test_time": channel.test_s,
        "has_key": bool(channel.secret_enc),
        "test_verdict": standing.verdict,
        "resting_s": math.ceil(standing.resting_s),
        "success_rate": standing.success_rate,
        "response_time": channel.response_ms,
        "base_url": channel.base_url,
        "other": channel.other,
        "tag": channel.tag,
        "balance": float(channel.balance),  # One API's field is a JSON number; nothing sums it
        "balance_currency": channel.balance_currency,
        "balance_updated_time": channel.balance_s,
        "proxy": channel.proxy,
        "timeouts": _object_text(channel.timeouts),
        "param_override": _object_text(channel.param_override),
        "header_override": _object_text(channel.header_override),
        "test_model": channel.test_model,
        "test_kind": channel.test_kind,
        "test_stream": channel.test_stream,
        "models": ",".join(channel.models),
        "group": ",".join(channel.groups),
        "used_quota": quota_ceil(spent_nano(account)),
        "model_mapping": _object_text(channel.model_mapping),
        "priority": channel.priority,
        "config": _object_text(hidden(channel.config, None)),
        "system_prompt": channel.system_prompt,
        "cost_ratio": channel.cost_ratio,
        "cost_prices": list(channel.cost_prices),
        "rpm": channel.rpm,
        "tpm": channel.tpm,
        "concurrency": channel.concurrency,
        "cost": usd(cost_nano),
        "cost_nano": cost_nano,
        "margin": usd(margin_nano),
        "margin_nano": margin_nano,
    }


def shown(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return changes to a channel as records show them: a proxy without its password."""
    proxy = fields.get("proxy")
    return {**fields, "proxy": shown_proxy(proxy)} if isinstance(proxy, str) else dict(fields)


def _object_text(value: Mapping[str, Any]) -> str:
    return orjson.dumps(dict(value)).decode() if value else ""
