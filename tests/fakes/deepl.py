"""An honest fake of DeepL's API: /v2/translate (DeepL API reference, "Translate text").

It translates everything into the script's words and bills the source text's characters.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from tests.fakes.native import Json, NativeFake, Wrong, check, one_of

KEY = "279a2e9d-83b3-c416-7e2d-f721593e42a0:fx"
_LANGUAGE = re.compile(r"[A-Z]{2,3}(-[A-Z0-9]{2,4})*")


def _language(value: Any, at: str) -> None:
    if not isinstance(value, str) or not _LANGUAGE.fullmatch(value):
        raise Wrong(400, f"Value for '{at}' not supported.")


_TRANSLATE = {
    "text": [str],
    "target_lang": _language,
    "source_lang?": _language,
    "formality?": one_of("default", "more", "less", "prefer_more", "prefer_less"),
    "glossary_id?": str,
    "context?": str,
    "show_billed_characters?": bool,
}


class FakeDeepL(NativeFake):
    """DeepL."""

    paths = {"/v2/translate": "translate"}
    stream_type = "text/event-stream"

    def check_headers(self, headers: dict[str, str]) -> None:
        """The key is sent in DeepL's own way."""
        if headers.get("authorization") != f"DeepL-Auth-Key {KEY}":
            raise Wrong(403, "Forbidden")

    def error(self, status: int, message: str) -> Json:
        """DeepL's errors are a message."""
        return {"message": message}

    def late_error(self) -> Json:
        """There are no streams to fail."""
        raise NotImplementedError

    def frame(self, event: Json) -> bytes:
        """What is no stream is written over several lines, as JSON may be."""
        return orjson.dumps(event, option=orjson.OPT_INDENT_2)

    def noise(self) -> bytes:
        """There is none."""
        return b""

    def translate(self, body: Json) -> Any:
        """Translate each text."""
        check(body, _TRANSLATE)
        if not body["text"] or ("glossary_id" in body and "source_lang" not in body):
            raise Wrong(400, "Bad request. Reason: a parameter is missing.")
        if self.script.fails:
            return {"message": "the model crashed"}
        translations = [self._translation(text, body) for text in body["text"]]
        return {"translations": translations}

    def _translation(self, text: str, body: Json) -> Json:
        made = {"detected_source_language": body.get("source_lang", "EN")}
        made["text"] = "".join(self.script.words)
        if body.get("show_billed_characters") and not self.script.no_usage:
            return {**made, "billed_characters": len(text)}
        return made
