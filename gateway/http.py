"""What every HTTP handler shares: the request id, JSON in and out, and the limit on bodies.

A body over the limit is read to its end and dropped, and then answered 413 by its own handler, in
that handler's dialect: closing the connection in the middle of an upload looks to a client like a
network failure, which it would retry.
"""

import logging
import random
import time
from collections.abc import Awaitable, Callable
from http.client import responses
from types import TracebackType
from typing import Any

import orjson
from tornado import httputil, web

from gateway.proxied import TrustedProxies

log = logging.getLogger("tollgate.http")

# Bodies are dropped, not kept, up to this multiple of the limit; beyond it the connection closes.
DROP_FACTOR = 32
_LENGTH_DIGITS = 19
_FORM = "application/x-www-form-urlencoded"


class BaseHandler(web.RequestHandler):
    """Base of all handlers. Subclasses say in write_error() how errors look."""

    application: "Application"
    request_id = ""

    def clear(self) -> None:
        """Begin an answer anew; the request id stays."""
        self.request_id = self.request_id or self.application.new_request_id()
        self._headers = httputil.HTTPHeaders()
        self._headers["Date"] = self.application.date()
        self.set_default_headers()
        self._write_buffer = []
        self._status_code, self._reason = 200, "OK"

    def set_default_headers(self) -> None:
        """Name the request and the product on every answer."""
        headers = self._headers
        headers["Server"] = "tollgate"
        headers["Content-Type"] = "text/html; charset=UTF-8"
        headers["X-Request-Id"] = self.request_id
        headers["X-Oneapi-Request-Id"] = self.request_id

    def prepare(self) -> Awaitable[None] | None:
        """Refuse a body over the limit. Raises HTTPError 413."""
        if getattr(self.request, "body_dropped", False):
            raise web.HTTPError(413)
        return None

    def compute_etag(self) -> str | None:
        """Answers are not hashed: they are never the same twice."""
        return None

    def send_json(self, payload: object, status: int = 200) -> None:
        """Finish with a JSON body."""
        if status != 200:
            self.set_status(status, responses.get(status, "Unknown"))
        self._headers["Content-Type"] = "application/json"
        self.finish(orjson.dumps(payload))

    def json_object(self) -> dict[str, Any]:
        """Return the body as a JSON object. Raises ValueError in words for a person."""
        try:
            value = orjson.loads(self.request.body)
        except orjson.JSONDecodeError as error:
            raise ValueError(f"the body is not valid JSON: {error}") from None
        if not isinstance(value, dict):
            raise ValueError("the body must be a JSON object")
        return value

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Log what nobody expected; errors that are answers are not logged."""
        if not isinstance(value, web.HTTPError):
            log.error("request %s failed", self.request_id, exc_info=value)


class Application(web.Application):
    """A tornado application that keeps bodies under a limit, in bytes, and logs no requests.

    `done` is called with the handler of each request whose answer has ended; it must not raise.
    """

    def __init__(
        self,
        routes: list[Any],
        max_body_bytes: int,
        rng: random.Random,
        *,
        done: Callable[[web.RequestHandler], None] = lambda handler: None,
        proxies: TrustedProxies | None = None,
    ) -> None:
        super().__init__(routes, log_function=done)
        self.max_body_bytes = max_body_bytes
        self._rng = rng
        self._proxies = proxies
        self._date = (0, "")

    def new_request_id(self) -> str:
        """Return a new request id: 30 hexadecimal digits, of which the first 14 sort by time."""
        return f"{time.time_ns() // 1000:014x}{self._rng.getrandbits(64):016x}"

    def date(self) -> str:
        """Return the time as an answer's head says it, made once a second."""
        now_s = int(time.time())
        if self._date[0] != now_s:
            self._date = (now_s, httputil.format_timestamp(now_s))
        return self._date[1]

    def find_handler(  # type: ignore[override]
        self, request: httputil.HTTPServerRequest, **kwargs: Any
    ) -> httputil.HTTPMessageDelegate:
        """Find the handler as tornado does, and watch over bodies that could be too long."""
        if self._proxies is not None:
            self._proxies.apply(request)
        headers = request.headers
        if headers.get("Content-Type", "").startswith(_FORM) and "/v1/" in request.path:
            # What curl says when it is not told otherwise; the relay reads JSON only.
            headers["Content-Type"] = "application/json"
        delegate: httputil.HTTPMessageDelegate = super().find_handler(request, **kwargs)
        if getattr(getattr(delegate, "handler_class", None), "limits_its_body", False):
            return delegate
        length = headers.get("Content-Length")
        if length is None:
            unknown = "Transfer-Encoding" in headers
        else:
            size = _size_of(length)
            unknown = size is None or size > self.max_body_bytes
        if unknown or "X-Consumed-Content-Encoding" in headers:
            return _LimitedBody(delegate, request, self.max_body_bytes)
        return delegate


def _size_of(length: str) -> int | None:
    """Read a Content-Length, in bytes; None for what is none: tornado refuses that later."""
    plain = length.isascii() and length.isdigit() and len(length) <= _LENGTH_DIGITS
    return int(length) if plain else None


class _LimitedBody(httputil.HTTPMessageDelegate):
    """Passes a message on, except for the body of one that is too long."""

    def __init__(
        self,
        inner: httputil.HTTPMessageDelegate,
        request: httputil.HTTPServerRequest,
        limit_bytes: int,
    ) -> None:
        self._inner = inner
        self._request = request
        self._left = limit_bytes

    def headers_received(
        self,
        start_line: httputil.RequestStartLine | httputil.ResponseStartLine,
        headers: httputil.HTTPHeaders,
    ) -> Awaitable[None] | None:
        size = _size_of(headers.get("Content-Length", ""))
        if size is not None and size > self._left:
            self._drop()
        return self._inner.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        self._left -= len(chunk)
        if self._left < 0:
            self._drop()
            return None
        return self._inner.data_received(chunk)

    def _drop(self) -> None:
        self._left = -1
        self._request.body_dropped = True  # type: ignore[attr-defined]

    def finish(self) -> None:
        self._inner.finish()

    def on_connection_close(self) -> None:
        self._inner.on_connection_close()
