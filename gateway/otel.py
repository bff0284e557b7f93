"""Traces through OpenTelemetry, by its conventions for generative AI, to an OTLP/HTTP collector.

Loaded only when OTEL_EXPORTER_OTLP_ENDPOINT is set; needs the extra `otel`. A request is a span of
kind SERVER, which hangs on the client's `traceparent`; each attempt is a span of kind CLIENT below
it, with the gen_ai attributes, and its traceparent goes upstream. What people say and get is in no
span, nor are upstreams' error texts, which may quote it. Spans wait in memory, bounded, for a
thread that sends them; a collector that is away costs spans and nothing else.

Attributes: opentelemetry.io, semantic conventions for generative AI spans (2026, in development).
"""

import asyncio
import logging
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from gateway import __version__
from gateway.directory.vendor import Vendor
from gateway.relay.context import Exchange
from gateway.relay.errors import RelayError
from ledger.clock import Clock
from ledger.money import NANO_PER_USD
from ledger.quote import INPUT_CLASSES, OUTPUT_CLASSES

EXPORT_S, LAST_WORDS_S = 5, 3
#: Our endpoints by the conventions' operations; others go by their own names.
OPERATIONS = {
    "chat.completions": "chat",
    "responses": "chat",
    "messages": "chat",
    "completions": "text_completion",
    "embeddings": "embeddings",
    "gemini.generateContent": "generate_content",
}
#: Vendors whose names the conventions know, by channel type; others go by their own names.
PROVIDERS = {
    1: "openai",
    3: "azure.ai.openai",
    14: "anthropic",
    24: "gcp.gemini",
    28: "mistral_ai",
    29: "groq",
    33: "aws.bedrock",
    35: "cohere",
    36: "deepseek",
    42: "gcp.vertex_ai",
    45: "x_ai",
}
_USAGE = {
    "gen_ai.usage.input_tokens": INPUT_CLASSES,
    "gen_ai.usage.output_tokens": OUTPUT_CLASSES,
    "gen_ai.usage.cache_read.input_tokens": ("cached",),
    "gen_ai.usage.cache_creation.input_tokens": ("cache_write", "cache_write_1h"),
    "gen_ai.usage.reasoning.output_tokens": ("reasoning",),
}
_PROPAGATOR = TraceContextTextMapPropagator()

log = logging.getLogger("tollgate.traces")


