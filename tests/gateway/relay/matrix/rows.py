"""The endpoints, in groups as the page shows them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.gateway.relay.matrix import things, words
from tests.gateway.relay.matrix.cell import COUNTED, Group, Row, refused
from tests.gateway.relay.matrix.columns import (
    ANTHROPIC,
    COLUMNS,
    CONVERSATION,
    GEMINI,
    OPENAI,
    SANDBOX,
    VECTORS,
)
from tests.gateway.relay.matrix.conftest import a_channel, an_answer

_USUAL = (OPENAI, ANTHROPIC, GEMINI, SANDBOX)
_WHOLE, _STREAM = ("whole",), ("stream",)


def _talk(name: str, path: str, ask: Any, usage: str, **more: Any) -> Row:
    given: dict[str, Any] = {"title": f"`POST {path.replace('{model}', 'M')}`", "endpoint": name}
    given |= {"task": name, "family": CONVERSATION, "what": "words", **more}
    return Row(name=name, path=path, ask=ask, usage=usage, **given)


_GENERATE = "/v1beta/models/{model}:generateContent"
_CONVERSATIONS = (
    _talk("chat", "/v1/chat/completions", words.chat, "as asked", endpoint="chat.completions"),
    _talk("messages", "/v1/messages", words.messages, "always", dialect="anthropic"),
    _talk("responses", "/v1/responses", words.responses, "always", what="response"),
    _talk(
        "generate",
        _GENERATE,
        words.generate,
        "always",
        endpoint="gemini.generateContent",
        dialect="gemini",
        title="`POST /v1beta/models/M:generateContent`, `:streamGenerateContent?alt=sse`",
    ),
    _talk(
        "array",
        "/v1beta/models/{model}:streamGenerateContent",
        words.generate_array,
        "always",
        endpoint="gemini.generateContent",
        dialect="gemini",
        title="`POST …/M:streamGenerateContent`, a stream as one array",
        forms=_STREAM,
    ),
)

_OLD = (
    Row(
        name="completions",
        title="`POST /v1/completions`",
        what="text",
        task="completions",
        endpoint="completions",
        path="/v1/completions",
        ask=words.completion,
        usage="as asked",
    ),
    Row(
        name="edits",
        title="`POST /v1/edits`",
        what="edit",
        task="edits",
        endpoint="edits",
        path="/v1/edits",
        ask=words.edit,
        forms=_WHOLE,
    ),
)


def _each(*given: Any) -> Callable[[Any], Any]:
    return lambda vector: [vector(one) for one in given]


_EMBEDDINGS = Row(
    name="embeddings",
    title="`POST /v1/embeddings`: a text",
    what="vectors",
    task="embeddings",
    endpoint="embeddings",
    path="/v1/embeddings",
    ask=things.embeddings("one"),
    family=VECTORS,
    forms=_WHOLE,
    expect=_each("one"),
)
_EMBED = replace(
    _EMBEDDINGS,
    name="embed",
    title="`POST …/M:embedContent`",
    task="embed",
    path="/v1beta/models/{model}:embedContent",
    ask=things.embed_content,
    dialect="gemini",
)
_VECTORS = (
    _EMBEDDINGS,
    replace(
        _EMBEDDINGS,
        name="embeddings.texts",
        title="… several texts",
        ask=things.embeddings(["one", "two"]),
        expect=_each("one", "two"),
    ),
    replace(
        _EMBEDDINGS,
        name="embeddings.numbers",
        title="… numbers of tokens",
        ask=things.embeddings([1, 2, 3]),
        expect=_each([1, 2, 3]),
    ),
    replace(
        _EMBEDDINGS,
        name="embeddings.lists",
        title="… lists of them",
        ask=things.embeddings([[1, 2], [3]]),
        expect=_each([1, 2], [3]),
    ),
    replace(
        _EMBEDDINGS,
        name="embeddings.base64",
        title="… written as base64",
        ask=things.embeddings("one", "base64"),
    ),
    replace(
        _EMBEDDINGS,
        name="engines",
        title="`POST /v1/engines/M/embeddings`",
        ask=things.engine,
    ),
    _EMBED,
    replace(
        _EMBED,
        name="batch",
        title="`POST …/M:batchEmbedContents`",
        path="/v1beta/models/{model}:batchEmbedContents",
        ask=things.batch_embed,
        expect=_each("one", "two"),
    ),
)


def _thing(name: str, what: str, ask: Any, task: str = "", **more: Any) -> Row:
    path = f"/v1/{name.replace('.', '/')}"
    given: dict[str, Any] = {"title": f"`POST {path}`", "forms": _WHOLE, "task": task or name}
    return Row(name=name, what=what, endpoint=name, path=path, ask=ask, **{**given, **more})


_BOTH = {"forms": ("whole", "stream"), "usage": "as reported"}
_THINGS = (
    _thing("moderations", "verdict", things.moderate),
    _thing("rerank", "ranking", things.rerank),
    _thing("images.generations", "images", things.generate_images, "images", **_BOTH),
    _thing("images.edits", "images", things.edit_images, "image_edits", **_BOTH),
    _thing("images.variations", "images", things.vary_images, "image_variations"),
    _thing("audio.speech", "speech", things.speak, "speech", **_BOTH),
    _thing("audio.transcriptions", "transcript", things.transcribe, "transcriptions", **_BOTH),
    _thing("audio.translations", "transcript", things.translate, "translations"),
    _thing(
        "realtime",
        "session",
        things.session,
        title="`GET /v1/realtime` (WebSocket)",
        forms=_STREAM,
        usage="always",
    ),
    Row(
        name="proxy",
        title="`ANY /v1/oneapi/proxy/CHANNEL/PATH`",
        what="raw",
        task="proxy",
        endpoint="proxy",
        path="/v1/anything",
        ask=things.raw,
        forms=_WHOLE,
        prepare=a_channel,
    ),
)

_FREE = (
    Row(
        name="messages.count",
        title="`POST /v1/messages/count_tokens`",
        what="words",
        task="messages.count",
        endpoint="messages.count_tokens",
        path="/v1/messages/count_tokens",
        ask=words.count_messages,
        dialect="anthropic",
        forms=_WHOLE,
        absent=COUNTED,
        free=True,
    ),
    Row(
        name="generate.count",
        title="`POST …/M:countTokens`",
        what="words",
        task="generate.count",
        endpoint="gemini.countTokens",
        path="/v1beta/models/{model}:countTokens",
        ask=words.count_generate,
        dialect="gemini",
        forms=_WHOLE,
        absent=COUNTED,
        free=True,
    ),
    Row(
        name="kept",
        title="`GET`, `DELETE /v1/responses/ID`, `GET …/ID/input_items`, `POST …/ID/cancel`",
        what="kept",
        task="kept",
        endpoint="responses",
        path="/v1/responses/{model}",
        ask=things.kept,
        forms=_WHOLE,
        absent=refused(404, "response_not_found"),
        prepare=an_answer,
        free=True,
    ),
)

GROUPS = (
    Group("Conversations", COLUMNS, _CONVERSATIONS),
    Group("Texts and vectors", _USUAL, (*_OLD, *_VECTORS)),
    Group("All else that is charged", _USUAL, _THINGS),
    Group("What is free", COLUMNS, _FREE),
)
