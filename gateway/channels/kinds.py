"""What a test of a channel asks for, kind by kind: one table.

A kind says through which endpoint, with which body, how an answer reads, and what it used beyond
what the answer itself reports. Conversations are different: they are had in the dialect of the
channel's vendor (probe.py).
"""

import io
import re
import wave
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.dialects.rerank import RERANK as RERANKING
from gateway.directory.channels import KIND_AUTO
from gateway.directory.vendor import Vendor
from gateway.formats import moderations, openai
from gateway.formats.openai import Endpoint
from gateway.formats.usage import Usage
from gateway.media import asks as media
from gateway.media.form import File, Form, OutgoingForm
from gateway.media.spool import Spool
from gateway.relay.route import wire_of

CHAT, EMBEDDINGS, IMAGES = "chat", "embeddings", "images"
SPEECH, TRANSCRIPTION, RERANK = "speech", "transcription", "rerank"
MODERATION = "moderation"

_SOUND_S = 1
_RATE = 8_000

Content = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of test.

    `write` makes the body from a model and the prompt. `read` says
    what an answer holds in a few words, None when it is no such answer; it gets the body's bytes,
    their JSON or None, and the content type. `counts` is usage that answers do not report, `timed`
    whether being slow says anything about the channel: images and sounds take their time.
    """

    name: str
    endpoint: Endpoint
    write: Callable[[str, str], bytes | OutgoingForm]
    read: Callable[[bytes, Any, str], str | None]
    counts: Callable[[str, Any], Usage] = lambda prompt, parsed: {}
    timed: bool = True


def _json(**fields: Any) -> bytes:
    return orjson.dumps(fields)


def _listed(parsed: Any, name: str) -> list[Any]:
    """Return a list of an answer that has something in it, else an empty one."""
    found = parsed.get(name) if isinstance(parsed, dict) else None
    return found if isinstance(found, list) else []


def _vector(raw: bytes, parsed: Any, content_type: str) -> str | None:
    data = _listed(parsed, "data")
    vector = data[0].get("embedding") if data and isinstance(data[0], dict) else None
    return f"a vector of {len(vector)} numbers" if isinstance(vector, list) and vector else None


def _image(raw: bytes, parsed: Any, content_type: str) -> str | None:
    data = _listed(parsed, "data")
    made = [each for each in data if isinstance(each, dict)]
    return "an image" if any(each.get("url") or each.get("b64_json") for each in made) else None


def _sound(raw: bytes, parsed: Any, content_type: str) -> str | None:
    said = content_type.startswith("application/json") or parsed is not None
    return None if said or not raw else f"{len(raw)} bytes of sound"


def _text(raw: bytes, parsed: Any, content_type: str) -> str | None:
    found = parsed.get("text") if isinstance(parsed, dict) else None
    return f"a transcript: {found}" if isinstance(found, str) else None


def _scores(raw: bytes, parsed: Any, content_type: str) -> str | None:
    found = _listed(parsed, "results")
    return f"{len(found)} scores" if found else None


def _verdict(raw: bytes, parsed: Any, content_type: str) -> str | None:
    try:
        (flagged,) = moderations.verdicts(parsed, 1, {})
    except moderations.NoVerdict:
        return None
    named = ", ".join(flagged or ())
    return "a verdict: clean" if flagged is None else f"a verdict: flagged ({named})"


def silence() -> bytes:
    """Return a second of silence as a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(_RATE)
        sound.writeframes(bytes(2 * _RATE * _SOUND_S))
    return file.getvalue()


def _form(model: str, prompt: str) -> OutgoingForm:
    sound = silence()
    file = File("file", "test.wav", "audio/wav", 0, len(sound))
    return OutgoingForm(Form(Spool.of(sound), [], [file]), {"model": model})


TABLE: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            CHAT,
            openai.CHAT,
            lambda m, p: _json(model=m, messages=[{"role": "user", "content": p}]),
            lambda raw, parsed, content_type: None,  # the dialect knows (probe.py)
        ),
        Kind(EMBEDDINGS, openai.EMBEDDINGS, lambda m, p: _json(model=m, input=p), _vector),
        Kind(
            IMAGES,
            media.GENERATIONS,
            lambda m, p: _json(model=m, prompt="A red circle on a white ground", n=1),
            _image,
            counts=lambda prompt, parsed: {"images": max(1, len(_listed(parsed, "data")))},
            timed=False,
        ),
        Kind(
            SPEECH,
            media.SPEECH,
            lambda m, p: _json(model=m, input=p, voice="alloy"),
            _sound,
            counts=lambda prompt, parsed: {"characters": len(prompt)},
            timed=False,
        ),
        Kind(
            TRANSCRIPTION,
            media.TRANSCRIPTIONS,
            _form,
            _text,
            counts=lambda prompt, parsed: {"seconds": _SOUND_S},
            timed=False,
        ),
        Kind(
            RERANK,
            RERANKING,
            lambda m, p: _json(model=m, query=p, documents=[p, "Something else."]),
            _scores,
            counts=lambda prompt, parsed: {"calls": 1},
        ),
        Kind(MODERATION, openai.MODERATIONS, lambda m, p: _json(model=m, input=p), _verdict),
    )
}

# By the names that vendors give their models; the first that fits, else it is for chat.
_NAMES = (
    (RERANK, re.compile(r"rerank")),
    (MODERATION, re.compile(r"moderation")),
    (EMBEDDINGS, re.compile(r"embed|^(text-similarity|bge-|m3e|gte-|e5-|tao-8k|voyage-)|/bge-")),
    (TRANSCRIPTION, re.compile(r"whisper|transcri|sensevoice|paraformer|(^|[-/_])asr([-/_]|$)")),
    (SPEECH, re.compile(r"(^|[-/_])tts([-/_]|$)|speech|cosyvoice")),
    (
        IMAGES,
        re.compile(
            r"dall-e|gpt-image|stable-?diffusion|(^|[-/_])sd-?x|flux|imagen|wanx|cogview|kolors"
            r"|-image$|^step-1x|qwen-image|(^|[-/])(z-image|ideogram|recraft)|-t2i(-|$)"
        ),
    ),
)


def kind_of(asked: str, model: str, vendor: Vendor) -> Kind:
    """Return the kind of test for a channel's model: the one asked for, or by the model's name.

    A model that is named like one for images, and whose vendor has no route for these, is had by
    way of a conversation.
    """
    if asked != KIND_AUTO:
        return TABLE[asked]
    name = model.lower()
    for kind, names in _NAMES:
        if names.search(name) and wire_of(vendor, TABLE[kind].endpoint) is not None:
            return TABLE[kind]
    return TABLE[CHAT]
