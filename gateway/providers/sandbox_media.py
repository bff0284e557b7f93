"""What the sandbox makes: small real images and real sounds, and transcripts of nothing heard.

All of it is a function of the request. Usage is exact: as many images, characters and seconds as
the answer says.
"""

import base64
import hashlib
import math
import struct
import zlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.formats import sse
from gateway.formats.openai import Endpoint
from gateway.providers import sandbox_text

Body = dict[str, Any]

_SIDE, _LARGEST_SIDE = 1_024, 4_096
_RATE, _PER_CHARACTER = 8_000, 400
_MAX_SAMPLES = 10 * 60 * _RATE
_PIECE = 16 << 10
_TYPES = {"text": "text/plain", "srt": "text/plain", "vtt": "text/vtt"}


@dataclass(frozen=True, slots=True)
class Media:
    """An answer: its content type and its pieces."""

    content_type: str
    pieces: Iterator[bytes]

    async def body(self) -> AsyncIterator[bytes]:
        """Yield the pieces."""
        for piece in self.pieces:
            yield piece


def images(endpoint: Endpoint, body: Body, created_s: int) -> Media:
    """Answer with images of the size that was asked for, as base64 or as data URLs."""
    size = str(body.get("size") or "auto").lower()
    size = f"{_SIDE}x{_SIDE}" if size == "auto" else size
    quality = str(body.get("quality") or "auto")
    quality = "standard" if quality == "auto" else quality
    as_url = body.get("response_format") == "url"
    data = []
    for index in range(body.get("n") or 1):
        picture = base64.b64encode(_png(size, f"{index}:{body.get('prompt')}")).decode()
        data.append(
            {"url": f"data:image/png;base64,{picture}"} if as_url else {"b64_json": picture}
        )
    said = {"size": size, "quality": quality, "output_format": "png", "background": "opaque"}
    if not body.get("stream"):
        answer = {"created": created_s, "data": data, **said}
        return Media("application/json", iter([orjson.dumps(answer)]))
    kind = "image_generation" if endpoint.task == "images" else "image_edit"
    events = [
        {"type": f"{kind}.completed", "created_at": created_s, **each, **said} for each in data
    ]
    return Media("text/event-stream", _events(events))


def _png(size: str, seed: str) -> bytes:
    """Draw an image of one colour, one bit a pixel."""
    sides = [int(side) for side in size.split("x") if side.isascii() and side.isdigit()]
    wide, high = sides if len(sides) == 2 else (_SIDE, _SIDE)
    wide, high = (min(max(1, side), _LARGEST_SIDE) for side in (wide, high))
    colour = hashlib.sha256(seed.encode()).digest()[:3]
    row = bytes(1 + -(-wide // 8))
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", wide, high, 1, 3, 0, 0, 0)),
        (b"PLTE", colour),
        (b"IDAT", zlib.compress(row * high, 9)),
        (b"IEND", b""),
    )
    chunks = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def speech(body: Body) -> Media:
    """Answer with a tone, longer for a longer text: WAV, or raw samples where PCM is asked for."""
    said = str(body.get("input"))
    count = min(len(said) * _PER_CHARACTER, _MAX_SAMPLES)
    pitch = 220 + 20 * (hashlib.sha256(said.encode()).digest()[0] % 16)
    wave = [int(8_000 * math.sin(2 * math.pi * pitch * n / _RATE)) for n in range(_RATE // 20)]
    samples = struct.pack(f"<{len(wave)}h", *wave)
    samples = (samples * (count // len(wave) + 1))[: 2 * count]
    raw = body.get("response_format") == "pcm"
    sound = samples if raw else _wav_head(len(samples)) + samples
    cut = [sound[at : at + _PIECE] for at in range(0, len(sound), _PIECE)]
    if body.get("stream_format") != "sse":
        return Media("audio/pcm" if raw else "audio/wav", iter(cut))
    events: list[Body] = [
        {"type": "speech.audio.delta", "audio": base64.b64encode(piece).decode()} for piece in cut
    ]
    return Media("text/event-stream", _events([*events, {"type": "speech.audio.done"}]))


def _wav_head(size: int) -> bytes:
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, _RATE, 2 * _RATE, 2, 16)
    head = struct.pack("<4sI4s", b"RIFF", 36 + size, b"WAVE")
    return head + form + struct.pack("<4sI", b"data", size)


def transcript(body: Body, content: bytes, seconds: int) -> Media:
    """Answer with words that depend on the recording, in the format that is asked for."""
    said = sandbox_text.answer(hashlib.sha256(content).hexdigest(), 0)
    form = body.get("response_format") or "json"
    usage = {"type": "duration", "seconds": seconds}
    if body.get("stream"):
        deltas = [
            {"type": "transcript.text.delta", "delta": piece}
            for piece in sandbox_text.pieces(said, 0)
        ]
        done: Body = {"type": "transcript.text.done", "text": said, "usage": usage}
        return Media("text/event-stream", _events([*deltas, done]))
    if form in _TYPES:
        return Media(f"{_TYPES[form]}; charset=utf-8", iter([_written(form, said, seconds)]))
    answer: Body = {"text": said, "usage": usage}
    if form == "verbose_json":
        segment = {"id": 0, "start": 0.0, "end": float(seconds), "text": said}
        answer |= {"task": "transcribe", "language": "english", "segments": [segment]}
        answer["duration"] = float(seconds)
    return Media("application/json", iter([orjson.dumps(answer)]))


def _written(form: str, said: str, seconds: int) -> bytes:
    comma = "," if form == "srt" else "."
    end = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{comma}000"
    if form == "text":
        return f"{said}\n".encode()
    cue = f"00:00:00{comma}000 --> {end}\n{said}\n\n"
    return (f"1\n{cue}" if form == "srt" else f"WEBVTT\n\n{cue}").encode()


def _events(events: list[Body]) -> Iterator[bytes]:
    for event in events:
        yield f"event: {event['type']}\n".encode() + sse.frame(event)
