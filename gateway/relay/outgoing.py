"""What is sent upstream: the client's bytes, untouched wherever nothing has to change."""

from typing import Any

import orjson

from gateway.directory.channels import Channel
from gateway.formats import openai
from gateway.formats.openai import Ask


def outgoing_body(ask: Ask, channel: Channel, clamp: int | None) -> bytes:
    """Return the body for a channel.

    Changed are only: a mapped model, a forced system prompt, a clamped output limit, and a stream
    that would not report its usage.
    """
    changes: dict[str, Any] = {}
    served = channel.upstream_model(ask.model)
    if served != ask.model:
        changes["model"] = served
    if channel.system_prompt and ask.endpoint is openai.CHAT:
        changes["messages"] = _with_system(ask.body["messages"], channel.system_prompt)
    if clamp is not None and ask.endpoint.has_output:
        asked = ask.max_output
        changes[ask.limit_field] = clamp if asked is None else min(clamp, asked)
    if ask.stream and not ask.wants_usage:
        options = ask.body.get("stream_options") or {}
        changes["stream_options"] = {**options, "include_usage": True}
    return orjson.dumps({**ask.body, **changes}) if changes else ask.raw


def _with_system(messages: list[Any], prompt: str) -> list[Any]:
    """Replace the first message if it is the system's, else put one before it."""
    system = {"role": "system", "content": prompt}
    first_is_system = messages[0].get("role") == "system"
    return [system, *(messages[1:] if first_is_system else messages)]
