"""The one route table: the relay first, since it is asked most."""

from collections.abc import Sequence
from typing import Any

from tornado.routing import URLSpec
from tornado.web import RedirectHandler

from gateway import ops
from gateway.assets import Assets
from gateway.console import (
    NOTHING,
    STATIC_DIR,
    ComingBackHandler,
    ConsoleHandler,
    Elsewhere,
    InvitationHandler,
    MissingPageHandler,
)
from gateway.dialects import asks
from gateway.dialects.rerank import RERANK
from gateway.formats import openai
from gateway.limits.door import Door
from gateway.media import asks as media
from gateway.observer import Observer
from gateway.relay.absent import NotImplementedHandler, UnknownHandler
from gateway.relay.billing import SubscriptionHandler, UsageHandler
from gateway.relay.context import Relay
from gateway.relay.count import COUNT_GENERATE, COUNT_MESSAGES, CountHandler
from gateway.relay.gemini import GenerateHandler
from gateway.relay.handler import CompletionHandler
from gateway.relay.models import ModelHandler, ModelsHandler
from gateway.relay.proxy import ProxyHandler
from gateway.relay.realtime.handler import RealtimeHandler
from gateway.relay.responses import CancelHandler, InputItemsHandler, ResponseHandler
from gateway.relay.upload import UploadHandler

_V1 = r"(?:/openai)?/v1"
_GEMINI = r"/(?:v1|v1beta)"
# Clients that were given a base URL with or without /v1 ask for the billing routes in both places.
_MAYBE_V1 = r"(?:/openai)?(?:/v1)?"
_NOT_IMPLEMENTED = (
    r"/files(?:/[^/]+(?:/content)?)?",
    r"/fine_tuning/jobs(?:/[^/]+(?:/(?:cancel|events))?)?",
    r"/assistants(?:/.*)?",
    r"/threads(?:/.*)?",
    r"/batches(?:/[^/]+(?:/cancel)?)?",
    r"/messages/batches(?:/.*)?",
)
_NOT_IMPLEMENTED_BY_GEMINI = (
    r"/v1beta/(?:files|cachedContents|batches|tunedModels)(?:/.*)?",
    rf"{_GEMINI}/models/.+:(?:batchGenerateContent|asyncBatchEmbedContent)",
)


def relay_routes(relay: Relay) -> list[URLSpec]:
    """Return everything under /v1 and /openai/v1, and the billing routes."""
    plain = {"relay": relay}

    def completion(path: str, endpoint: openai.Endpoint) -> URLSpec:
        return URLSpec(f"{_V1}{path}/?", CompletionHandler, {**plain, "endpoint": endpoint})

    return [
        completion("/chat/completions", openai.CHAT),
        completion("/embeddings", openai.EMBEDDINGS),
        completion("/completions", openai.COMPLETIONS),
        completion("/engines/([^/]+)/embeddings", openai.EMBEDDINGS),
        completion("/moderations", openai.MODERATIONS),
        completion("/edits", openai.EDITS),
        completion("/rerank", RERANK),
        completion("/messages", asks.MESSAGES),
        completion("/responses", asks.RESPONSES),
        URLSpec(rf"{_V1}/responses/([^/]+)", ResponseHandler, plain),
        URLSpec(rf"{_V1}/responses/([^/]+)/input_items", InputItemsHandler, plain),
        URLSpec(rf"{_V1}/responses/([^/]+)/cancel", CancelHandler, plain),
        completion("/images/generations", media.GENERATIONS),
        completion("/audio/speech", media.SPEECH),
        *_upload_routes(relay),
        URLSpec(
            f"{_V1}/messages/count_tokens/?", CountHandler, {**plain, "endpoint": COUNT_MESSAGES}
        ),
        *_gemini_routes(relay),
        URLSpec(rf"{_V1}/oneapi/proxy/(\d{{1,18}})(/.*)?", ProxyHandler, plain),
        URLSpec(rf"{_V1}/realtime/?", RealtimeHandler, plain),
        URLSpec(rf"{_V1}/models/?", ModelsHandler, plain),
        URLSpec(rf"{_V1}/models/(.+)", ModelHandler, plain),
        URLSpec(rf"{_MAYBE_V1}/dashboard/billing/subscription", SubscriptionHandler, plain),
        URLSpec(rf"{_MAYBE_V1}/dashboard/billing/usage", UsageHandler, plain),
        *(URLSpec(f"{_V1}{path}", NotImplementedHandler, plain) for path in _NOT_IMPLEMENTED),
        URLSpec(r"(?:/openai)?/v1(?:beta)?(?:/.*)?", UnknownHandler, plain),
        URLSpec(r"(?:/openai)?(?:/v1)?/dashboard/.*", UnknownHandler, plain),
    ]


