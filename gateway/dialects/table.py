"""The one table of dialects, and of what only upstreams speak."""

import re
from dataclasses import replace

from gateway.dialects import chat, rerank, searches
from gateway.dialects.anthropic import answer as a_answer
from gateway.dialects.anthropic import errors as a_errors
from gateway.dialects.anthropic import passing as a_passing
from gateway.dialects.anthropic import request as a_request
from gateway.dialects.anthropic import stream as a_stream
from gateway.dialects.anthropic import text as a_text
from gateway.dialects.anthropic import usage as a_usage
from gateway.dialects.dialect import Dialect, Source, Vectors
from gateway.dialects.gemini import answer as g_answer
from gateway.dialects.gemini import embeddings as g_embeddings
from gateway.dialects.gemini import errors as g_errors
from gateway.dialects.gemini import passing as g_passing
from gateway.dialects.gemini import request as g_request
from gateway.dialects.gemini import stream as g_stream
from gateway.dialects.gemini import text as g_text
from gateway.dialects.gemini import usage as g_usage
from gateway.dialects.responses import answer as r_answer
from gateway.dialects.responses import errors as r_errors
from gateway.dialects.responses import passing as r_passing
from gateway.dialects.responses import request as r_request
from gateway.dialects.responses import stream as r_stream
from gateway.dialects.responses import text as r_text
from gateway.dialects.responses import usage as r_usage
from gateway.formats import sse, text, usage
from gateway.media import answers as m_answers
from gateway.providers.natives import NATIVES

_NEVER = re.compile(rb"(?!)")

CHAT = Dialect(
    name="openai",
    request_to_chat=lambda body: body,
    request_from_chat=lambda body, config: body,
    answer_to_chat=lambda answer, created: answer,
    answer_from_chat=lambda answer, body, request_id: answer,
    reader=chat.Reader,
    writer=lambda body, array, request_id: chat.Writer(chat.wants_usage(body)),
    follower=a_passing.Follower,  # not asked: the relay's own meter passes chat on
    classes=usage.classes,
    find=usage.find,
    merge=usage.merge,
    texts=text.of_answer,
    countable=text.of_request,
    searches=searches.none,
    most_searches=searches.most_in_chat,
    envelope=lambda error, request_id: error.envelope(request_id),
    stream_error=lambda error, request_id: sse.frame(error.envelope(request_id)),
    parse_error=chat.parse_error,
    limited=chat.limited,
    with_system=chat.with_system,
    telling=_NEVER,
    opening=_NEVER,
    error_first=re.compile(rb'\s*\{\s*"error"\s*:'),
    closes=True,
    delivers=("choices", "data"),
    last=sse.DONE,
)

ANTHROPIC = Dialect(
    name="anthropic",
    request_to_chat=a_request.to_chat,
    request_from_chat=lambda body, config: a_request.from_chat(body),
    answer_to_chat=a_answer.to_chat,
    answer_from_chat=lambda answer, body, request_id: a_answer.from_chat(answer, body),
    reader=a_stream.ToChat,
    writer=lambda body, array, request_id: a_stream.FromChat(body),
    follower=a_passing.Follower,
    classes=a_usage.classes,
    find=a_usage.find,
    merge=a_usage.merge,
    texts=a_text.of_answer,
    countable=a_passing.countable,
    searches=searches.none,
    most_searches=searches.most_in_messages,
    envelope=a_errors.envelope,
    stream_error=a_errors.stream_error,
    parse_error=a_errors.parse,
    limited=a_passing.limited,
    with_system=a_passing.with_system,
    telling=a_passing.TELLING,
    opening=a_passing.OPENING,
    error_first=a_passing.ERROR_FIRST,
    closes=True,
    delivers=("content",),
    last=a_errors.event("message_stop", {"type": "message_stop"}),
    id_header="Request-Id",
)

RESPONSES = Dialect(
    name="responses",
    request_to_chat=r_request.to_chat,
    request_from_chat=lambda body, config: r_request.from_chat(body),
    answer_to_chat=lambda answer, created: r_answer.to_chat(answer),
    answer_from_chat=r_answer.from_chat,
    reader=lambda created: r_stream.ToChat(),
    writer=lambda body, array, request_id: r_stream.FromChat(body, request_id),
    follower=r_passing.Follower,
    classes=r_usage.classes,
    find=r_usage.find,
    merge=r_usage.merge,
    texts=r_text.of_answer,
    countable=r_text.of_request,
    searches=searches.in_responses,
    most_searches=searches.most_in_responses,
    envelope=r_errors.envelope,
    stream_error=r_errors.stream_error,
    parse_error=r_errors.parse,
    limited=r_passing.limited,
    with_system=r_passing.with_system,
    telling=r_passing.TELLING,
    opening=r_passing.OPENING,
    error_first=r_passing.ERROR_FIRST,
    closes=True,
    delivers=(),
    last=b"",
)

GEMINI = Dialect(
    name="gemini",
    request_to_chat=g_request.to_chat,
    request_from_chat=lambda body, config: g_request.from_chat(body),
    answer_to_chat=g_answer.to_chat,
    answer_from_chat=lambda answer, body, request_id: g_answer.from_chat(answer, body),
    reader=g_stream.ToChat,
    writer=g_stream.FromChat,
    follower=g_passing.Follower,
    classes=g_usage.classes,
    find=g_usage.find,
    merge=g_usage.merge,
    texts=g_text.of_answer,
    countable=g_passing.countable,
    searches=searches.in_gemini,
    most_searches=searches.most_in_gemini,
    envelope=g_errors.envelope,
    stream_error=g_errors.stream_error,
    parse_error=g_errors.parse,
    limited=g_passing.limited,
    with_system=g_passing.with_system,
    telling=g_passing.TELLING,
    opening=g_passing.OPENING,
    error_first=g_passing.ERROR_FIRST,
    closes=False,
    delivers=("candidates", "promptFeedback"),
    last=b"",
    fetches=False,  # Google's servers fetch from Google's own addresses only
    vectors=Vectors(lambda body, config: g_embeddings.from_openai(body), g_embeddings.vectors_of),
)

# Whose bodies OpenAI's API does not know; errors are like OpenAI's.
RERANK = replace(
    CHAT,
    name="rerank",
    classes=rerank.classes,
    find=rerank.find,
    countable=rerank.countable,
    delivers=("results", "data"),
)

# Images and audio pass, and are never converted.
IMAGES = replace(
    CHAT,
    name="images",
    follower=m_answers.Follower,
    classes=m_answers.image_classes,
    find=m_answers.find,
    merge=m_answers.added,
    texts=m_answers.texts,
    stream_error=m_answers.stream_error,
    parse_error=m_answers.parse_error,
    telling=m_answers.TELLING,
    opening=m_answers.OPENING,
    error_first=m_answers.ERROR_FIRST,
    delivers=("data", "images"),
    last=b"",
)
SPEECH = replace(IMAGES, name="speech", classes=m_answers.speech_classes, merge=usage.merge)
TRANSCRIPTS = replace(
    SPEECH, name="transcripts", classes=m_answers.transcript_classes, delivers=("text",)
)

_ALL = (CHAT, ANTHROPIC, RESPONSES, GEMINI, RERANK, IMAGES, SPEECH, TRANSCRIPTS)
DIALECTS = {dialect.name: dialect for dialect in _ALL}
# By what an upstream speaks; those that no client speaks have a file each in gateway/providers/.
SOURCES: dict[str, Source] = {**DIALECTS, **{n.name: n.source() for n in NATIVES.values()}}
