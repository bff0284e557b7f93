"""One hostile request: the bytes that are sent, and what may come back."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.fuzz.bodies import MODEL, ROUTES, VENDORS, Json, mutated, written


@dataclass(frozen=True, slots=True)
class Case:
    """What is sent. `after` says what the client does then: "read" to the end of the answer,
    "half" close its own side first, "leave" at once, or "wait" a moment and leave. `any_end` says
    that no answer is owed, since what was sent is no request."""

    kind: str
    pieces: tuple[bytes, ...]
    after: str = "read"
    any_end: bool = False


@dataclass(frozen=True)
class Keys:
    """Secrets: of who may do all, and of who has next to nothing."""

    rich: str
    poor: str


Maker = Callable[[random.Random, Keys], Case]

_METHODS = ("GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT", "FOO", "get")
_PATHS = (
    *("/v1", "/v1/", "/v1/chat", "/v1/chat/completions/", "/v1/chat/completions//", "//v1/models"),
    *("/v1/models/..%2f..%2fetc", "/v1/models/%00", "/v1/models/%ff%fe", "/v1/%2e%2e/api/user"),
    *("/v1/models/" + "x" * 5_000, "/v1beta/models/:generateContent", "/v1beta/models/a:b:c"),
    *("/v1/files/x/content", "/v1/images/generations", "/v1/threads/a/b/c", "/dashboard/billing/x"),
    *("/v1/responses/resp_1", "/v1/engines//embeddings", "/v1/engines/%0d%0aX: y/embeddings"),
    *("/v1/models?limit=x&limit=y", "/v1/messages?key=%ff", "/v1/models/\x7f", "*", "/v1/modèle"),
    *("http://other/v1/models", "/v1/chat/completions?" + "a=b&" * 2_000, "/v1beta/models?key=%E4"),
)
_NAMES = (
    *("Authorization", "X-Api-Key", "Api-Key", "X-Goog-Api-Key", "Anthropic-Version"),
    *("Anthropic-Beta", "Content-Type", "Accept", "Accept-Encoding", "X-Request-Id", "Cookie"),
    *("X-Forwarded-For", "X-Real-Ip", "Host", "Expect", "Content-Encoding", "Origin", "Range"),
    *(
        "Access-Control-Request-Headers",
        "If-None-Match",
        "Upgrade",
        "X-A",
        "User-Agent",
    ),
)
_VALUES = (
    *(
        "",
        " ",
        "x",
        "Bearer",
        "Bearer ",
        "Bearer sk-",
        "Bearer sk--",
        "Bearer sk-a-b",
        "Basic eDp5",
    ),
    *("Bearer sk-a-²", "bearer\tx", "é", "\xff\xfe", "a" * 9_000, "a,b;c=d", '"', "%00", "-1", "*"),
    *("gzip", "br", "chunked", "100-continue", "upgrade, keep-alive", "1" * 400, "text/plain"),
    *(
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
        "Bearer sk-a-" + "9" * 30,
    ),
)
_FORMS = (
    b'{"model":"m"',
    b"{",
    b"[",
    b'"',
    b"\x00",
    b"\xef\xbb\xbf{}",
    b"{}",
    b"[]",
    b"null",
    b"7",
)


def _head(method: str, path: str, secret: str, length: int | None, *more: tuple[str, str]) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: x", "Connection: close"]
    if secret:
        lines.append(f"Authorization: Bearer sk-{secret}")
    if length is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {length}"]
    lines += [f"{name}: {value}" for name, value in more]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def _route(rng: random.Random) -> tuple[str, Json]:
    """Choose a route, and an upstream by its model: half the time the sandbox."""
    path, body = rng.choice(ROUTES)
    model = rng.choice((MODEL, MODEL, MODEL, *VENDORS))
    if body.get("model") == MODEL:
        body = {**body, "model": model}
    return path.replace(MODEL, model), body


def _secret(rng: random.Random, keys: Keys) -> str:
    return rng.choices((keys.rich, keys.poor, f"{keys.rich}-1", "nobody", ""), (12, 2, 1, 1, 1))[0]


def _post(
    rng: random.Random, keys: Keys, kind: str, path: str, body: bytes, *more: tuple[str, str]
) -> Case:
    return Case(kind, (_head("POST", path, _secret(rng, keys), len(body), *more) + body,))


def mutilated(rng: random.Random, keys: Keys) -> Case:
    """A body with wrong types and values in it."""
    path, body = _route(rng)
    return _post(rng, keys, f"mutilated {path}", path, written(mutated(body, rng)))


def valid(rng: random.Random, keys: Keys) -> Case:
    """A request that is right."""
    path, body = _route(rng)
    return _post(rng, keys, f"valid {path}", path, written(body))


def torn(rng: random.Random, keys: Keys) -> Case:
    """JSON that was cut, or in which some bytes were changed."""
    path, body = _route(rng)
    raw = bytearray(written(body))
    if rng.random() < 0.5:
        raw = raw[: rng.randrange(len(raw))]
    else:
        for _ in range(rng.randint(1, 8)):
            raw[rng.randrange(len(raw))] = rng.randrange(256)
    return _post(rng, keys, f"torn {path}", path, bytes(raw))


def bytes_only(rng: random.Random, keys: Keys) -> Case:
    """A body that is no JSON, or hardly any."""
    path, _ = _route(rng)
    body = rng.choice((rng.randbytes(rng.randrange(4_000)), rng.choice(_FORMS)))
    return _post(rng, keys, f"bytes {path}", path, body)


def packed(rng: random.Random, keys: Keys) -> Case:
    """A body that says it is compressed; some are, some are bombs."""
    path, body = _route(rng)
    raw = rng.choice((gzip.compress(written(body)), written(body), gzip.compress(b"[" * 3_000_000)))
    return _post(
        rng,
        keys,
        f"packed {path}",
        path,
        raw[:-3] if rng.random() < 0.3 else raw,
        ("Content-Encoding", "gzip"),
    )


def odd_headers(rng: random.Random, keys: Keys) -> Case:
    """Headers twice, in no ASCII, or long."""
    path, body = _route(rng)
    found = [(rng.choice(_NAMES), rng.choice(_VALUES)) for _ in range(rng.randint(1, 4))]
    if rng.random() < 0.1:
        found += [(f"X-{at}", "y" * 40) for at in range(rng.choice((50, 500, 1_000)))]
    return _post(rng, keys, f"headers {path}", path, written(body), *found)


def odd_method(rng: random.Random, keys: Keys) -> Case:
    """A method that the route does not have."""
    path, body = _route(rng)
    method, raw = rng.choice(_METHODS), rng.choice((b"", written(body)))
    sent = _head(method, path, _secret(rng, keys), len(raw) if raw else None) + raw
    return Case(f"method {method}", (sent,))


def odd_path(rng: random.Random, keys: Keys) -> Case:
    """An address that leads nowhere, or hardly anywhere."""
    path, body = rng.choice(_PATHS), written(_route(rng)[1])
    method = rng.choice(("GET", "POST", "DELETE", "OPTIONS"))
    raw = body if method == "POST" else b""
    sent = _head(method, path, _secret(rng, keys), len(raw) if raw else None) + raw
    return Case(f"path {path[:30]}", (sent,))


def smuggled(rng: random.Random, keys: Keys) -> Case:
    """Lengths and chunks that contradict themselves, and requests in requests."""
    path, value = _route(rng)
    body = written(value)
    first = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk-{keys.rich}\r\n".encode()
    inner = b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n"
    size = b"%x" % len(body)
    shapes: tuple[bytes, ...] = (
        b"Content-Length: -1\r\n\r\n" + body,
        b"Content-Length: 1e3\r\n\r\n" + body,
        b"Content-Length: +5\r\n\r\n" + body,
        b"Content-Length: \xb2\r\n\r\n" + body,
        b"Content-Length: " + b"9" * 5_000 + b"\r\n\r\n" + body,
        b"Content-Length: 99999999999\r\n\r\n" + body,
        b"Content-Length: 3\r\nContent-Length: %d\r\n\r\n" % len(body) + body,
        b"Content-Length: 3, 3\r\n\r\nabc" + inner,
        b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner,
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + inner,
        b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + inner,
        b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + inner,
        b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n" + inner,
        b"Transfer-Encoding: chunked\r\n\r\n" + size + b"\r\n" + body + b"\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n"
        + size
        + b";x=y\r\n"
        + body
        + b"\r\n0\r\nX: y\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n-5\r\n" + body,
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + body,
        b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\n" + body,
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nabc",
        b"Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
        b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body) + body,
        b" folded: x\r\nContent-Length: 2\r\n\r\n{}",
        b"X: y\r\n\tfolded\r\nContent-Length: 2\r\n\r\n{}",
        b"No colon\r\n\r\n",
        b": no name\r\n\r\n",
        b"X\x00Y: z\r\n\r\n",
        b"X: a\rb\r\n\r\n",
        b"X: " + b"a" * 200_000 + b"\r\n\r\n",
        b"Content-Length: %d\n\n" % len(body) + body,
    )
    return Case("smuggled", (first + rng.choice(shapes),), "half", any_end=True)


def no_request(rng: random.Random, keys: Keys) -> Case:
    """Bytes that are not HTTP."""
    shapes = (
        rng.randbytes(rng.randrange(1, 3_000)),
        b"\r\n" * 100,
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/models\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + rng.randbytes(200),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET " + b"/" * 100_000 + b" HTTP/1.1\r\n\r\n",
    )
    return Case("no request", (rng.choice(shapes),), "half", any_end=True)


def left(rng: random.Random, keys: Keys) -> Case:
    """A client that leaves: in its head, in its body, or when all is sent."""
    path, body = _route(rng)
    raw = written(body)
    sent = _head("POST", path, keys.rich, len(raw)) + raw
    cut = rng.choice((rng.randrange(1, len(sent)), len(sent)))
    return Case(f"left {path}", (sent[:cut],), rng.choice(("leave", "wait")), any_end=True)


def half_open(rng: random.Random, keys: Keys) -> Case:
    """A client that closes its own side and still reads."""
    path, body = _route(rng)
    raw = written(body)
    sent = _head("POST", path, keys.rich, len(raw)) + raw
    return Case(f"half open {path}", (sent,), "half", any_end=True)


def dripped(rng: random.Random, keys: Keys) -> Case:
    """A right request in many small pieces."""
    path, body = _route(rng)
    raw = written(body)
    sent = _head("POST", path, keys.rich, len(raw)) + raw
    step = max(1, len(sent) // rng.choice((3, 30, 200)))
    return Case(f"dripped {path}", tuple(sent[at : at + step] for at in range(0, len(sent), step)))


# What is made, and how often.
MAKERS: tuple[tuple[Maker, int], ...] = (
    (mutilated, 40),
    (valid, 6),
    (torn, 10),
    (bytes_only, 5),
    (packed, 3),
    (odd_headers, 10),
    (odd_method, 4),
    (odd_path, 5),
    (smuggled, 7),
    (no_request, 3),
    (left, 4),
    (half_open, 2),
    (dripped, 1),
)


def make(rng: random.Random, keys: Keys) -> Case:
    """Make one case."""
    makers, weights = zip(*MAKERS, strict=True)
    chosen: Maker = rng.choices(makers, weights)[0]
    return chosen(rng, keys)
