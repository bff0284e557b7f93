"""Content blocks (Anthropic Messages API) and content parts (OpenAI chat) in user messages."""

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable
from typing import Any

from gateway.dialects.anthropic.fields import (
    Json,
    a_list,
    a_string,
    an_object,
    cannot,
    data_url,
    obj,
    objects,
    refuse,
    spoken,
    text,
)

PDF, PLAIN = "application/pdf", "text/plain"
_UNNAMED = "document.pdf"
# What clients write for the types of images that Anthropic takes.
_MENDED = {"": "image/png", "image/jpg": "image/jpeg"}


def parts_of(content: Any, at: str) -> list[Json]:
    """Return the chat parts of a user's content. Raises RelayError 400 naming the block."""
    if isinstance(content, str):
        return [_text_part(content)] if content else []
    blocks = enumerate(a_list(content, at))
    return [part for n, block in blocks for part in parts_of_block(block, f"{at}.{n}")]


def parts_of_block(block: Any, at: str) -> list[Json]:
    """Return the chat parts of one block. Raises RelayError 400 naming the field."""
    kind = an_object(block, at).get("type")
    reader = _BLOCKS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        cannot(f"{at}.type", f"blocks of the type {str(kind)[:80]!r}")
    return reader(block, at)


def simplest(parts: list[Json]) -> str | list[Json]:
    """Return a content as a string where it is one text: every vendor reads that."""
    if all(part["type"] == "text" for part in parts) and len(parts) <= 1:
        return str(parts[0]["text"]) if parts else ""
    return parts


def _text_part(said: str) -> Json:
    return {"type": "text", "text": said}


def _of_text(block: Json, at: str) -> list[Json]:
    said = block.get("text")
    if not isinstance(said, str):
        refuse(f"{at}.text", "a string")
    return [_text_part(said)] if said else []


def _of_image(block: Json, at: str) -> list[Json]:
    source, where = an_object(block.get("source"), f"{at}.source"), f"{at}.source"
    if source.get("type") == "url":
        url = a_string(source.get("url"), f"{where}.url")
    elif source.get("type") == "base64":
        kind = a_string(source.get("media_type"), f"{where}.media_type")
        url = f"data:{kind};base64,{a_string(source.get('data'), f'{where}.data')}"
    else:
        cannot(f"{where}.type", "images from other sources than `base64` and `url`")
    return [{"type": "image_url", "image_url": {"url": url}}]


def _of_document(block: Json, at: str) -> list[Json]:
    source, where = an_object(block.get("source"), f"{at}.source"), f"{at}.source"
    kind, title = source.get("type"), text(block.get("title"))
    head = [_text_part(title)] if title else []
    if kind == "text":
        return [*head, _text_part(a_string(source.get("data"), f"{where}.data"))]
    if kind == "content":
        return [*head, *_plain_blocks(source.get("content"), f"{where}.content")]
    if kind != "base64":
        cannot(f"{where}.type", "documents from other sources than `base64`, `text` and `content`")
    media = a_string(source.get("media_type"), f"{where}.media_type")
    url = f"data:{media};base64,{a_string(source.get('data'), f'{where}.data')}"
    return [{"type": "file", "file": {"filename": title or _UNNAMED, "file_data": url}}]


def _of_search_result(block: Json, at: str) -> list[Json]:
    head = [text(block.get(name)) for name in ("title", "source")]
    parts = [_text_part(said) for said in head if said]
    return parts + _plain_blocks(block.get("content"), f"{at}.content")


def _plain_blocks(content: Any, at: str) -> list[Json]:
    """Read the text and images inside a document: one level, no further."""
    if isinstance(content, str):
        return [_text_part(content)] if content else []
    parts: list[Json] = []
    for n, block in enumerate(a_list(content, at)):
        where = f"{at}.{n}"
        kind = an_object(block, where).get("type")
        if kind not in ("text", "image"):
            cannot(f"{where}.type", "such blocks inside another")
        parts.extend(_BLOCKS[kind](block, where))
    return parts


_BLOCKS: dict[str, Callable[[Json, str], list[Json]]] = {
    "text": _of_text,
    "image": _of_image,
    "document": _of_document,
    "search_result": _of_search_result,
}


def blocks_of(content: Any, at: str) -> list[Json]:
    """Return the blocks of a chat content. Raises RelayError 400 naming the part.

    Anthropic refuses texts of white space only, so these are left out.
    """
    if isinstance(content, str):
        return _text_block({"text": content}, at)
    blocks: list[Json] = []
    for n, part in enumerate(a_list(content, at)):
        where = f"{at}.{n}"
        kind = an_object(part, where).get("type")
        reader = _PARTS.get(kind) if isinstance(kind, str) else None
        if reader is None:
            cannot(f"{where}.type", f"parts of the type {str(kind)[:80]!r}")
        blocks.extend(_keep_cache_mark(part, reader(part, where)))
    return blocks


def _keep_cache_mark(part: Json, blocks: list[Json]) -> list[Json]:
    """Pass on the mark by which chat clients, too, ask Anthropic to cache up to here."""
    if blocks and isinstance(part.get("cache_control"), dict):
        blocks[-1]["cache_control"] = part["cache_control"]
    return blocks


def _text_block(part: Json, at: str) -> list[Json]:
    said = part.get("text")
    if not isinstance(said, str):
        refuse(f"{at}.text", "a string")
    return [_text_part(said)] if said.strip() else []


def _refusal_block(part: Json, at: str) -> list[Json]:
    return _text_block({"text": part.get("refusal")}, at)


def _image_block(part: Json, at: str) -> list[Json]:
    image = part.get("image_url")
    url = a_string(
        image if isinstance(image, str) else obj(image).get("url"), f"{at}.image_url.url"
    )
    inline = data_url(url)
    if inline is not None:
        media = _MENDED.get(inline[0], inline[0])
        source = {"type": "base64", "media_type": media, "data": inline[1]}
    elif url[:8].lower().startswith(("http://", "https://")):
        source = {"type": "url", "url": url}
    else:
        refuse(f"{at}.image_url.url", "a base64 data URL or an http(s) URL")
    return [{"type": "image", "source": source}]


def _file_block(part: Json, at: str) -> list[Json]:
    file, where = an_object(part.get("file"), f"{at}.file"), f"{at}.file"
    if file.get("file_data") is None:
        cannot(f"{where}.file_id", "files that were uploaded elsewhere; send `file_data`")
    given = a_string(file.get("file_data"), f"{where}.file_data")
    media, data = data_url(given) or (PDF, given)
    if media == PDF:
        source = {"type": "base64", "media_type": PDF, "data": data}
    elif media == PLAIN:
        source = {"type": "text", "media_type": PLAIN, "data": _decoded(data, f"{where}.file_data")}
    else:
        cannot(f"{where}.file_data", f"files of the type {media[:80]!r}, but PDF and plain text")
    title = text(file.get("filename"))
    return [{"type": "document", "source": source, **({"title": title} if title else {})}]


def _decoded(data: str, at: str) -> str:
    try:
        return b64decode(data, validate=True).decode()
    except (NotBase64, ValueError):
        refuse(at, "UTF-8 text in base64")


_PARTS: dict[str, Callable[[Json, str], list[Json]]] = {
    "text": _text_block,
    "refusal": _refusal_block,
    "image_url": _image_block,
    "file": _file_block,
}


def texts(content: Any) -> str:
    """Return the text of a system content: a string, or its blocks one paragraph each."""
    if isinstance(content, list):
        return "\n\n".join(said for block in objects(content) if (said := text(block.get("text"))))
    return spoken(content)
