"""What a channel may change of what is sent through it: fields of the body, headers, timeouts.

A body's fields are changed as JSON Merge Patch says (RFC 7396): objects are merged, null removes.
Never changed are the fields by which a request was routed, held credit for and priced: a patch
that touches them is refused when the channel is saved, so that no later step has to look.
"""

from collections.abc import Mapping
from typing import Any

from gateway.directory import checks
from gateway.directory.errors import Invalid
from gateway.directory.vendor import Vendor

MOST_BYTES = 65_536
MOST_HEADERS = 50
_LONGEST_NAME, _LONGEST_VALUE = 100, 4_000
#: In a header's value, the channel's upstream key.
KEY = "{key}"

# Paths into a body, of all dialects: model, stream and count of answers, limits that were priced,
# and what the client said, by whose length the credit was held.
PROTECTED: tuple[tuple[str, ...], ...] = (
    *((name,) for name in ("model", "stream", "stream_options", "n", "best_of")),
    *((name,) for name in ("max_tokens", "max_completion_tokens", "max_output_tokens")),
    *((name,) for name in ("messages", "input", "prompt", "contents", "query", "documents")),
    *((name,) for name in ("background", "previous_response_id", "conversation")),
    ("generationConfig", "maxOutputTokens"),
    ("generationConfig", "candidateCount"),
    ("generation_config", "max_output_tokens"),
    ("generation_config", "candidate_count"),
)

# Those of a connection (RFC 9110, 7.6.1), those that frame a message, and those of other hands.
_OURS = frozenset(
    (
        "connection",
        "proxy-connection",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "host",
        "content-length",
        "content-type",
        "content-encoding",
        "accept-encoding",
        "expect",
        "proxy-authorization",
        "proxy-authenticate",
        "cookie",
    )
)
_AUTH = frozenset(("authorization", "api-key", "x-api-key", "x-goog-api-key"))
#: The header in which a vendor wants the key, by the auth style of the catalogue.
AUTH_HEADERS = {
    "bearer": "authorization",
    "api-key": "api-key",
    "x-api-key": "x-api-key",
    "x-goog-api-key": "x-goog-api-key",
}
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")

TIMEOUTS = ("connect", "first_byte", "idle", "total")
_LONGEST_S = 86_400

_object = checks.json_object(MOST_BYTES)


def params(value: Any) -> str:
    """Check a patch of bodies; returns it as JSON text. Raises ValueError."""
    stored: str = _object({} if value is None else value)
    patch = checks.parsed(stored)
    for path in PROTECTED:
        if _touches(patch, path):
            raise ValueError(f"must not change {'.'.join(path)}: requests are priced by it")
    return stored


def _touches(patch: Any, path: tuple[str, ...]) -> bool:
    """Whether a patch changes what is at a path, by replacing something around it as well."""
    for name in path:
        if not isinstance(patch, Mapping):
            return True
        if name not in patch:
            return False
        patch = patch[name]
    return True


def patched(body: Any, patch: Any) -> Any:
    """Return a body with a patch (RFC 7396, MergePatch); neither is changed."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(body) if isinstance(body, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = patched(merged.get(name), value)
    return merged


def headers(value: Any) -> str:
    """Check headers for every request of a channel; returns them as JSON text, names in lower case.

    Raises ValueError.
    """
    given = checks.parsed(_object({} if value is None else value))
    if len(given) > MOST_HEADERS:
        raise ValueError(f"must be at most {MOST_HEADERS} headers")
    lowered = {name.lower(): text for name, text in given.items()}
    for name, text in lowered.items():
        if not name or len(name) > _LONGEST_NAME or not set(name) <= _TOKEN:
            raise ValueError(f"{name[:40]!r} is not the name of a header")
        if name in _OURS:
            raise ValueError(f"{name} belongs to the connection, or is made for each request")
        if not isinstance(text, str) or len(text) > _LONGEST_VALUE:
            raise ValueError(f"{name}: must be text of at most {_LONGEST_VALUE} characters")
        if not (text.isascii() and text.isprintable()) and text:
            raise ValueError(f"{name}: must be printable ASCII")
    return str(_object(lowered))


def refuse_foreign_auth(vendor: Vendor, stored: str) -> None:
    """Refuse headers that authenticate, but for the vendor's own when it holds the upstream key.

    A secret of its own in a header would be readable for every admin. Raises Invalid.
    """
    own = AUTH_HEADERS.get(vendor.auth)
    for name, text in checks.parsed(stored).items():
        if name not in _AUTH or (name == own and KEY in text):
            continue
        says = f"{name} is the upstream key's"
        if name == own:
            says += f'; write {KEY} where the key belongs, such as "Token {KEY}"'
        raise Invalid("header_override", says)


def timeouts(value: Any) -> str:
    """Check a channel's own timeouts in seconds; returns them as JSON text. Raises ValueError."""
    given = checks.parsed(_object({} if value is None else value))
    for name, seconds in given.items():
        if name not in TIMEOUTS:
            raise ValueError(f"{name[:40]!r} is none of {', '.join(TIMEOUTS)}")
        least = 0 if name == "total" else 1
        if isinstance(seconds, bool) or not isinstance(seconds, int):
            raise ValueError(f"{name}: must be a whole number of seconds")
        if not least <= seconds <= _LONGEST_S:
            raise ValueError(f"{name}: must be between {least} and {_LONGEST_S} seconds")
    return str(_object(given))
