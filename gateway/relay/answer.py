"""Step 6, answer: headers, CORS and errors of all that clients ask, in the dialect of each."""

from collections.abc import Mapping
from http.client import responses
from typing import Any

import orjson
from tornado import web

from gateway.dialects.table import DIALECTS
from gateway.directory.errors import DirectoryError
from gateway.http import BaseHandler
from gateway.relay import errors
from gateway.relay.context import Relay
from gateway.relay.errors import RelayError
from ledger.errors import LedgerError

_LIMITS = [
    f"X-Ratelimit-{number}-{what}"
    for what in ("Requests", "Tokens")
    for number in ("Limit", "Remaining", "Reset")
]
_EXPOSED = ", ".join(
    ("X-Request-Id", "X-Tollgate-Event", "X-Tollgate-Cost", "Retry-After", *_LIMITS)
)


class RelayHandler(BaseHandler):
    """Base of the handlers that client programs speak to, browsers included."""

    def initialize(self, relay: Relay) -> None:
        """Take the dependencies; called by Tornado for each request."""
        self.relay = relay
        self.refusal: str | None = None
        # Headers that say how the client stands under its limits, once that is known.
        self.standing: Mapping[str, str] = {}
        self.dialect = DIALECTS["openai"]

    def set_default_headers(self) -> None:
        """Any page may read the answers: they are protected by the key, not by the origin."""
        super().set_default_headers()
        headers = self._headers
        headers["Content-Type"] = "application/json"
        headers["Access-Control-Allow-Origin"] = "*"
        headers["Access-Control-Expose-Headers"] = _EXPOSED

    def options(self, *path: str) -> None:
        """Answer a browser's question before the real request; no key is needed."""
        asked = self.request.headers.get("Access-Control-Request-Headers")
        self.set_header("Access-Control-Allow-Methods", "GET, POST, DELETE, OPTIONS")
        self.set_header("Access-Control-Allow-Headers", asked or "Authorization, Content-Type")
        self.set_header("Access-Control-Max-Age", "86400")
        self.clear_header("Content-Type")
        self.set_status(204)
        self.finish()

    def refuse(self, error: RelayError) -> None:
        """Finish with an error."""
        self.refusal = error.code
        self.set_status(error.status, responses.get(error.status, "Error"))
        headers = self._headers
        headers["Content-Type"] = "application/json"
        headers.pop("X-Tollgate-Event", None)
        self.name_request()
        for name, value in {**self.standing, **error.headers}.items():
            self.set_header(name, value)
        self.finish(orjson.dumps(self.dialect.envelope(error, self.request_id)))

    def name_request(self) -> None:
        """Give the request's id where clients of the dialect look for it."""
        if self.dialect.id_header:
            self._headers[self.dialect.id_header] = self.request_id

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Turn any failure into the dialect's envelope."""
        cause = kwargs.get("exc_info", (None, None, None))[1]
        if status_code == 405:
            self.set_header("Allow", self._allowed())
        self.refuse(self._error_of(status_code, cause))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Log faults of ours; refusals are answers."""
        if not isinstance(value, RelayError | LedgerError):
            super().log_exception(typ, value, tb)

    def _error_of(self, status: int, cause: BaseException | None) -> RelayError:
        if isinstance(cause, RelayError):
            return cause
        if isinstance(cause, LedgerError):
            return errors.of_ledger(cause)
        if isinstance(cause, DirectoryError):
            return RelayError("internal_error", "This gateway is not configured correctly.")
        code = errors.BY_STATUS.get(status, "internal_error")
        return RelayError(code, self._say(code, cause), status=status)

    def _say(self, code: str, cause: BaseException | None) -> str:
        request = self.request
        if code == "request_too_large":
            limit = self.relay.settings.max_body_bytes
            return f"The body is larger than this gateway's limit of {limit} bytes."
        if code == "method_not_allowed":
            return f"Method {request.method} is not allowed here; use {self._allowed()}."
        if code == "internal_error":
            return "Something went wrong in this gateway."
        detail = cause.log_message if isinstance(cause, web.HTTPError) else None
        return detail or f"Invalid URL ({request.method} {request.path})"

    def _allowed(self) -> str:
        base = web.RequestHandler
        names = ("get", "post", "delete")
        has = [n.upper() for n in names if getattr(type(self), n) is not getattr(base, n)]
        return ", ".join([*has, "OPTIONS"])
