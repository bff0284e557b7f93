"""What is the same whichever upstream there is: what the gateway answers by itself, and what it
knows and does not serve."""

from dataclasses import dataclass, field

from tests.gateway.relay.matrix.cell import Cell, refused

_OPENAI = {"authorization": "Bearer sk-none"}
_ANTHROPIC = {"anthropic-version": "2023-06-01", "x-api-key": "sk-none"}
_GOOGLE = {"x-goog-api-key": "sk-none"}
_ABSENT = refused(501, "api_not_implemented")
_UNKNOWN = refused(404, "unknown_url")


@dataclass(frozen=True)
class Absent:
    """Routes that are refused alike; `tried` are methods and addresses."""

    title: str
    tried: tuple[str, ...]
    cell: Cell = _ABSENT
    dialect: str = "openai"
    headers: dict[str, str] = field(default_factory=lambda: _OPENAI)


ABSENT = (
    Absent("`/v1/files`", ("POST /v1/files", "DELETE /v1/files/f", "GET /v1/files/f/content")),
    Absent("`/v1/batches`", ("POST /v1/batches", "GET /v1/batches", "POST /v1/batches/b/cancel")),
    Absent(
        "`/v1/fine_tuning/jobs`",
        ("GET /v1/fine_tuning/jobs", "POST /v1/fine_tuning/jobs/j/cancel"),
    ),
    Absent(
        "`/v1/assistants`, `/v1/threads`",
        (
            "GET /v1/assistants/a/files/f",
            "DELETE /openai/v1/assistants/a",
            "POST /openai/v1/threads/t/runs",
        ),
    ),
    Absent("`DELETE /v1/models/M`", ("DELETE /v1/models/m",)),
    Absent(
        "`/v1/messages/batches`",
        ("POST /v1/messages/batches", "GET /v1/messages/batches/b/results"),
        dialect="anthropic",
        headers=_ANTHROPIC,
    ),
    Absent(
        "`/v1beta/files`, `/v1beta/cachedContents`, `/v1beta/batches`, `…/M:batchGenerateContent`",
        (
            "POST /v1beta/files",
            "GET /v1beta/cachedContents/c",
            "GET /v1beta/batches",
            "POST /v1beta/models/m:batchGenerateContent",
        ),
        dialect="gemini",
        headers=_GOOGLE,
    ),
    Absent(
        "all else, as clients of OpenAI ask it",
        ("POST /v1/videos", "GET /v1/nowhere", "POST /v1/engines/m/completions"),
        _UNKNOWN,
    ),
    Absent(
        "… of Anthropic",
        ("POST /v1/complete",),
        _UNKNOWN,
        "anthropic",
        _ANTHROPIC,
    ),
    Absent("… of Gemini", ("GET /v1beta/corpora",), _UNKNOWN, "gemini", _GOOGLE),
)

# What the gateway answers by itself: the title, and what it says.
HERE = (
    (
        "`GET /v1/models`, `/v1/models/M`",
        "as OpenAI; with `anthropic-version` as Anthropic; with `x-goog-api-key` as Google",
    ),
    ("`GET /v1beta/models`, `/v1beta/models/M`", "as Google"),
    ("`GET /v1/dashboard/billing/subscription`, `…/usage`", "as OpenAI did: what is left and used"),
)
