"""Vectors across dialects: OpenAI's embeddings asked of Gemini, and Gemini's of the others."""

import asyncio
from typing import Any

import orjson

from gateway.dialects.asks import BATCH_EMBED
from gateway.dialects.dialect import Json
from gateway.dialects.gemini import embeddings, usage
from gateway.dialects.gemini.fields import children
from gateway.directory.channels import Channel
from gateway.formats.openai import Ask, Endpoint
from gateway.relay.context import Exchange, Relay
from gateway.relay.errors import of_call
from gateway.relay.reserve import counted_input


def body_for(ask: Ask, channel: Channel, wire: Endpoint) -> bytes:
    """Say in the other dialect what was asked. Raises RelayError 400 for what it cannot say."""
    named: Json = {"model": channel.upstream_model(ask.model)}
    if wire is BATCH_EMBED:
        return orjson.dumps(embeddings.from_openai({**ask.body, **named}))
    made = embeddings.to_openai(ask.body, batch=ask.endpoint is BATCH_EMBED)
    return orjson.dumps({**named, **made})


def renamed(body: Json, served: str) -> Json:
    """Return Gemini's own body with the upstream's model wherever it names one."""
    name = f"models/{served.removeprefix('models/')}"
    changed = {**body, "model": name} if "model" in body else body
    requests = body.get("requests")
    if isinstance(requests, list):
        changed = {**changed, "requests": [_renamed(each, name) for each in requests]}
    return changed


def _renamed(request: Any, name: str) -> Any:
    has_model = isinstance(request, dict) and "model" in request
    return {**request, "model": name} if has_model else request


async def answer(relay: Relay, x: Exchange, wire: Endpoint, parsed: Json) -> bytes:
    """Return an upstream's vectors as the client reads them.

    Raises RelayError 502 where there are not as many as were asked for.
    """
    if wire is not BATCH_EMBED:
        made = await asyncio.to_thread(
            embeddings.answer_from_openai, parsed, x.ask.endpoint is BATCH_EMBED
        )
        return _written(made, len(children(parsed, "data")), _asked(x.ask.body, "requests"))
    report = usage.find(parsed)
    reported = usage.classes(report) if report else None
    counted = None
    if not reported or not any(reported.values()):
        counted = (await counted_input(relay, x)).tokens
        parsed = {name: value for name, value in parsed.items() if name != "usageMetadata"}
    made = await asyncio.to_thread(embeddings.answer_to_openai, parsed, x.ask.body, counted)
    return _written(made, len(made["data"]), _asked(x.ask.body, "input"))


def _asked(body: Json, name: str) -> int:
    given = body.get(name)
    return len(given) if isinstance(given, list) else 1


def _written(made: Json, delivered: int, asked: int) -> bytes:
    if delivered != asked:
        raise of_call("upstream_bad_answer")
    return orjson.dumps(made)
