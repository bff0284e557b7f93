"""Images that are only in a request, sent ahead to vendors that take them as files of theirs."""

import base64
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import httpx
import orjson

from gateway.dialects.dialect import Json
from gateway.dialects.gemini.fields import child, from_json, said
from gateway.providers.asking import Means
from gateway.providers.base import Answer, Call, CallFailed
from gateway.providers.streamed import Streamed

MAX_ANSWER = 1 << 20
_MARK = b"data:"
_KIND = re.compile(r"data:image/([a-z0-9.+-]{1,40})(?:;|$)")
Upload = Callable[[str], Awaitable[str]]


class _Refused(Exception):
    """What a vendor answers instead of taking a file: the answer to the request, then."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"status {answer.status}")
        self.answer = answer


class Uploading(Streamed):
    """One protocol. `upload_path` takes a file, and answers with its id."""

    upload_path: str

    async def with_files(self, body: Json, upload: Upload) -> Json:
        """Return a body in which uploaded files stand for images in data: URLs."""
        raise NotImplementedError

    def upload_fields(self, body: Json) -> dict[str, str]:
        """Return what a file is sent with."""
        return {}

    async def exchange(self, request: httpx.Request, call: Call, means: Means) -> Answer:
        """Send the images of a request, and then the request that names them."""
        assert isinstance(call.body, bytes)
        if _MARK in call.body:
            body = orjson.loads(call.body)
            upload = partial(self._upload, self.upload_fields(body), request, call, means)
            try:
                body = await self.with_files(body, upload)
            except _Refused as refused:
                return refused.answer
            stream = httpx.ByteStream(orjson.dumps(body))
            request = httpx.Request("POST", request.url, headers=request.headers, stream=stream)
        return await super().exchange(request, call, means)

    async def _upload(
        self, fields: dict[str, str], asked: httpx.Request, call: Call, means: Means, url: str
    ) -> str:
        base = (call.channel.base_url or call.vendor.base_url).rstrip("/")
        form = httpx.Request(
            "POST", base + self.upload_path, files={"file": _file(url)}, data=fields
        )
        headers = {n: v for n, v in asked.headers.items() if n not in ("content-type", "accept")}
        headers["content-type"] = form.headers["content-type"]
        stream = httpx.ByteStream(form.read())
        request = httpx.Request("POST", form.url, headers=headers, stream=stream)
        answer = await means.send(request, call.channel)
        try:
            content = await _read(answer)
        finally:
            await answer.aclose()
        parsed = from_json(content.decode("utf-8", "replace"))
        known = parsed if isinstance(parsed, dict) else {}
        file_id = said(child(known, "data"), "id") or said(known, "id")
        if not 200 <= answer.status < 300 or not file_id:
            raise _Refused(Answer(answer.status, answer.headers, _pieces(content)))
        return file_id


def _file(url: str) -> tuple[str, bytes, str]:
    """Return name, bytes and type of an image in a data: URL that was looked at before."""
    head, _, data = url.partition(",")
    found = _KIND.match(head.lower())
    kind = found[1] if found else "png"  # it becomes a header
    return f"image.{kind}", base64.b64decode(data), f"image/{kind}"


async def _read(answer: Answer) -> bytes:
    content = b""
    async for piece in answer.body:
        content += piece
        if len(content) > MAX_ANSWER:
            raise CallFailed("upstream_bad_answer", f"more than {MAX_ANSWER} bytes for a file")
    return content


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    yield content
