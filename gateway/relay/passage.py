"""How an answer gets from an upstream to a client: as it is, or in another dialect."""

from typing import Any

import orjson

from gateway.dialects.asks import MEDIA, VECTORS
from gateway.dialects.rerank import RERANK
from gateway.dialects.table import DIALECTS, SOURCES
from gateway.formats.openai import Endpoint
from gateway.providers.native import PICTURES
from gateway.relay import embed, pictures
from gateway.relay.context import Exchange, Relay
from gateway.relay.convert_meter import ConvertMeter
from gateway.relay.errors import of_call
from gateway.relay.media_stream import MediaMeter
from gateway.relay.pass_meter import PassMeter
from gateway.relay.stream_meter import StreamMeter


def is_native(x: Exchange, wire: Endpoint) -> bool:
    """Whether the client reads what an upstream answers that is asked through `wire`."""
    return wire.dialect == x.ask.endpoint.dialect and not x.ask.array


def meter_for(relay: Relay, x: Exchange, wire: Endpoint) -> StreamMeter:
    """Return what passes a stream on, or converts it, and meters it."""
    if not is_native(x, wire):
        writer = DIALECTS[x.ask.endpoint.dialect].writer(x.ask.body, x.ask.array, x.request_id)
        return ConvertMeter(SOURCES[wire.dialect], writer, _now_s(relay))
    if wire.dialect == "openai":
        return StreamMeter(x.ask.wants_usage)
    if x.ask.known is not None:
        return MediaMeter(DIALECTS[wire.dialect], x.ask.known)
    return PassMeter(DIALECTS[wire.dialect])


async def in_clients_dialect(
    relay: Relay, x: Exchange, wire: Endpoint, parsed: Any
) -> tuple[bytes, Any]:
    """Return a whole answer as the client reads it, and the JSON by which it is measured.

    Raises RelayError 502 for what is none.
    """
    if wire.task == PICTURES and isinstance(parsed, dict):
        made = await pictures.answer(relay, x, wire, parsed)
        return orjson.dumps(made), made
    return await _converted(relay, x, wire, parsed), parsed


async def _converted(relay: Relay, x: Exchange, wire: Endpoint, parsed: Any) -> bytes:
    source, target = SOURCES[wire.dialect], DIALECTS[x.ask.endpoint.dialect]
    if not isinstance(parsed, dict):
        raise of_call("upstream_bad_answer")
    if x.ask.endpoint.task in VECTORS:
        return await embed.answer(relay, x, wire, parsed)
    try:
        if source.ranks is not None and x.ask.endpoint is RERANK:
            return orjson.dumps(source.ranks.answer(parsed, x.ask.body))
        chat = source.answer_to_chat(parsed, _now_s(relay))
        answer: Any = target.answer_from_chat(chat, x.ask.body, x.request_id)
        return orjson.dumps([answer] if x.ask.array else answer)
    except orjson.JSONEncodeError:
        raise of_call("upstream_bad_answer") from None


def as_openai(wire: Endpoint, status: int, parsed: Any) -> tuple[int, Any]:
    """Return the status and the body of an upstream's error as an OpenAI upstream would say it."""
    if wire.dialect == "openai" or wire.dialect in MEDIA:
        return status, parsed
    code, message = SOURCES[wire.dialect].parse_error(parsed)
    if code == "API_KEY_INVALID":  # to Google, a bad key is a bad request
        status = 401
    return status, {"error": {"message": message, "code": code}}


def _now_s(relay: Relay) -> int:
    return relay.clock.now_us() // 1_000_000
