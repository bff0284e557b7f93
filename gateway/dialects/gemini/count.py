"""countTokens: what is to be counted, and the answer (Gemini API: models.countTokens)."""

from typing import Any

from gateway.dialects.gemini import request
from gateway.dialects.gemini.fields import Json, an_object, count, get


def to_chat(body: Json) -> Json:
    """Return the chat body whose tokens a Gemini client wants to know.

    Either `contents` alone or a whole `generateContentRequest`. Raises RelayError 400.
    """
    whole = get(body, "generateContentRequest")
    if whole is None:
        return request.to_chat(body)
    return request.to_chat(an_object(whole, "generateContentRequest"))


def from_chat(body: Json, model: str) -> Json:
    """Return a countTokens body for a chat body. Raises RelayError 400."""
    named = model if model.startswith("models/") else f"models/{model}"
    return {"generateContentRequest": {"model": named, **request.from_chat(body)}}


def answer(tokens: int) -> Json:
    """Return the answer for so many tokens."""
    return {"totalTokens": tokens}


def total(answer: Any) -> int | None:
    """Return the tokens that an upstream counted; None when it does not say."""
    return count(get(answer, "totalTokens")) if isinstance(answer, dict) else None
