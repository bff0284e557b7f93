"""Embeddings: embedContent and batchEmbedContents, and OpenAI's embeddings.

Gemini writes vectors as lists of numbers; OpenAI's clients may ask for base64 of little-endian
32-bit floats. Gemini's taskType and title are dropped: other models have one kind of vector.
"""

import base64
import binascii
import math
import struct
from typing import Any

from gateway.dialects.gemini import usage
from gateway.dialects.gemini.contents import text_of
from gateway.dialects.gemini.fields import (
    Json,
    a_list,
    a_whole,
    an_object,
    child,
    children,
    get,
    refuse,
    said,
    unsupported,
)
from gateway.formats.images import Image
from gateway.formats.text import Countable

_LARGEST = 3.4028234663852886e38


def to_openai(body: Json, batch: bool) -> Json:
    """Return an OpenAI embeddings body; the caller adds the model, which is in the address.

    Raises RelayError 400 for what is no text, and for a batch that asks for several sizes.
    """
    if not batch:
        text, size = _one(body, "")
        return {"input": text, **_dimensions(size)}
    requests = a_list(body.get("requests"), "requests")
    if not requests:
        refuse("requests", "a non-empty list")
    read = [_one(request, f"requests[{at}].") for at, request in enumerate(requests)]
    sizes = {size for _, size in read}
    if len(sizes) > 1:
        refuse("requests", "requests with the same outputDimensionality")
    return {"input": [text for text, _ in read], **_dimensions(sizes.pop())}


def _one(value: Any, param: str) -> tuple[str, int | None]:
    request = an_object(value, param.rstrip("."))
    text = text_of(request.get("content"), f"{param}content")
    if not text:
        refuse(f"{param}content", "an object with text in its parts")
    config = an_object(get(request, "embedContentConfig"), f"{param}embedContentConfig")
    size = get(request, "outputDimensionality")
    size = get(config, "outputDimensionality") if size is None else size
    return text, None if size is None else a_whole(size, f"{param}outputDimensionality")


def _dimensions(size: int | None) -> Json:
    return {} if size is None else {"dimensions": size}


def from_openai(body: Json) -> Json:
    """Return a batchEmbedContents body for an OpenAI embeddings body.

    Raises RelayError 400 for token numbers, which Gemini does not take.
    """
    given = body.get("input")
    texts = [given] if isinstance(given, str) else a_list(given, "input")
    if not texts:
        refuse("input", "a non-empty string or list")
    if any(isinstance(text, int | list) for text in texts):
        unsupported("input")
    if not all(isinstance(text, str) and text for text in texts):
        refuse("input", "a non-empty string or a list of them")
    size = body.get("dimensions")
    wanted = {} if size is None else {"outputDimensionality": a_whole(size, "dimensions")}
    model = said(body, "model")
    named = model if model.startswith("models/") else f"models/{model}"
    requests = [{"model": named, "content": {"parts": [{"text": t}]}, **wanted} for t in texts]
    return {"requests": requests}


def countable(body: Json) -> Countable:
    """Collect what embedContent or batchEmbedContents sends in, whatever else is wrong with it."""
    found = Countable()
    for request in children(body, "requests") if "requests" in body else [body]:
        for part in children(child(request, "content"), "parts"):
            if isinstance(part.get("text"), str):
                found.texts.append(part["text"])
            elif child(part, "inlineData") or child(part, "fileData"):
                found.images.append(Image(None))
    return found


def vectors_of(answer: Json) -> list[list[float]]:
    """Return the vectors of a Gemini upstream's answer, in order."""
    whole = [child(answer, "embedding")] if child(answer, "embedding") else []
    return [numbers(item.get("values")) for item in whole or children(answer, "embeddings")]


def answer_to_openai(answer: Json, body: Json, counted: int | None = None) -> Json:
    """Return a Gemini upstream's vectors as the answer to an OpenAI client's `body`.

    Usage is the upstream's, else `counted` input tokens where the caller counted them, else absent.
    """
    report = usage.find(answer)
    reported = usage.classes(report) if report else None
    return listed(vectors_of(answer), body, counted if reported is None else sum(reported.values()))


def listed(vectors: list[list[float]], body: Json, tokens: int | None) -> Json:
    """Return vectors as the answer to an OpenAI client's `body`; `tokens` of input, if known."""
    packed = body.get("encoding_format") == "base64"
    data = [
        {"object": "embedding", "index": at, "embedding": _pack(v) if packed else v}
        for at, v in enumerate(vectors)
    ]
    made: Json = {"object": "list", "data": data, "model": said(body, "model")}
    if tokens is not None:
        made["usage"] = {"prompt_tokens": tokens, "total_tokens": tokens}
    return made


def answer_from_openai(answer: Json, batch: bool) -> Json:
    """Return an OpenAI upstream's vectors as embedContent or batchEmbedContents answers them."""
    items = children(answer, "data")
    if all(type(item.get("index")) is int for item in items):
        items = sorted(items, key=lambda item: item["index"])
    vectors = [{"values": _vector(item.get("embedding"))} for item in items]
    made: Json = {"embeddings": vectors}
    if not batch:
        made = {"embedding": vectors[0] if vectors else {"values": []}}
    report = usage.from_openai(answer.get("usage"))
    return {**made, "usageMetadata": _input_only(report)} if report else made


def _input_only(report: Json) -> Json:
    names = ("promptTokenCount", "totalTokenCount")
    return {name: report[name] for name in names}


def numbers(value: Any) -> list[float]:
    """Return the numbers of a list; of anything else, none."""
    listed = value if isinstance(value, list) else []
    return [n for n in listed if isinstance(n, int | float) and not isinstance(n, bool)]


def _pack(vector: list[float]) -> str:
    held = [min(max(n, -_LARGEST), _LARGEST) if n == n else 0.0 for n in vector]
    return base64.b64encode(struct.pack(f"<{len(held)}f", *held)).decode()


def _vector(value: Any) -> list[float]:
    if not isinstance(value, str):
        return numbers(value)
    try:
        data = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return []
    found = struct.unpack(f"<{len(data) // 4}f", data[: len(data) // 4 * 4])
    return [number if math.isfinite(number) else 0.0 for number in found]
