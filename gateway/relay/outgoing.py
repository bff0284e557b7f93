"""What is sent upstream: the client's bytes, untouched wherever nothing has to change."""

from collections.abc import Mapping
from typing import Any

import orjson

from gateway.dialects.asks import CONVERSATIONS, EMBED, VECTORS
from gateway.dialects.chat import with_system
from gateway.dialects.dialect import Json
from gateway.dialects.rerank import RERANK
from gateway.dialects.table import DIALECTS, SOURCES
from gateway.directory.catalogue import EXTENSIONS
from gateway.directory.channels import Channel
from gateway.directory.overrides import patched
from gateway.directory.vendor import Vendor
from gateway.formats import openai
from gateway.formats.openai import Ask, Endpoint
from gateway.media.form import OutgoingForm
from gateway.providers.native import PICTURES
from gateway.relay import embed
from gateway.relay.errors import RelayError
from gateway.relay.user_content import put_in

NO_IMAGES: Mapping[str, str] = {}
_SIGNATURE = "reasoning_signature"


def body_for(
    ask: Ask,
    channel: Channel,
    clamp: int | None,
    wire: Endpoint,
    vendor: Vendor,
    images: Mapping[str, str] = NO_IMAGES,
) -> bytes | OutgoingForm:
    """Return the body for a channel whose vendor is asked through the endpoint `wire`.

    `images` stand in for their addresses where the body is converted. Raises RelayError 400 for
    what the vendor's dialect cannot say.
    """
    if ask.known is not None and wire.task == PICTURES:
        drawn = {**ask.body, "model": channel.upstream_model(ask.model)}
        return overridden(in_protocol(wire, drawn, channel), channel)
    if ask.known is not None:
        return _media_body(ask, channel.upstream_model(ask.model))
    body = _body(ask, channel, clamp, wire, vendor, images)
    return overridden(body, channel)


def overridden(body: bytes, channel: Channel) -> bytes:
    """Return a body with what its channel changes of all bodies (gateway/directory/overrides.py).

    Raises RelayError 400 when it is nested too deeply to be written again.
    """
    if not channel.param_override:
        return body
    try:
        return orjson.dumps(patched(orjson.loads(body), channel.param_override))
    except orjson.JSONEncodeError:
        raise RelayError("invalid_json", "The body is nested too deeply.") from None


def _body(
    ask: Ask,
    channel: Channel,
    clamp: int | None,
    wire: Endpoint,
    vendor: Vendor,
    images: Mapping[str, str],
) -> bytes:
    if wire.dialect != ask.endpoint.dialect and ask.endpoint.task in VECTORS:
        return in_protocol(wire, embed.asked(ask, channel), channel)
    if wire.dialect != ask.endpoint.dialect and ask.endpoint is RERANK:
        return in_protocol(wire, {**ask.body, "model": channel.upstream_model(ask.model)}, channel)
    if wire.dialect != ask.endpoint.dialect or ask.array:
        return _converted(ask, channel, clamp, wire, vendor, images)
    if wire.dialect == "openai":
        return outgoing_body(ask, channel, clamp, vendor)
    return _passed(ask, channel, clamp)


def _media_body(ask: Ask, served: str) -> bytes | OutgoingForm:
    """Return an image or audio request, written anew: what was read here is what is priced, and two
    fields of one name could be read as either."""
    if ask.form is not None:
        return OutgoingForm(ask.form, {"model": served})
    return orjson.dumps({**ask.body, "model": served})


