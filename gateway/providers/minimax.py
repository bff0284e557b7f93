"""MiniMax: chat in OpenAI's form, but for how it fails and how its older streams end; and vectors.

(MiniMax Open Platform, "ChatCompletion v2", "Embeddings", "Error codes".) Errors come inside a 200
as `base_resp.status_code`, with `choices: null` beside it, whole or as an event: here they become
errors of OpenAI's form, with the number as their code. The last event of a stream of
/v1/text/chatcompletion_v2 repeats the whole message, which nobody is to read twice. Older models
report only `total_tokens`, of which it cannot be told what was read and what was written, which
have two prices: such a report is left out, and the tokens are counted here.

embo-01 has a protocol of its own: `texts`, of a `type` (documents by default, or queries), and
`vectors`. Older keys want their `group_id` in the address, which a channel's config has.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import quote

import httpx
import orjson

from gateway.dialects.dialect import Config, Json
from gateway.dialects.gemini import embeddings
from gateway.dialects.gemini.fields import child, children, refuse, unsupported
from gateway.formats import sse
from gateway.formats import usage as usages
from gateway.formats.usage import Usage
from gateway.providers import turns
from gateway.providers.asking import Codes, Hosted, Means
from gateway.providers.base import Answer, Call, CallFailed
from gateway.providers.native import EMBEDDINGS, Native
from gateway.providers.native_http import MAX_LINE

_TELLING = (b'"base_resp"', b'"usage"', b'"chat.completion"')
_WHAT = {"query": "query", "search_query": "query", "db": "db", "search_document": "db"}
_PARTS = ("prompt_tokens", "completion_tokens")
_LARGEST = 64 << 20
_CODES = Codes(
    in_band={
        "1001": 504,
        "1002": 429,
        "1004": 401,
        "1008": 402,
        "1026": 400,  # the request, and
        "1027": 400,  # the answer: what must not be said
        "1039": 429,
        "1041": 429,
        "1042": 400,
        "2013": 400,
        "2045": 429,
        "2049": 401,
        "2056": 429,
    },
    dead=(
        (200, "code", "1004"),
        (200, "code", "1008"),
        (200, "code", "2049"),
        (401, "none", ""),
        (401, "type", "authentication_error"),
        (401, "type", "authorized_error"),
        (402, "type", "insufficient_balance_error"),
    ),
    users=frozenset(("1026", "1027", "1042")),
)


class MiniMax(Hosted):
    """MiniMax's chat, under either of its addresses."""

    name = "minimax"
    dialect = "openai"
    codes = _CODES

    async def exchange(self, request: httpx.Request, call: Call, means: Means) -> Answer:
        """Return the answer in OpenAI's form. Raises CallFailed."""
        answer = await means.send(request, call.channel)
        if not 200 <= answer.status < 300:
            return answer
        body = answer.body
        answer.body = _events(body) if answer.is_stream else _whole(body)
        return answer


class MiniMaxVectors(Native):
    """MiniMax's vectors."""

    name = "minimax_vectors"
    tasks = (EMBEDDINGS,)
    delivers = ("vectors",)
    offers = frozenset()
    codes = _CODES

    async def address(self, call: Call, means: Means) -> str:
        """Return where a call goes, with the group that older keys are of."""
        group = call.config.get("group_id")
        rest = f"?GroupId={quote(str(group), safe='')}" if group else ""
        return await super().address(call, means) + rest

    def embed_request(self, body: Json, config: Config) -> Json:
        """Return a body for /v1/embeddings; vectors have one size."""
        if body.get("dimensions") is not None:
            unsupported("dimensions")
        given = body.get("input_type")
        kind = _WHAT.get(given) if isinstance(given, str) else None
        if given is not None and kind is None:
            refuse("input_type", f"one of {', '.join(_WHAT)}")
        return {"model": body.get("model"), "texts": turns.inputs(body), "type": kind or "db"}

    def embed_answer(self, answer: Json) -> list[list[float]]:
        """Return the vectors."""
        listed = answer.get("vectors")
        return [embeddings.numbers(each) for each in (listed if isinstance(listed, list) else ())]

    def texts(self, event: Any) -> Iterator[str]:
        """Yield nothing: vectors have no words."""
        return iter(())

    def find(self, event: Any) -> Json | None:
        """Return what was read, which stands in the answer itself."""
        total = event.get("total_tokens") if isinstance(event, dict) else None
        return None if total is None else {"total_tokens": total}

    def usage(self, frame: Json) -> Usage | None:
        """Return what was read."""
        total = usages.count(frame.get("total_tokens"))
        return {"input": total} if total else None

    def failed(self, parsed: Any) -> bool:
        """Whether an answer says that it failed."""
        return bool(_code(parsed))

    def error(self, parsed: Any) -> tuple[str | None, str]:
        """Return the number and the message."""
        if code := _code(parsed):
            return code, _message(parsed)
        return super().error(parsed)


def _code(event: Any) -> str:
    """Return the number of what went wrong, "" where nothing did."""
    code = child(event, "base_resp").get("status_code")
    return str(code)[:20] if isinstance(code, int | str) and code not in (0, "0", "") else ""


def _message(event: Any) -> str:
    message = child(event, "base_resp").get("status_msg")
    return message[:2_000] if isinstance(message, str) else ""


async def _whole(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield an answer that came in one piece; what is no JSON stays as it is."""
    pieces, size = [], 0
    async for piece in body:
        pieces.append(piece)
        size += len(piece)
        if size > _LARGEST:
            raise CallFailed("upstream_bad_answer", f"an answer of more than {_LARGEST} bytes")
    content = b"".join(pieces)
    yield _rewritten(content, begun=False) or content


async def _events(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the lines of a stream as they come, but for those that are not OpenAI's."""
    lines, begun = sse.Lines(MAX_LINE), False
    async for piece in body:
        written = []
        whole = lines.feed(piece)
        if lines.overflowing:
            raise CallFailed("upstream_bad_answer", f"a line of more than {MAX_LINE} bytes")
        for line in whole.splitlines(keepends=True):
            written.append(_line(line, begun))
            begun = begun or b'"delta"' in line
        if written:
            yield b"".join(written)
    if rest := lines.rest():
        yield _line(rest, begun)


def _line(line: bytes, begun: bool) -> bytes:
    data = sse.data_of(line)
    if not data or not any(name in data for name in _TELLING):
        return line
    changed = _rewritten(data, begun=begun, streamed=True)
    return line if changed is None else b"data: " + changed + b"\n"


def _rewritten(data: bytes, *, begun: bool, streamed: bool = False) -> bytes | None:
    """Return an answer or event in OpenAI's form, None where it is that already."""
    try:
        event = orjson.loads(data)
        changed = _in_form(event, begun, streamed) if isinstance(event, dict) else None
        return orjson.dumps(changed) if changed is not None else None
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return None


def _in_form(event: Json, begun: bool, streamed: bool) -> Json | None:
    if code := _code(event):
        return {"error": {"message": _message(event), "type": "upstream_error", "code": code}}
    changed = dict(event)
    used = child(event, "usage")
    if used and not any(usages.count(used.get(name)) for name in _PARTS):
        del changed["usage"]
    if streamed and event.get("object") == "chat.completion":
        changed["object"] = "chat.completion.chunk"
        changed["choices"] = [_ended(each, begun) for each in children(event, "choices")]
    return None if changed == event else changed


def _ended(choice: Json, begun: bool) -> Json:
    """Return the end of an answer; what it said stands before, if it was not all in one piece."""
    rest = {name: value for name, value in choice.items() if name != "message"}
    return {**rest, "delta": {} if begun else child(choice, "message")}
