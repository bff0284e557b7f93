"""What clients ask of the image and audio endpoints, read as far as price and route need it.

The fields are OpenAI's (Images and Audio in its API reference). A form is read like a JSON body;
in both, what is priced by is checked, and the rest passes.
"""

import re
from collections.abc import Callable
from typing import Any

from gateway.formats.openai import Ask, Body, Endpoint, boolean, parse_body, refuse_field, whole
from gateway.media.form import Form
from gateway.media.known import USUAL_QUALITY, USUAL_SIZE, Known

GENERATIONS = Endpoint(
    "images.generations", "images", "/v1/images/generations", "prompt", (str,), True, "images"
)
EDITS = Endpoint(
    "images.edits", "image_edits", "/v1/images/edits", "prompt", (str,), True, "images"
)
VARIATIONS = Endpoint(
    "images.variations", "image_variations", "/v1/images/variations", "", (), True, "images"
)
SPEECH = Endpoint("audio.speech", "speech", "/v1/audio/speech", "input", (str,), True, "speech")
TRANSCRIPTIONS = Endpoint(
    "audio.transcriptions",
    "transcriptions",
    "/v1/audio/transcriptions",
    "",
    (),
    True,
    "transcripts",
)
TRANSLATIONS = Endpoint(
    "audio.translations", "translations", "/v1/audio/translations", "", (), True, "transcripts"
)

# One API's, and OpenAI's, where the body names none.
DEFAULT_MODELS = {"images": "dall-e-2", "transcripts": "whisper-1"}
# The files that each endpoint takes; those named in REPEATED may come several times.
FILES = {
    EDITS.name: ("image", "image[]", "mask"),
    VARIATIONS.name: ("image",),
    TRANSCRIPTIONS.name: ("file",),
    TRANSLATIONS.name: ("file",),
}
REPEATED = ("image", "image[]")

MAX_IMAGES = 10
MAX_PARTIAL_IMAGES = 3
# As One API knows them: models that make fewer images at a time.
MOST_IMAGES = {
    "dall-e-3": 1,
    "cogview-3": 1,
    "step-1x-medium": 1,
    "ali-stable-diffusion-xl": 4,
    "ali-stable-diffusion-v1.5": 4,
    "wanx-v1": 4,
}

# Tokens of an image of 1024 x 1024 (OpenAI, gpt-image-1); others are as many by their area. The two
# finest came later and are not published: a guess upwards, like the guess for a size that is open.
_TOKENS = {"low": 272, "medium": 1_056, "standard": 1_056, "high": 4_160, "hd": 4_160}
_TOKENS |= {"xhigh": 8_320, "max": 16_640}
_OPEN_TOKENS = 6_240
_PARTIAL_TOKENS = 100
_INPUT_IMAGE_TOKENS = 8_000
_SQUARE = 1_024 * 1_024
# Of a form around a text, and of texts that models add to it.
_SLACK = 64
# Speech: 20 tokens a second; nobody says a character for longer than half a second.
_TOKENS_PER_CHARACTER = 10
# Listening: 10 tokens a second of audio, and never more of text.
TOKENS_PER_SECOND = 10

_SIZE = re.compile(r"([0-9]{1,5})x([0-9]{1,5})", re.ASCII)
_LABEL = re.compile(r"[a-z0-9][a-z0-9._:*-]{0,39}", re.ASCII)


def read(endpoint: Endpoint, raw: bytes) -> Ask:
    """Read a JSON body. Raises RelayError 400, naming the field that is wrong."""
    body = parse_body(raw)
    known = _KNOWN[endpoint.dialect](endpoint, body, None)
    return _ask(endpoint, body, known, None)


def read_form(endpoint: Endpoint, form: Form, seconds: tuple[int, str] | None = None) -> Ask:
    """Read a form; `seconds` is how long its audio is, and how that is known.

    Raises RelayError 400, naming the field that is wrong.
    """
    body: Body = form.values()
    known = _KNOWN[endpoint.dialect](endpoint, body, form)
    if seconds is not None:
        known.count, known.source = seconds
        known.tokens_in += seconds[0] * TOKENS_PER_SECOND
        known.tokens_out += seconds[0] * TOKENS_PER_SECOND
    return _ask(endpoint, body, known, form)