def outgoing_body(ask: Ask, channel: Channel, clamp: int | None, vendor: Vendor) -> bytes:
    """Return the body for a channel of OpenAI's dialect, asked in that dialect.

    Changed are only: a mapped model, a forced system prompt, a clamped output limit, numbers beyond
    the vendor's bounds, and a stream that would not report its usage.
    """
    changes: dict[str, Any] = _bounded(ask.body, vendor) if ask.endpoint is openai.CHAT else {}
    served = channel.upstream_model(ask.model)
    if served != ask.model:
        changes["model"] = served
    if channel.system_prompt and ask.endpoint is openai.CHAT:
        changes["messages"] = with_system(ask.body, channel.system_prompt)["messages"]
    if clamp is not None and ask.endpoint.has_output:
        asked = ask.max_output
        changes[ask.limit_field] = clamp if asked is None else min(clamp, asked)
    if ask.stream and not ask.wants_usage:
        options = ask.body.get("stream_options") or {}
        changes["stream_options"] = {**options, "include_usage": True}
    return orjson.dumps({**ask.body, **changes}) if changes else ask.raw


def _passed(ask: Ask, channel: Channel, clamp: int | None) -> bytes:
    """Change what must be changed in a body that its own dialect's upstream gets."""
    dialect, body = DIALECTS[ask.endpoint.dialect], ask.body
    served = channel.upstream_model(ask.model)
    if served != ask.model and ask.endpoint.task == EMBED.task:
        body = embed.renamed(body, served)
    elif served != ask.model and "model" in body:
        body = {**body, "model": served}
    if channel.system_prompt and ask.endpoint.has_output:
        body = dialect.with_system(body, channel.system_prompt)
    if clamp is not None:
        body = dialect.limited(body, clamp)
    return ask.raw if body is ask.body else orjson.dumps(body)


def _converted(
    ask: Ask,
    channel: Channel,
    clamp: int | None,
    wire: Endpoint,
    vendor: Vendor,
    images: Mapping[str, str],
) -> bytes:
    """Say in another dialect what was asked, by way of a chat body."""
    source = DIALECTS[ask.endpoint.dialect]
    named: Json = {"model": channel.upstream_model(ask.model)}
    body = {**ask.body, **named}
    if clamp is not None:
        body = source.limited(body, clamp)
    chat = put_in({**source.request_to_chat(body), **named}, images)
    if ask.stream:
        chat |= {"stream": True, "stream_options": {"include_usage": True}}
    if channel.system_prompt:
        chat = with_system(chat, channel.system_prompt)
    if wire is openai.CHAT:
        _drop_extensions(chat, vendor)
        chat |= _bounded(chat, vendor)
    return in_protocol(wire, chat, channel)


def in_protocol(wire: Endpoint, body: Json, channel: Channel) -> bytes:
    """Say a body of chat, of OpenAI's embeddings or images, or of reranking as an upstream is asked
    through `wire`. Raises RelayError 400 for what it cannot say."""
    source, said = SOURCES[wire.dialect], body
    if wire.task in CONVERSATIONS:
        said = source.request_from_chat(body, channel.config)
    elif wire.task in VECTORS:
        said = source.vectors.request(body, channel.config) if source.vectors else body
    elif wire.task == PICTURES:
        said = source.pictures.request(body, channel.config) if source.pictures else body
    elif source.ranks is not None:
        said = source.ranks.request(body, channel.config)
    try:
        return orjson.dumps(said)
    except orjson.JSONEncodeError:
        raise RelayError("invalid_json", "The body is nested too deeply.") from None


def _bounded(chat: Json, vendor: Vendor) -> Json:
    """Return the nearest that a vendor takes of numbers that it would refuse."""
    found: Json = {}
    for name, (low, high) in vendor.bounds.items():
        value = chat.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        if not low <= value <= high:
            found[name] = min(max(value, low), high)
    return found


def _drop_extensions(chat: Json, vendor: Vendor) -> None:
    """Leave out what OpenAI refuses, unless the vendor is known to take it."""
    unwanted = {_SIGNATURE, *EXTENSIONS}.difference(vendor.extensions)
    for name in unwanted:
        chat.pop(name, None)
    chat["messages"] = [
        {name: value for name, value in message.items() if name not in unwanted}
        for message in chat["messages"]
    ]