class OtelSpans:
    """Draws spans and sends them (`Spans`). `headers` go to the collector with every batch."""

    def __init__(
        self,
        clock: Clock,
        endpoint: str,
        *,
        service: str = "tollgate",
        headers: Mapping[str, str] | None = None,
        ratio: float = 1.0,
    ) -> None:
        url = f"{endpoint.rstrip('/')}/v1/traces"
        exporter = OTLPSpanExporter(endpoint=url, headers=dict(headers or {}), timeout=EXPORT_S)
        resource = Resource.create({"service.name": service, "service.version": __version__})
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(ratio)),
            resource=resource,
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(_Telling(exporter)))
        self._tracer = self._provider.get_tracer("tollgate", __version__)
        self._clock = clock

    async def close(self) -> None:
        """Send what waits, for a moment, and stop."""
        await asyncio.to_thread(self._provider.force_flush, LAST_WORDS_S * 1000)
        await asyncio.to_thread(self._provider.shutdown)

    def begin(self, x: Exchange) -> None:
        """A request was admitted."""
        carrier = {"traceparent": x.traceparent} if x.traceparent else {}
        x.span = self._tracer.start_span(
            _name(x, x.ask.model),
            _PROPAGATOR.extract(carrier),
            SpanKind.SERVER,
            {
                "gen_ai.operation.name": _operation(x),
                "gen_ai.request.model": x.ask.model,
                "tollgate.request_id": x.request_id,
                "tollgate.user": x.user.id,
                "tollgate.key": x.key.id,
                "tollgate.group": x.user.group,
            },
            start_time=self._ns_of(x.started_s),
        )

    def attempt(self, x: Exchange, vendor: Vendor) -> Mapping[str, str]:
        """It is sent upstream; returns the headers that make the upstream's spans hang on ours."""
        if x.span is None or x.channel is None:
            return {}
        context = trace.set_span_in_context(x.span)
        x.calling = self._tracer.start_span(
            _name(x, x.served_model),
            context,
            SpanKind.CLIENT,
            {
                "gen_ai.operation.name": _operation(x),
                "gen_ai.provider.name": PROVIDERS.get(vendor.id, vendor.name.lower()),
                "gen_ai.request.model": x.served_model,
                "gen_ai.request.stream": x.ask.stream,
                "tollgate.channel": x.channel.id,
                "tollgate.attempt": len(x.attempts) + 1,
            },
        )
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier, trace.set_span_in_context(x.calling))
        return {name: value for name, value in carrier.items() if name == "traceparent"}

    def failed(self, x: Exchange, status: int | None) -> None:
        """The attempt came to nothing; `status` is the upstream's, if it answered."""
        span, x.calling = x.calling, None
        if span is not None:
            if status is not None:
                span.set_attribute("http.response.status_code", status)
            _err(span, str(status) if status is not None else "no_answer")
            span.end()

    def settled(
        self, x: Exchange, usage: Mapping[str, int], charge_nano: int, cost_nano: int, outcome: str
    ) -> None:
        """It was charged."""
        span = x.calling or x.span
        if span is None or not span.is_recording():
            return
        said: dict[str, Any] = {"gen_ai.response.model": x.served_model}
        for name, classes in _USAGE.items():
            count = sum(usage.get(each, 0) for each in classes)
            if count or name.endswith((".input_tokens", ".output_tokens")) and name.count(".") == 2:
                said[name] = count
        span.set_attributes(said)
        x.span.set_attributes(
            {
                "tollgate.charge_usd": charge_nano / NANO_PER_USD,
                "tollgate.cost_usd": cost_nano / NANO_PER_USD,
                "tollgate.outcome": outcome,
                "tollgate.event_id": x.event_id,
            }
        )
        if x.first_token_s is not None:
            first_s = x.first_token_s - x.started_s
            x.span.set_attribute("tollgate.first_token_s", first_s)
        if x.calling is not None and x.read_s is not None:
            x.calling.end(self._ns_of(x.read_s))
            x.calling = None

    def end(self, x: Exchange) -> None:
        """It is over, with the exception that is being handled, if any."""
        error, span = sys.exception(), x.span
        if x.calling is not None:
            _err(x.calling, "abandoned")
            x.calling.end()
        if isinstance(error, RelayError):
            span.set_attribute("http.response.status_code", error.status)
            _err(span, error.code)
        elif error is not None:
            _err(span, type(error).__name__)
        elif x.client_gone:
            _err(span, "client_closed")
        x.span = x.calling = None
        span.end()

    def _ns_of(self, at_s: float) -> int:
        """Return the wall-clock time, in nanoseconds, of a moment of the monotonic clock."""
        return time.time_ns() - int((self._clock.monotonic_s() - at_s) * 1e9)


def _operation(x: Exchange) -> str:
    name = x.ask.endpoint.name
    return OPERATIONS.get(name, name)


def _name(x: Exchange, model: str) -> str:
    return f"{_operation(x)} {model}"


def _err(span: Any, kind: str) -> None:
    span.set_attribute("error.type", kind)
    span.set_status(Status(StatusCode.ERROR))


class _Telling(SpanExporter):
    """Says once that the collector is away, and once that it is back; the library says it always.

    Runs in the library's thread.
    """

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner
        self._away = False
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch."""
        result = self._inner.export(spans)
        away = result is not SpanExportResult.SUCCESS
        if away != self._away:
            self._away = away
            said = "takes no spans: they are dropped" if away else "takes spans again"
            log.warning("the collector at OTEL_EXPORTER_OTLP_ENDPOINT %s", said)
        return result

    def shutdown(self) -> None:
        """Stop."""
        self._inner.shutdown()
