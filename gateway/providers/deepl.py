"""DeepL, which translates: POST /v2/translate (DeepL API reference, "Translate text").

As in One API, the model's name ends in the language to translate into (`deepl-zh`, `deepl-pt-br`),
and the last message of the user is the text; what stands before it is not sent. There are no
streams: who asks for one gets the translation in one piece. What DeepL bills is characters of the
source text, which it tells of each translation where it is asked to; clients, whose dialects know
only tokens, read them as tokens of the prompt.

Keys of the free plan end in ":fx" and have a host of their own; a channel's address goes before
both. A channel's config may name `source_lang`, `formality` and `glossary_id`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.dialects.dialect import Config, Json
from gateway.dialects.gemini.fields import children, refuse, said
from gateway.formats import usage as usages
from gateway.formats.usage import Usage
from gateway.providers import turns
from gateway.providers.asking import WHOLE, Codes, Means
from gateway.providers.base import Call
from gateway.providers.native import Native, NativeReader, completion
from gateway.providers.turns import USER

_PRO = "https://api.deepl.com"
_OF_FREE = ":fx"
_MODEL = re.compile(r"[^-]*-([a-z]{2,3}(?:-[a-z0-9]{2,4}){0,2})", re.ASCII | re.IGNORECASE)
_CONFIG = ("source_lang", "formality", "glossary_id")
_COUNT = "billed_characters"


class DeepL(Native):
    """DeepL's translation of text."""

    name = "deepl"
    framing = WHOLE
    delivers = ("translations",)
    offers = frozenset()
    # Errors are a message without a code; 456 is a quota or a limit of costs that was reached.
    codes = Codes(dead=((403, "none", ""), (456, "any", "")))

    async def address(self, call: Call, means: Means) -> str:
        """Return where a call goes: by the key, where the channel does not say."""
        endpoint, base = call.endpoint, call.channel.base_url
        if not base and not call.secret.endswith(_OF_FREE):
            base = _PRO
        return call.vendor.url(base, endpoint.path, endpoint.task, call.model, call.config)

    async def headers(self, call: Call, means: Means) -> Mapping[str, str]:
        """Return the key in DeepL's own way."""
        return {"accept": "application/json", "authorization": f"DeepL-Auth-Key {call.secret}"}

    def request(self, chat: Json, config: Config) -> Json:
        """Return a body for /v2/translate."""
        asked = [turn for turn in turns.turns(chat, images=False) if turn.role == USER]
        text = asked[-1].text if asked else ""
        if not text:
            refuse("messages", "a list that ends with the text to translate, of a user")
        made: Json = {
            "text": [text],
            "target_lang": _target(chat.get("model")),
            "show_billed_characters": True,
        }
        return {**made, **{name: str(config[name]) for name in _CONFIG if config.get(name)}}

    def answer(self, answer: Json, created_s: int) -> Json:
        """Return a translation as a chat.completion."""
        made: Json = {"role": "assistant", "content": "".join(self.texts(answer))}
        head = {"id": "chatcmpl-deepl", "model": ""}
        return completion(head, made, "stop", _as_tokens(self.find(answer)), created_s)

    def reader(self, created_s: int) -> NativeReader:
        """Return what reads a translation where a stream is wanted."""
        return _Reader(self, created_s)

    def ends(self, event: Json) -> bool:
        """Whether an event is a translation: there is one only."""
        return "translations" in event

    def texts(self, event: Any) -> Iterator[str]:
        """Yield the translation."""
        yield from filter(None, (said(each, "text") for each in children(event, "translations")))

    def find(self, event: Any) -> Json | None:
        """Return what is billed, where every translation tells it."""
        counts = [usages.count(each.get(_COUNT)) for each in children(event, "translations")]
        known = [count for count in counts if count is not None]
        return {_COUNT: sum(known)} if known and len(known) == len(counts) else None

    def usage(self, frame: Json) -> Usage | None:
        """Return the characters that are billed."""
        characters = usages.count(frame.get(_COUNT))
        return None if characters is None else {"characters": characters}

    def failed(self, parsed: Any) -> bool:
        """Whether JSON is a message in place of a translation."""
        return isinstance(parsed, dict) and "translations" not in parsed and "message" in parsed


class _Reader(NativeReader):
    """A translation as a stream of one piece."""

    _report: Json | None

    def deltas(self, event: Json) -> Iterator[tuple[Json, str | None]]:
        """Yield the translation and the end."""
        if text := "".join(self._native.texts(event)):
            yield {"content": text}, None
        if self._native.ends(event):
            yield {}, "stop"

    def end(self) -> list[Json]:
        """Return the chunk with the usage, if there was any."""
        shown, self._report = _as_tokens(self._report), None
        if shown is None:
            return []
        return [{**self.head, "choices": [], "usage": usages.report_of(shown)}]


def _as_tokens(frame: Json | None) -> Usage | None:
    return None if frame is None else {"input": frame[_COUNT], "output": 0}


def _target(model: Any) -> str:
    found = _MODEL.fullmatch(model) if isinstance(model, str) else None
    if found is None:
        refuse("model", "a name that ends in the language to translate into, such as deepl-de")
    return found[1].upper()
