"""SIGTERM under 200 streams: each finishes, or is charged for what it delivered."""

import asyncio
import json
import signal
from pathlib import Path

import httpx
import pytest

from gateway.tokens import TokenCounter
from tests.e2e.server import Server

pytestmark = pytest.mark.database

STREAMS = 200
# About as many chunks as the sandbox has words: the fast streams end in time, the slow ones do not.
FAST_MS, SLOW_MS = 20, 400


class Stream:
    """One streamed answer, as far as its client received it."""

    def __init__(self) -> None:
        self.event_id = ""
        self.text = ""
        self.done = False
        self.begun = asyncio.Event()

    async def read(self, http: httpx.AsyncClient, key: str, model: str, number: int) -> None:
        body = {
            "model": model,
            "stream": True,
            "messages": [{"role": "user", "content": f"Tell me about number {number}."}],
        }
        headers = {"Authorization": f"Bearer sk-{key}"}
        async with http.stream(
            "POST", "/v1/chat/completions", json=body, headers=headers
        ) as answer:
            assert answer.status_code == 200, await answer.aread()
            self.event_id = answer.headers["x-tollgate-event"]
            async for line in answer.aiter_lines():
                if line.startswith("data: "):
                    self._take(line[6:])

    def _take(self, data: str) -> None:
        self.begun.set()
        if data == "[DONE]":
            self.done = True
            return
        chunk = json.loads(data)
        for choice in chunk.get("choices", ()):
            self.text += choice["delta"].get("content") or ""


@pytest.mark.timeout(240)
@pytest.mark.parametrize("workers", ["1", "2"])
async def test_no_stream_is_lost_when_the_server_is_told_to_stop(tmp_path: Path, workers: str):
    server = Server(tmp_path, DRAIN_TIMEOUT="3").start("--workers", workers)
    prices = {"fast": [1, 4], "slow": [1, 4]}
    server.options(ModelRatio=ratios(server, prices))
    server.add_channel(name="fast", models="fast", config=json.dumps({"chunk_ms": FAST_MS}))
    server.add_channel(name="slow", models="slow", config=json.dumps({"chunk_ms": SLOW_MS}))
    key = server.add_user("streams", 500_000_000).add_key()["key"]
    streams = [Stream() for _ in range(STREAMS)]
    limits = httpx.Limits(max_connections=STREAMS)
    async with httpx.AsyncClient(
        base_url=server.url, timeout=60, limits=limits, trust_env=False
    ) as http:
        reading = [
            asyncio.create_task(s.read(http, key, "fast" if n % 2 else "slow", n))
            for n, s in enumerate(streams)
        ]
        while not all(s.begun.is_set() for s in streams):
            done, _ = await asyncio.wait(reading, timeout=0.05, return_when="FIRST_EXCEPTION")
            assert not [task for task in done if task.exception()], "a stream did not begin"
        assert server.process is not None
        server.process.send_signal(signal.SIGTERM)
        await asyncio.gather(*reading)
    assert await asyncio.to_thread(server.process.wait, 60) == 0, server.log.read_text()[-4000:]
    assert 0 < sum(s.done for s in streams) < STREAMS
    server.start()
    await check(server, streams)
    server.stop()


def ratios(server: Server, prices: dict[str, list[int]]) -> str:
    """Return the model ratios with some models more (ratio 1 is 2 USD per million)."""
    options = {row["key"]: row["value"] for row in server.api("GET", "/api/option/")}
    return json.dumps({**json.loads(options["ModelRatio"]), **dict.fromkeys(prices, 1)})


async def check(server: Server, streams: list[Stream]) -> None:
    """Each stream has one charge, for at least the tokens that its client received."""
    charges = {event["id"]: event for event in server.events(type="usage.charged")}
    assert {s.event_id for s in streams} <= set(charges)
    counter = TokenCounter(server.directory / "data" / "tiktoken")
    for stream in streams:
        body = charges[stream.event_id]["body"]
        assert (body["outcome"] == "complete") == stream.done, body["outcome"]
        assert body["usage"]["output"] >= await counter.count("slow", [stream.text])
        assert charges[stream.event_id]["amount_nano"] < 0
    assert "books balance" in server.verified()
