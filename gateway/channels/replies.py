"""What came back from a test of a channel: read whole, judged and measured."""

from dataclasses import dataclass
from typing import Any

from gateway.channels.kinds import CHAT, Kind
from gateway.dialects.asks import VECTORS
from gateway.dialects.chat import Writer
from gateway.dialects.gemini.embeddings import listed
from gateway.dialects.table import SOURCES
from gateway.formats import sse
from gateway.formats import usage as usages
from gateway.formats.openai import Endpoint
from gateway.formats.usage import Usage
from gateway.providers.base import Answer, CallFailed
from gateway.providers.native import PICTURES, RERANK
from gateway.relay import errors
from gateway.relay.convert_meter import ConvertMeter
from gateway.relay.costs import GATEWAY_TIMEOUTS
from gateway.relay.passage import as_openai

MAX_BYTES = 8 << 20
_WRONG = "the answer is not in the format of this type of channel"


class NotTheAnswer(Exception):
    """An answer that says it is good and is not what was asked for."""

    def __init__(self, status: int, message: str = _WRONG) -> None:
        super().__init__(message)
        self.status = status


@dataclass(slots=True)
class Reply:
    """An answer: `said` in a few words, or `error`.

    `usage` is in disjoint classes, None where the upstream reported none; `frame` is its report.
    `texts` is what to count then. `parsed` is an error's JSON.
    """

    status: int
    said: str = ""
    error: str = ""
    worked: bool = False
    usage: Usage | None = None
    frame: str | None = None
    texts: tuple[str, ...] = ()
    parsed: Any = None


async def read_reply(
    answer: Answer, kind: Kind, wire: Endpoint, prompt: str, now_s: float
) -> Reply:
    """Read an answer to its end. Raises CallFailed, NotTheAnswer."""
    content = await _read(answer)
    if not 200 <= answer.status < 300:
        return _failed(answer, wire, errors.parse(content))
    if answer.is_stream:
        return _stream(answer, wire, content, int(now_s))
    parsed = errors.parse(content)
    if kind.name == CHAT:
        return _conversation(answer, wire, parsed)
    if SOURCES[wire.dialect].refuses(parsed):
        return _failed(answer, wire, parsed)
    said = kind.read(content, _as_asked(wire, parsed), answer.headers.get("content-type", ""))
    if said is None:
        raise NotTheAnswer(answer.status)
    reply = _measured(Reply(answer.status, said, worked=True), wire, parsed)
    reply.usage = {**(reply.usage or {}), **kind.counts(prompt, parsed)} or None
    return reply


def _as_asked(wire: Endpoint, parsed: Any) -> Any:
    """Return vectors, ranks and images as clients read them; any other answer as it is."""
    source = SOURCES[wire.dialect]
    if not isinstance(parsed, dict):
        return parsed
    if source.vectors is not None and wire.task in VECTORS:
        return listed(source.vectors.read(parsed), {}, None)
    if source.ranks is not None and wire.task == RERANK:
        return source.ranks.answer(parsed, {})
    if source.pictures is not None and wire.task == PICTURES:
        return source.pictures.answer(parsed, {})
    return parsed


def _conversation(answer: Answer, wire: Endpoint, parsed: Any) -> Reply:
    dialect = SOURCES[wire.dialect]
    delivers = isinstance(parsed, dict) and any(name in parsed for name in dialect.delivers)
    if dialect.refuses(parsed):
        return _failed(answer, wire, parsed)
    if not delivers:
        raise NotTheAnswer(answer.status)
    texts = tuple(dialect.texts(parsed))
    reply = Reply(answer.status, " ".join(texts), worked=True, texts=texts)
    return _measured(reply, wire, parsed)


def _stream(answer: Answer, wire: Endpoint, content: bytes, now_s: int) -> Reply:
    dialect = SOURCES[wire.dialect]
    first = sse.first_data(content)
    if dialect.refuses_first(first, errors.parse):
        return _failed(answer, wire, errors.parse(first))
    meter = ConvertMeter(dialect, Writer(True), now_s)
    meter.feed(content)
    meter.end()
    if not meter.finished:
        raise NotTheAnswer(answer.status, "the stream broke off before its end")
    texts = tuple(meter.delivered())
    frame = usages.frame_text(meter.report)
    return Reply(
        answer.status, "".join(texts), worked=True, usage=meter.usage(), frame=frame, texts=texts
    )


def _measured(reply: Reply, wire: Endpoint, parsed: Any) -> Reply:
    dialect = SOURCES[wire.dialect]
    report = dialect.find(parsed)
    if report is not None:
        reply.usage, reply.frame = dialect.classes(report), usages.frame_text(report)
    return reply


def _failed(answer: Answer, wire: Endpoint, parsed: Any) -> Reply:
    """Say an error in the upstream's own words: who tests a channel is its operator."""
    _, said = as_openai(wire, answer.status, parsed)
    words = errors.normalise(said)["message"] or "the upstream gave no reason"
    reply = Reply(answer.status, error=f"status {answer.status}: {words}", parsed=parsed)
    _measured(reply, wire, parsed)  # some vendors bill what they refused, and say so
    reply.worked = answer.status in GATEWAY_TIMEOUTS or reply.usage is not None
    return reply


async def _read(answer: Answer) -> bytes:
    pieces, size = [], 0
    async for piece in answer.body:
        pieces.append(piece)
        size += len(piece)
        if size > MAX_BYTES:
            raise CallFailed("upstream_bad_answer", "the answer is too long for a test")
    return b"".join(pieces)
