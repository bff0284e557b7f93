"""Images, sound and documents: Gemini's inlineData and fileData, and OpenAI's content parts."""

import base64
import re
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from gateway.dialects.gemini.fields import (
    Json,
    a_name,
    an_object,
    get,
    refuse,
    unsupported,
)

_DATA_URL = re.compile(r"data:([^,;]*)((?:;[^,;]*)*),", re.ASCII | re.IGNORECASE)
# By what a name or an address ends in.
_TYPES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "heic": "image/heic",
    "heif": "image/heif",
    "bmp": "image/bmp",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "md": "text/markdown",
    "csv": "text/csv",
    "html": "text/html",
    "json": "application/json",
    "mp4": "video/mp4",
    "webm": "video/webm",
    "mov": "video/quicktime",
    "wav": "audio/wav",
    "mp3": "audio/mp3",
}
_ENDINGS = {kind: ending for ending, kind in reversed(_TYPES.items())}
# OpenAI's names of sound formats, where they are not what stands after "audio/".
_SOUNDS = {"mpeg": "mp3", "x-wav": "wav", "wave": "wav", "vnd.wave": "wav", "x-m4a": "m4a"}
# Addresses that only Google can read.
_GOOGLES = ("generativelanguage.googleapis.com", "youtube.com", "www.youtube.com", "youtu.be")


def _type_of(name: str) -> str:
    return _TYPES.get(name.rpartition(".")[2].lower(), "")


def _type_at(url: str) -> str:
    """Guess a type from an address; urlsplit refuses some."""
    try:
        return _type_of(urlsplit(url).path)
    except ValueError:
        return ""


# Towards chat.


def from_inline(blob: Any, param: str) -> Json:
    """Return inlineData as a part of a chat message. Raises RelayError 400 for a video."""
    source = an_object(blob, param)
    kind = a_name(get(source, "mimeType"), f"{param}.mimeType").lower()
    # Google's clients write URL-safe base64; data: URLs have the plain alphabet.
    data = a_name(source.get("data"), f"{param}.data").replace("-", "+").replace("_", "/")
    family, _, name = kind.partition("/")
    if family == "image":
        return {"type": "image_url", "image_url": {"url": f"data:{kind};base64,{data}"}}
    if family == "audio":
        name = name.partition(";")[0]
        return {"type": "input_audio", "input_audio": {"data": data, "format": _sound(name)}}
    if family == "video":
        unsupported(param)
    shown = get(source, "displayName")
    title = shown if isinstance(shown, str) and shown else f"file.{_ENDINGS.get(kind, 'bin')}"
    file = {"filename": title, "file_data": f"data:{kind};base64,{data}"}
    return {"type": "file", "file": file}


def _sound(name: str) -> str:
    return _SOUNDS.get(name, name)


def from_file(value: Any, param: str) -> Json:
    """Return fileData as a part of a chat message: an image at an address of the open web.

    Raises RelayError 400 for anything else, which chat cannot point to.
    """
    source = an_object(value, param)
    url = a_name(get(source, "fileUri"), f"{param}.fileUri")
    kind = get(source, "mimeType")
    kind = kind.lower() if isinstance(kind, str) and kind else _type_at(url)
    if not kind.startswith("image/") or not is_open(url):
        unsupported(param)
    return {"type": "image_url", "image_url": {"url": url}}


def is_open(url: str) -> bool:
    """Whether an address is one of the open web, and not one that only Google can read."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and parts.hostname not in (None, *_GOOGLES)
    except ValueError:
        return False


# Towards Gemini.


def _from_url(value: Any, param: str) -> Json:
    """Return the part for an address, which may be a data: URL; OpenAI nests it once."""
    url = a_name(value.get("url") if isinstance(value, dict) else value, param)
    if url[:5].lower() == "data:":
        return {"inlineData": _inline(url, param)}
    if not re.match(r"https?://", url, re.IGNORECASE):
        refuse(param, "a data:, http: or https: URL")
    kind = _type_at(url)
    return {"fileData": {"mimeType": kind, "fileUri": url} if kind else {"fileUri": url}}


def _inline(url: str, param: str) -> Json:
    found = _DATA_URL.match(url)
    if not found:
        refuse(param, "a data: URL")
    kind, data = found.group(1).lower() or "text/plain", url[found.end() :]
    if ";base64" not in found.group(2).lower():
        data = base64.b64encode(unquote_to_bytes(_plain(data, param))).decode()
    return {"mimeType": kind, "data": data}


def _plain(data: str, param: str) -> bytes:
    try:
        return data.encode()
    except UnicodeEncodeError:
        refuse(param, "text in UTF-8")


def _image(part: Json, param: str) -> Json:
    return _from_url(part.get("image_url"), f"{param}.image_url")


def _video(part: Json, param: str) -> Json:
    return _from_url(part.get("video_url"), f"{param}.video_url")


def _audio(part: Json, param: str) -> Json:
    param = f"{param}.input_audio"
    sound = an_object(part.get("input_audio"), param)
    data = a_name(sound.get("data"), f"{param}.data")
    kind = a_name(sound.get("format"), f"{param}.format").lower()
    return {"inlineData": {"mimeType": f"audio/{kind}", "data": data}}


def _file(part: Json, param: str) -> Json:
    param = f"{param}.file"
    file = an_object(part.get("file"), param)
    if file.get("file_data") is None and file.get("file_id") is not None:
        unsupported(f"{param}.file_id")
    data = a_name(file.get("file_data"), f"{param}.file_data")
    if data[:5].lower() == "data:":
        return {"inlineData": _inline(data, f"{param}.file_data")}
    name = file.get("filename")
    kind = (_type_of(name) if isinstance(name, str) else "") or "application/pdf"
    return {"inlineData": {"mimeType": kind, "data": data}}


# Parts of a chat message that are no text.
TO_GEMINI = {"image_url": _image, "video_url": _video, "input_audio": _audio, "file": _file}
