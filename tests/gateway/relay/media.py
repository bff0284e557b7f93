"""A gateway with a fake image and audio upstream behind it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import openai
import pytest_asyncio

from tests.fakes.media import FakeMedia, Say
from tests.gateway.relay.conftest import Gate

MILLI = 1_000_000
ROWS: list[dict[str, Any]] = [
    {
        "model": "dall-e-3",
        "images": "0.04",
        "variants": [
            {"size": "1024x1792", "images": "0.08"},
            {"size": "1024x1792", "quality": "hd", "images": "0.12"},
            {"quality": "hd", "images": "0.09"},
        ],
    },
    {"model": "dall-e-2", "images": "0.02", "variants": [{"size": "256x256", "images": "0.016"}]},
    {
        "model": "gpt-image-1",
        "input": "5",
        "image_input": "10",
        "output": "40",
    },
    {
        "model": "by-piece",
        "images": "0.01",
        "variants": [
            {"quality": "low", "images": "0.005"},
            {"quality": "high", "images": "0.2"},
        ],
    },
    {"model": "tts-1", "characters": "15"},
    {"model": "gpt-4o-mini-tts", "input": "0.6", "output": "12"},
    {"model": "whisper-1", "seconds": "0.0001"},
    {"model": "gpt-4o-transcribe", "input": "2.5", "audio_input": "6", "output": "10"},
    {"model": "sandbox-image", "images": "0.01"},
    {"model": "sandbox-speech", "characters": "15"},
    {"model": "sandbox-transcription", "seconds": "0.0001"},
]
SANDBOX = ("sandbox-image", "sandbox-speech", "sandbox-transcription")


@dataclass
class Studio:
    """The gateway, its upstream, and the key of a user without limits."""

    gate: Gate
    upstream: FakeMedia
    secret: str
    key: Any

    @property
    def client(self) -> openai.AsyncOpenAI:
        """The official client, unmodified."""
        return self.gate.client(self.secret)

    async def post(self, path: str, secret: str | None = None, **given: Any) -> httpx.Response:
        """Post by hand; the whole answer."""
        headers = {
            "authorization": f"Bearer sk-{secret or self.secret}",
            **given.pop("headers", {}),
        }
        answer: httpx.Response = await self.gate.http.post(path, headers=headers, **given)
        return answer

    async def last(self) -> dict[str, Any]:
        """Return the one charge that the key had since the last time."""
        await self.gate.settled()
        events = await self.gate.events_of(self.key)
        assert len(events) == 1, [event["body"] for event in events]
        self.key, self.secret = await self.gate.key()
        return events[0]

    async def nothing(self) -> None:
        """See that nothing was charged and nothing is held."""
        await self.gate.settled()
        assert await self.gate.events_of(self.key) == []


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(running_gate: Gate) -> AsyncIterator[FakeMedia]:
    """One upstream for a module, with channels for all models."""
    await running_gate.price(*ROWS)
    async with FakeMedia() as upstream:
        models = [row["model"] for row in ROWS if row["model"] not in SANDBOX]
        await running_gate.channel(*models, base_url=upstream.url)
        await running_gate.channel(*SANDBOX, type=1000, base_url="")
        yield upstream
        await running_gate.settled()


@pytest_asyncio.fixture(loop_scope="module")
async def studio(gate: Gate, opened: FakeMedia) -> AsyncIterator[Studio]:
    """The upstream as usual, and a new key."""
    opened.answers = []
    opened.received.clear()
    opened.released.clear()
    opened.gone.clear()
    key, secret = await gate.key()
    await gate.running.directory.options.set("RetryTimes", 0)
    yield Studio(gate, opened, secret, key)


def says(studio: Studio, *answers: Say) -> None:
    """Set what the upstream answers."""
    studio.upstream.answers = list(answers)
