"""What users say in a request, in any dialect: its texts, its pictures, its numbers of tokens.

For who must see all of it before it is sent anywhere, so this does not go by what a dialect knows:
every string counts, fields that nobody knows too, but for labels (a role, an id, a size), addresses
and bytes in base64. In what clients make up themselves, such as schemas and arguments, names count
as well. Files of plain text are read, others, sounds and videos are not.
"""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

# Fields that hold labels, and what a label looks like; anything else in them is text.
_LABELS = frozenset(
    """id object model type status detail format media_type mime_type mimeType call_id tool_call_id
    tool_use_id item_id file_id previous_response_id prompt_cache_key safety_identifier user_id
    encoding_format response_format output_format stream_format voice size quality style background
    service_tier reasoning_effort effort verbosity truncation tool_choice task_type taskType
    category threshold ttl finish_reason moderation""".split()
)
_LABEL = re.compile(r"[A-Za-z0-9_./:@+*-]{1,128}", re.ASCII)
_ROLES = frozenset("system developer user assistant model tool function".split())
_BYTES = frozenset(
    """data signature thought_signature thoughtSignature encrypted_content file_data b64_json
    """.split()
)
_PLACES = frozenset("url image_url file_url uri file_uri fileUri image images".split())
_PLACE = re.compile(r"(?:https?|gs|file):\S+", re.IGNORECASE)
_ENCODED = re.compile(r"data:([^,;\s]{0,100})[^,\s]{0,100};base64,", re.IGNORECASE)
_PLAIN = re.compile(
    r"text/[\w.+-]+|application/(?:json|xml|javascript|x-[\w.+-]+)", re.ASCII | re.IGNORECASE
)
_PICTURE = re.compile(r"data:image/|https?://", re.IGNORECASE)
_IMAGE = re.compile(r"image/[\w.+-]{1,40}", re.ASCII)
_TO_STANDARD = str.maketrans("-_", "+/")
# Below these, clients name things as they like.
_FREE = frozenset(
    """parameters properties input_schema inputSchema schema json_schema parametersJsonSchema
    responseSchema responseJsonSchema response_schema args response arguments metadata""".split()
)
_TOKENS = ("prompt", "input")


@dataclass(slots=True)
class Contents:
    """`texts` by what belongs together, such as one message. `images` are addresses, also data:
    URLs; `tokens` are texts that were sent as numbers of tokens."""

    texts: list[list[str]] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    tokens: list[list[int]] = field(default_factory=list)

    def all_texts(self) -> Iterator[str]:
        """Yield the texts one by one."""
        for together in self.texts:
            yield from together


def of_body(body: Json) -> Contents:
    """Collect what a request says. Of a list of objects, each stands for itself."""
    found = Contents()
    for name, value in body.items():
        parts: list[Any] = [value]
        if name in _TOKENS and isinstance(value, list):
            found.tokens += _numbers(value)
        if isinstance(value, list) and any(isinstance(each, dict) for each in value):
            parts = value
        for part in parts:
            texts: list[str] = []
            _collect(found, texts, name, part, free=name in _FREE)
            if texts:
                found.texts.append(texts)
    return found


def _numbers(value: list[Any]) -> list[list[int]]:
    lists = [value] if value and isinstance(value[0], int) else value
    whole = [[n for n in each if type(n) is int] for each in lists if isinstance(each, list)]
    return [each for each in whole if each]


def _collect(found: Contents, texts: list[str], name: str, value: Any, free: bool) -> None:
    if isinstance(value, str):
        if name in ("image", "images") and not free and _PICTURE.match(value):
            found.images.append(value)
        elif _is_text(name, value, free):
            texts.append(value)
        elif (encoded := _ENCODED.match(value)) and _PLAIN.fullmatch(encoded[1]):
            texts.append(_decoded(value[encoded.end() :]))
    elif isinstance(value, list):
        for each in value:
            _collect(found, texts, name, each, free)
    elif isinstance(value, dict):
        if not free:
            found.images += _images(value)
            if _PLAIN.fullmatch(_kind(value)) and isinstance(value.get("data"), str):
                texts.append(_decoded(value["data"]))
        # Documents of Anthropic's hold plain text where others hold base64.
        is_plain = value.get("type") == "text"
        for inner, content in value.items():
            if free:
                texts.append(inner)
            below = free or inner in _FREE or (inner == "input" and isinstance(content, dict))
            said_as = "text" if is_plain and inner == "data" else inner
            _collect(found, texts, said_as, content, below)


def _is_text(name: str, value: str, free: bool) -> bool:
    if not value or value.isspace() or _ENCODED.match(value):
        return False
    if free:
        return True
    if name == "role":
        return value not in _ROLES
    if name in _LABELS:
        return _LABEL.fullmatch(value) is None
    if name in _PLACES:
        return _PLACE.fullmatch(value) is None
    return name not in _BYTES


def _decoded(data: str) -> str:
    """Return a file of plain text that came in base64, as far as it is that."""
    whole = data.translate(_TO_STANDARD).rstrip("=")
    try:
        content = base64.b64decode(whole + "=" * (-len(whole) % 4))
    except ValueError:
        return data
    return content.decode("utf-8", "replace")


def _images(part: Json) -> Iterator[str]:
    """Yield the images that an object of a request holds itself, in the dialects' own ways."""
    source = part.get("source")
    given = [_url(part.get("image_url"))]
    if part.get("type") == "image" and isinstance(source, dict):
        given += [_url(source), _encoded(source)]
    for name in ("inlineData", "inline_data"):
        given.append(_encoded(part.get(name)))
    for name in ("fileData", "file_data"):
        given.append(_at(part.get(name)))
    for url in given:
        if url is not None and _PICTURE.match(url):
            yield url


def _url(value: Any) -> str | None:
    url = value.get("url") if isinstance(value, dict) else value
    return url if isinstance(url, str) else None


def _encoded(value: Any) -> str | None:
    data = value.get("data") if isinstance(value, dict) else None
    kind = _image_kind(value)
    return f"data:{kind};base64,{data}" if kind and isinstance(data, str) else None


def _at(value: Any) -> str | None:
    if not isinstance(value, dict) or not _image_kind(value):
        return None
    uri = value.get("fileUri", value.get("file_uri"))
    return uri if isinstance(uri, str) else None


def _image_kind(value: Any) -> str:
    """Return the type of an image as an object says it; "" when it is none."""
    kind = _kind(value) if isinstance(value, dict) else ""
    return kind if _IMAGE.fullmatch(kind) else ""


def _kind(value: Json) -> str:
    said = (value.get(name) for name in ("media_type", "mimeType", "mime_type"))
    return next((each for each in said if isinstance(each, str)), "")