def _upload_routes(relay: Relay) -> list[URLSpec]:
    """Return the routes whose bodies are forms with files."""
    forms = (media.EDITS, media.VARIATIONS, media.TRANSCRIPTIONS, media.TRANSLATIONS)
    return [
        URLSpec(f"{_V1}{form.path[3:]}/?", UploadHandler, {"relay": relay, "endpoint": form})
        for form in forms
    ]


def _gemini_routes(relay: Relay) -> list[URLSpec]:
    """Return Gemini's routes; its clients put the version that they speak first."""
    plain = {"relay": relay}

    def method(name: str, handler: Any, endpoint: openai.Endpoint) -> URLSpec:
        return URLSpec(rf"{_GEMINI}/models/(.+):{name}", handler, {**plain, "endpoint": endpoint})

    return [
        method("generateContent", GenerateHandler, asks.GENERATE),
        method("streamGenerateContent", GenerateHandler, asks.STREAM_GENERATE),
        method("embedContent", GenerateHandler, asks.EMBED),
        method("batchEmbedContents", GenerateHandler, asks.BATCH_EMBED),
        method("countTokens", CountHandler, COUNT_GENERATE),
        *(URLSpec(path, NotImplementedHandler, plain) for path in _NOT_IMPLEMENTED_BY_GEMINI),
        URLSpec(r"/v1beta/models/?", ModelsHandler, plain),
        URLSpec(r"/v1beta/models/(.+)", ModelHandler, plain),
    ]


def ops_routes(relay: Relay, observer: Observer, *, own_port: bool) -> list[URLSpec]:
    """Return the routes for whoever runs the process; `own_port` says where they are."""
    routes = [
        URLSpec(r"/health/live", ops.LiveHandler),
        URLSpec(r"/health/ready", ops.ReadyHandler, {"relay": relay}),
    ]
    if own_port or relay.settings.ops_port is None:
        token = relay.settings.metrics_token
        more = {"token": token, "observer": observer, "own_port": own_port}
        routes.append(URLSpec(r"/metrics", ops.MetricsHandler, more))
    return routes


def all_routes(
    relay: Relay,
    admin: Sequence[URLSpec],
    operations: Sequence[URLSpec],
    web: Door | None = None,
    elsewhere: Elsewhere = NOTHING,
) -> list[Any]:
    """Return the routes of the main port, in the order in which they are tried."""
    assets = Assets(STATIC_DIR, relay.settings.theme)
    files: dict[str, Any] = {"assets": assets, "door": web, "elsewhere": elsewhere}
    return [
        *relay_routes(relay),
        *admin,
        *operations,
        URLSpec(r"/static/api\.html", RedirectHandler, {"url": "/#/api", "permanent": False}),
        URLSpec(r"/static/(?:~([0-9a-f]{1,64})/)?(.+)", ConsoleHandler, files),
        URLSpec(r"/()(favicon\.svg)", ConsoleHandler, files),
        URLSpec(r"/", ConsoleHandler, files),
        URLSpec(r"/register", InvitationHandler),
        URLSpec(r"/oauth/(github|lark|oidc)", ComingBackHandler),
        URLSpec(r".*", MissingPageHandler),
    ]
