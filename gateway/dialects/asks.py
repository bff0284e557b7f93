"""What clients of the other dialects ask for, read as far as the relay must know it."""

from dataclasses import replace
from typing import Any

from gateway.dialects import rerank
from gateway.dialects.gemini.fields import an_object, get
from gateway.formats import openai
from gateway.formats.openai import MAX_CHOICES, MAX_TOKENS, Ask, Body, Endpoint
from gateway.media import asks as media
from gateway.providers import native
from gateway.providers.natives import HOSTED, asked
from gateway.relay.errors import RelayError

MESSAGES = Endpoint(
    name="messages",
    task="messages",
    path="/v1/messages",
    field="messages",
    kinds=(list,),
    has_output=True,
    dialect="anthropic",
    passes=("anthropic-version", "anthropic-beta"),
    # Anthropic's SDKs ask so for what is in beta (`client.beta.messages`), beside the header.
    queries=(("beta", ("true",)),),
    image=b'"image"',
)
RESPONSES = Endpoint(
    name="responses",
    task="responses",
    path="/v1/responses",
    field="input",
    kinds=(str, list),
    has_output=True,
    dialect="responses",
    image=b'"input_image"',
)
GENERATE = Endpoint(
    name="gemini.generateContent",
    task="generate",
    path="/v1beta/models/{model}:generateContent",
    field="contents",
    kinds=(list,),
    has_output=True,
    dialect="gemini",
    image=b'Data"',
)
STREAM_GENERATE = replace(
    GENERATE, path="/v1beta/models/{model}:streamGenerateContent", streams=True
)

EMBED = Endpoint(
    name="embeddings",
    task="embed",
    path="/v1beta/models/{model}:embedContent",
    field="content",
    kinds=(dict,),
    has_output=False,
    dialect="gemini",
)
BATCH_EMBED = replace(
    EMBED, path="/v1beta/models/{model}:batchEmbedContents", field="requests", kinds=(list,)
)

# The endpoints that a conversation can be had through, by their tasks.
CONVERSATIONS = frozenset(
    (native.CHAT, *(e.task for e in (openai.CHAT, MESSAGES, RESPONSES, GENERATE)))
)
# How an upstream of a protocol is asked to go on with one.
_SPOKEN = {
    "openai": openai.CHAT,
    "sandbox": openai.CHAT,
    "anthropic": MESSAGES,
    "gemini": GENERATE,
}
SPOKEN = {
    **_SPOKEN,
    **{hosted.name: _SPOKEN[hosted.dialect] for hosted in HOSTED.values()},
    **asked(native.CHAT),
}
# The endpoints that make vectors, by their tasks, and how an upstream of a protocol is asked for
# them.
VECTORS = frozenset((native.EMBEDDINGS, openai.EMBEDDINGS.task, EMBED.task))
EMBEDDED = {
    "openai": openai.EMBEDDINGS,
    "sandbox": openai.EMBEDDINGS,
    "gemini": BATCH_EMBED,
    **asked(native.EMBEDDINGS),
}
# How an upstream of a protocol is asked to rerank, where that is not as clients ask.
RANKED = asked(native.RERANK)
# How it is asked for images.
DRAWN = asked(native.PICTURES)

# Images and audio: OpenAI's, and never converted, but for vendors that make images in ways of
# their own.
MEDIA = frozenset(("images", "speech", "transcripts"))

# What an upstream keeps, it keeps for the operator's one account: of conversations it is not known
# whose they are (of answers it is: gateway/relay/answers.py). And the usage of an answer in the
# background is never seen.
_KEPT_UPSTREAM = ("background", "conversation")


def _refuse_what_is_kept(body: openai.Body) -> None:
    for name in _KEPT_UPSTREAM:
        if body.get(name):
            message = f"`{name}` is not offered by this gateway; send the whole input instead."
            raise RelayError("invalid_value", message, param=name)
    given = body.get("input")
    for at, item in enumerate(given if isinstance(given, list) else ()):
        if _is_reference(item):
            message = f"`input[{at}]` refers to an item that the upstream keeps; send it whole."
            raise RelayError("invalid_value", message, param=f"input[{at}]")


def _is_reference(item: Any) -> bool:
    """Whether an item is only named, by an id that may be of another user's."""
    if not isinstance(item, dict):
        return False
    kind = item.get("type")
    return kind == "item_reference" or (not kind and "id" in item and "role" not in item)


def read(endpoint: Endpoint, raw: bytes, model_in_path: str | None = None) -> Ask:
    """Check a request body of any dialect. Raises RelayError 400, naming what is wrong."""
    if endpoint.dialect == "openai":
        return openai.read(endpoint, raw, model_in_path)
    if endpoint.dialect in MEDIA:
        return media.read(endpoint, raw)
    body = openai.parse_body(raw)
    if endpoint is rerank.RERANK:
        return rerank.read(raw, body)
    if endpoint.task == EMBED.task:
        return _embed(endpoint, raw, body, model_in_path or "")
    if endpoint.dialect == "gemini":
        return _generate(endpoint, raw, body, model_in_path or "")
    limit_field = "max_tokens"
    if endpoint is RESPONSES:
        limit_field = "max_output_tokens"
        _refuse_what_is_kept(body)
    model = body.get("model")
    if not isinstance(model, str) or not model:
        openai.refuse_field(body, "model", "a non-empty string")
    _check_input(endpoint, body)
    return Ask(
        endpoint=endpoint,
        raw=raw,
        body=body,
        model=str(model),
        stream=openai.boolean(body, "stream"),
        wants_usage=True,
        choices=1,
        max_output=openai.whole(body, limit_field, 0, MAX_TOKENS),
        limit_field=limit_field,
    )


def _generate(endpoint: Endpoint, raw: bytes, body: Body, model: str) -> Ask:
    _check_input(endpoint, body)
    config = an_object(get(body, "generationConfig"), "generationConfig")
    return Ask(
        endpoint=endpoint,
        raw=raw,
        body=body,
        model=model,
        stream=endpoint.streams,
        wants_usage=True,
        choices=_number(config, "candidateCount", 1, MAX_CHOICES) or 1,
        max_output=_number(config, "maxOutputTokens", 0, MAX_TOKENS),
        limit_field="maxOutputTokens",
    )


def _embed(endpoint: Endpoint, raw: bytes, body: Body, model: str) -> Ask:
    _check_input(endpoint, body)
    return Ask(
        endpoint=endpoint,
        raw=raw,
        body=body,
        model=model,
        stream=False,
        wants_usage=False,
        choices=1,
        max_output=None,
        limit_field="",
    )


def _number(config: Body, name: str, low: int, high: int) -> int | None:
    """Return a whole number of a Gemini config; Google's clients write some as 40.0."""
    value = get(config, name)
    if isinstance(value, float) and value == value and abs(value) < high + 1:
        value = int(value) if value == int(value) else value
    return openai.whole({name: value}, name, low, high)


def _check_input(endpoint: Endpoint, body: Body) -> None:
    value: Any = body.get(endpoint.field)
    if not isinstance(value, endpoint.kinds) or not value:
        wanted = "a non-empty list" if str not in endpoint.kinds else "a non-empty string or list"
        wanted = "an object with `parts`" if dict in endpoint.kinds else wanted
        openai.refuse_field(body, endpoint.field, wanted)
