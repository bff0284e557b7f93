"""The OpenAI dialect, inbound: which endpoints there are and what a request must say.

A body is checked by hand for what routing, holding credit and metering need, and otherwise passes
as it came.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import orjson

from gateway.media.form import Form
from gateway.media.known import Known
from gateway.relay.errors import RelayError

MAX_TOKENS = 2**30
MAX_CHOICES = 128
MAX_MODEL_LENGTH = 200
# orjson reads deeper than it writes, and a body may have to be written again.
MAX_DEPTH = 250

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One route of a dialect: its task in the catalogue, and the field that carries its input.

    `passes` are the client's headers that go on to an upstream of the same dialect, `image` is what
    announces an image in a body; `streams` says that its answers are always streams, `in_turns`
    that a request is a session, each turn of which is limited and charged by itself. `queries` are
    the parameters of an address that go on like `passes`, each with the values that do.
    `default_model` is asked where a body names none.
    """

    name: str
    task: str
    path: str
    field: str
    kinds: tuple[type, ...]
    has_output: bool
    dialect: str = "openai"
    passes: tuple[str, ...] = ()
    queries: tuple[tuple[str, tuple[str, ...]], ...] = ()
    image: bytes = b""
    streams: bool = False
    in_turns: bool = False
    default_model: str = ""


CHAT = Endpoint(
    name="chat.completions",
    task="chat",
    path="/v1/chat/completions",
    field="messages",
    kinds=(list,),
    has_output=True,
    image=b'"image_url"',
)
COMPLETIONS = Endpoint("completions", "completions", "/v1/completions", "prompt", (str, list), True)
EMBEDDINGS = Endpoint("embeddings", "embeddings", "/v1/embeddings", "input", (str, list), False)
EDITS = Endpoint("edits", "edits", "/v1/edits", "instruction", (str,), True)
MODERATIONS = Endpoint(
    name="moderations",
    task="moderations",
    path="/v1/moderations",
    field="input",
    kinds=(str, list),
    has_output=False,
    image=b'"image_url"',
    default_model="text-moderation-stable",
)


@dataclass(slots=True)
class Ask:
    """What a client asks for, checked. `choices` is how many outputs may be generated in all;
    `array` that a stream is wanted as one JSON array, piece by piece. `said_again` bounds, in
    bytes, what is read more than once; `units` what may be used beside tokens and the one call;
    `kept_tokens` is what the upstream keeps of earlier turns and reads again. Images and audio have
    what is known of their price beforehand, and those that were uploaded their form."""

    endpoint: Endpoint
    raw: bytes
    body: Body
    model: str
    stream: bool
    wants_usage: bool
    choices: int
    max_output: int | None
    limit_field: str
    array: bool = False
    said_again: int = 0
    units: Mapping[str, int] = field(default_factory=dict)
    kept_tokens: int = 0
    known: Known | None = None
    form: Form | None = None


def read(endpoint: Endpoint, raw: bytes, model_in_path: str | None = None) -> Ask:
    """Check a request body. Raises RelayError 400, naming the parameter that is wrong."""
    body = parse_body(raw)
    model = body.get("model")
    if model is None and (model_in_path or endpoint.default_model):
        model = body["model"] = model_in_path or endpoint.default_model
        raw = orjson.dumps(body)
    if not isinstance(model, str) or not model:
        refuse_field(body, "model", "a non-empty string")
    _check_input(endpoint, body)
    stream = endpoint.has_output and boolean(body, "stream")
    limit_field = "max_tokens"
    if endpoint is CHAT and body.get("max_completion_tokens") is not None:
        limit_field = "max_completion_tokens"
    return Ask(
        endpoint=endpoint,
        raw=raw,
        body=body,
        model=model,
        stream=stream,
        wants_usage=stream and _wants_usage(body),
        choices=_choices(endpoint, body),
        max_output=_limit(body),
        limit_field=limit_field,
    )


def parse_body(raw: bytes) -> Body:
    """Return a body as an object. Raises RelayError 400."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise RelayError("invalid_json", f"The body is not valid JSON: {error}.") from None
    if not isinstance(body, dict):
        raise RelayError("invalid_json", "The body must be a JSON object.")
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH:
        _check_depth(body)
    return body


def _check_depth(body: Body) -> None:
    try:
        orjson.dumps(body)
    except orjson.JSONEncodeError:
        message = f"The body is nested more than {MAX_DEPTH} levels deep."
        raise RelayError("invalid_json", message) from None


def refuse_field(body: Body, name: str, wanted: str) -> NoReturn:
    """Raise the RelayError 400 for a field that is missing or wrong."""
    if body.get(name) is None:
        raise RelayError(
            "missing_required_parameter", f"You must provide `{name}`: {wanted}.", param=name
        )
    raise RelayError("invalid_value", f"`{name}` must be {wanted}.", param=name)


def _check_input(endpoint: Endpoint, body: Body) -> None:
    value = body.get(endpoint.field)
    if not isinstance(value, endpoint.kinds) or not value:
        wanted = " or ".join(_KINDS[kind] for kind in endpoint.kinds)
        refuse_field(body, endpoint.field, wanted)
    if endpoint is CHAT and not all(map(_is_message, body["messages"])):
        refuse_field(body, "messages", "a list of objects with a `role`")


_KINDS: dict[type, str] = {str: "a non-empty string", list: "a non-empty list"}


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("role"), str)


def whole(body: Body, name: str, low: int, high: int) -> int | None:
    """Return a whole number or None. Raises RelayError 400."""
    value = body.get(name)
    if value is None:
        return None
    if type(value) is not int or not low <= value <= high:
        refuse_field(body, name, f"a whole number from {low} to {high}")
    return int(value)


def boolean(body: Body, name: str) -> bool:
    """Return true or false. Raises RelayError 400."""
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        refuse_field(body, name, "true or false")
    return bool(value)


def _wants_usage(body: Body) -> bool:
    options = body.get("stream_options")
    if options is None:
        return False
    if not isinstance(options, dict):
        refuse_field(body, "stream_options", "an object")
    return options.get("include_usage") is True


def _limit(body: Body) -> int | None:
    old = whole(body, "max_tokens", 0, MAX_TOKENS)
    new = whole(body, "max_completion_tokens", 0, MAX_TOKENS)
    return old if new is None else new


def _choices(endpoint: Endpoint, body: Body) -> int:
    n = whole(body, "n", 1, MAX_CHOICES) or 1
    if endpoint is not COMPLETIONS:
        return n
    n = max(n, whole(body, "best_of", 0, MAX_CHOICES) or 1)
    prompt = body["prompt"]
    many = isinstance(prompt, list) and not isinstance(prompt[0], int)
    return n * len(prompt) if many else n