def model_of(endpoint: Endpoint, body: Body) -> str:
    """Return the model that is asked for. Raises RelayError 400."""
    model = body.get("model")
    if model is None or model == "":
        model = body["model"] = DEFAULT_MODELS.get(endpoint.dialect)
    if not isinstance(model, str):
        refuse_field(body, "model", "a non-empty string")
    return str(model)


def _ask(endpoint: Endpoint, body: Body, known: Known, form: Form | None) -> Ask:
    stream = body.get("stream_format") == "sse"
    if endpoint.dialect != "speech":
        stream = boolean(body, "stream")
    return Ask(
        endpoint=endpoint,
        raw=b"",
        body=body,
        model=model_of(endpoint, body),
        stream=stream,
        wants_usage=True,
        choices=1,
        max_output=None,
        limit_field="",
        known=known,
        form=form,
    )


def _images(endpoint: Endpoint, body: Body, form: Form | None) -> Known:
    model = model_of(endpoint, body)
    prompt = _text(body, "prompt", required=bool(endpoint.field))
    n = whole(body, "n", 1, MOST_IMAGES.get(model, MAX_IMAGES)) or 1
    partial = whole(body, "partial_images", 0, MAX_PARTIAL_IMAGES) or 0
    usual = model.startswith("dall-e")
    size, quality = _label(body, "size"), _label(body, "quality")
    if usual:
        size, quality = size or USUAL_SIZE, quality or USUAL_QUALITY
    given = len(form.files) if form is not None else 0
    each = _image_tokens(size, quality) + partial * _PARTIAL_TOKENS
    return Known(
        unit="images",
        count=n,
        tokens_in=len(prompt.encode()) + given * _INPUT_IMAGE_TOKENS + _SLACK,
        tokens_out=n * each,
        size=size,
        quality=quality,
    )


def _image_tokens(size: str | None, quality: str | None) -> int:
    tokens = _TOKENS.get(quality or "high", _TOKENS["max"])
    sides = _SIZE.fullmatch(size or "")
    if sides is None:
        return max(tokens, _OPEN_TOKENS)
    return -(-tokens * int(sides[1]) * int(sides[2]) // _SQUARE)


def _label(body: Body, name: str) -> str | None:
    """Return a size or quality as prices name it; None for "auto" and for none."""
    value = body.get(name)
    if value is None or value == "":
        return None
    label = value.strip().lower() if isinstance(value, str) else ""
    if _LABEL.fullmatch(label) is None:
        wanted = "1024x1024" if name == "size" else "high"
        refuse_field(body, name, f'a string such as "{wanted}"')
    return None if label == "auto" else label


def _speech(endpoint: Endpoint, body: Body, form: Form | None) -> Known:
    said, how = _text(body, "input", required=True), _text(body, "instructions")
    for name in ("response_format", "stream_format"):
        _text(body, name)
    return Known(
        unit="characters",
        count=len(said),
        tokens_in=len(said.encode()) + len(how.encode()) + _SLACK,
        tokens_out=len(said) * _TOKENS_PER_CHARACTER + _SLACK,
    )


def _transcripts(endpoint: Endpoint, body: Body, form: Form | None) -> Known:
    _text(body, "response_format")
    prompt = _text(body, "prompt")
    return Known(unit="seconds", count=0, tokens_in=len(prompt.encode()) + _SLACK, tokens_out=100)


def _text(body: Body, name: str, *, required: bool = False) -> str:
    value: Any = body.get(name)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or (required and not value):
        refuse_field(body, name, "a non-empty string" if required else "a string")
    return str(value)


_KNOWN: dict[str, Callable[[Endpoint, Body, Form | None], Known]] = {
    "images": _images,
    "speech": _speech,
    "transcripts": _transcripts,
}
