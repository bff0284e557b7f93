"""Which headers pass through the raw proxy, and which do not."""

import re
from collections.abc import Mapping

# What goes on to the upstream: what the body is and how the answer may be, never who asks.
_TAKEN = frozenset(
    (
        "accept",
        "accept-language",
        "content-type",
        "content-encoding",
        "content-language",
        "content-md5",
        "idempotency-key",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "range",
    )
)
_VENDORS_OWN = re.compile(r"(?:openai|anthropic|x-goog|x-dashscope|cohere)-[a-z0-9-]+", re.ASCII)
_KEYS = frozenset(("x-goog-api-key", "x-goog-iam-authorization-token"))
# What does not come back: what is about a connection, and what would speak for this server.
_DROPPED = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "content-length",
        "set-cookie",
        "set-cookie2",
        "server",
        "date",
        "alt-svc",
        "strict-transport-security",
        "x-request-id",
        "x-oneapi-request-id",
    )
)


def taken(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return those of a client's headers that an upstream gets."""
    found = [(name.lower(), value) for name, value in headers.items() if value.isascii()]
    # What was unpacked on the way has another length now.
    length = set() if "X-Consumed-Content-Encoding" in headers else {"content-length"}
    return [
        (name, value)
        for name, value in found
        if name in _TAKEN | length or (_VENDORS_OWN.fullmatch(name) and name not in _KEYS)
    ]


def comes_back(name: str, headers: Mapping[str, str]) -> bool:
    """Whether a header of an upstream's answer, which has these, goes on to the client."""
    named = {each.strip().lower() for each in headers.get("connection", "").split(",")}
    encoded = name == "content-encoding"  # it was decoded on the way
    ours = name.startswith(("access-control-", "x-tollgate-"))
    return not (name in _DROPPED or name in named or encoded or ours)
