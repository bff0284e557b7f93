"""The part of the table of settings that is about watching a server: its log lines and traces."""

from dataclasses import dataclass

from gateway.settings_types import choice, fraction, integer, pairs, setting, text, url

WATCH = "Log lines and traces"


@dataclass(frozen=True, kw_only=True)
class WatchSettings:
    """What a server tells of itself. Names end in their unit."""

    log_format: str = setting(
        WATCH,
        "LOG_FORMAT",
        "text",
        choice("text", "json"),
        "How log lines look: text for people, or json, an object a line with the request id.",
    )
    slow_request_ms: int = setting(
        WATCH,
        "SLOW_REQUEST_MS",
        0,
        integer(0, 86_400_000, "milliseconds"),
        "Log every request that took at least so many milliseconds, and where they went; 0 is"
        " never.",
    )
    otel_endpoint: str | None = setting(
        WATCH,
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        None,
        url("http", "https"),
        "OpenTelemetry collector (OTLP over HTTP, without /v1/traces) that gets traces; none are"
        " drawn without it. Needs the extra otel: pip install 'tollgate[otel]'.",
    )
    otel_headers: tuple[tuple[str, str], ...] = setting(
        WATCH,
        "OTEL_EXPORTER_OTLP_HEADERS",
        (),
        pairs,
        "Headers that the collector asks for, such as authorization=Bearer%20TOKEN.",
        secret=True,
        shown_default="",
    )
    otel_service: str = setting(
        WATCH, "OTEL_SERVICE_NAME", "tollgate", text, "The name of this server in traces."
    )
    otel_ratio: float = setting(
        WATCH,
        "OTEL_TRACES_SAMPLER_ARG",
        1.0,
        fraction,
        "The share of requests that traces are drawn of, unless the client's traceparent decides.",
    )
