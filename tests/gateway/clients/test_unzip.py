"""Bodies that come compressed: unpacked as they come, within the limits, or refused."""

import gzip
import zlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.gateway.clients.trial import LIMIT_BYTES
from tests.listening import Listening

ZIPPED = {
    "whole": (gzip.compress(b"hello" * 1000), b"hello" * 1000),
    "of two": (gzip.compress(b"hello ") + gzip.compress(b"again"), b"hello again"),
    "of nothing": (gzip.compress(b""), b""),
    "empty": (b"", b""),
}


@pytest.mark.parametrize("name", ZIPPED)
@pytest.mark.parametrize("step", [3, 1 << 20])
async def test_a_body_may_be_zipped(listening: Listening, name: str, step: int) -> None:
    zipped, plain = ZIPPED[name]

    async def parts() -> AsyncIterator[bytes]:
        for begin in range(0, len(zipped), step):
            yield zipped[begin : begin + step]

    headers = {"content-encoding": "GZip"}
    async with httpx.AsyncClient(base_url=listening.url, trust_env=False) as client:
        answer = await client.post("/", content=parts(), headers=headers)
    assert (answer.status_code, answer.content) == (200, plain)


BROKEN: dict[str, tuple[bytes, Any]] = {
    "plain": (b"hello", 400),
    "cut off": (gzip.compress(b"hello" * 1000)[:-9], 400),
    "with more behind": (gzip.compress(b"hello") + b"more", 400),
    "of another kind": (zlib.compress(b"hello"), 400),
    # Its own handler says that it is too long, until it is beyond all measure.
    "long": (gzip.compress(bytes(LIMIT_BYTES + 1)), 413),
    "endless": (gzip.compress(bytes(LIMIT_BYTES * 40)), 400),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_zipped_body_that_is_none_is_refused(listening: Listening, name: str) -> None:
    body, status = BROKEN[name]
    headers = {"content-encoding": "gzip"}
    async with httpx.AsyncClient(base_url=listening.url, trust_env=False) as client:
        assert (await client.post("/", content=body, headers=headers)).status_code == status
        assert (await client.get("/")).status_code == 200
