"""Vectors across dialects, by way of OpenAI's embeddings."""

import asyncio
from typing import Any

import orjson

from gateway.dialects.asks import BATCH_EMBED, EMBED
from gateway.dialects.dialect import Json, Source
from gateway.dialects.gemini import embeddings
from gateway.dialects.gemini.fields import children
from gateway.dialects.table import SOURCES
from gateway.directory.channels import Channel
from gateway.formats.openai import Ask, Endpoint
from gateway.relay.context import Exchange, Relay
from gateway.relay.errors import of_call
from gateway.relay.reserve import counted_input


def asked(ask: Ask, channel: Channel) -> Json:
    """Return as OpenAI's body what was asked. Raises RelayError 400 for what it cannot say."""
    named: Json = {"model": channel.upstream_model(ask.model)}
    if ask.endpoint.task != EMBED.task:
        return {**ask.body, **named}
    return {**named, **embeddings.to_openai(ask.body, batch=ask.endpoint is BATCH_EMBED)}


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
    source, of_gemini = SOURCES[wire.dialect], x.ask.endpoint.task == EMBED.task
    if source.vectors is not None:
        body = {**x.ask.body, "encoding_format": "float"} if of_gemini else x.ask.body
        vectors = await asyncio.to_thread(source.vectors.read, parsed)
        tokens = await _tokens(relay, x, source, parsed)
        parsed = await asyncio.to_thread(embeddings.listed, vectors, body, tokens)
    made, delivered = parsed, len(children(parsed, "data"))
    if of_gemini:
        batch = x.ask.endpoint is BATCH_EMBED
        made = await asyncio.to_thread(embeddings.answer_from_openai, parsed, batch)
    return _written(made, delivered, _asked(x.ask.body, "requests" if of_gemini else "input"))


async def _tokens(relay: Relay, x: Exchange, source: Source, parsed: Json) -> int:
    """Return the input as the upstream reports it, else as it is counted here."""
    report = source.find(parsed)
    reported = source.classes(report) if report else None
    total = sum(reported.values()) if reported else 0
    return total or (await counted_input(relay, x)).tokens


def _asked(body: Json, name: str) -> int:
    given = body.get(name)
    return len(given) if isinstance(given, list) else 1


def _written(made: Json, delivered: int, asked: int) -> bytes:
    if delivered != asked:
        raise of_call("upstream_bad_answer")
    return orjson.dumps(made)
