"""Routes that clients know and that are not served here, and all that is not known."""

from tornado.httputil import HTTPServerRequest

from gateway.dialects.dialect import Dialect
from gateway.dialects.table import DIALECTS
from gateway.relay.answer import RelayHandler
from gateway.relay.errors import RelayError


def dialect_of(request: HTTPServerRequest) -> Dialect:
    """Return the dialect of whoever asks, by what each vendor's clients always send."""
    headers = request.headers
    if "Anthropic-Version" in headers:
        return DIALECTS["anthropic"]
    if request.path.startswith("/v1beta/") or "X-Goog-Api-Key" in headers:
        return DIALECTS["gemini"]
    return DIALECTS["openai"]


class NotImplementedHandler(RelayHandler):
    """A route that clients may expect; the answer says that it is not there."""

    def prepare(self) -> None:
        """See whose client this is."""
        super().prepare()
        self.dialect = dialect_of(self.request)

    def _refuse(self, *path: str) -> None:
        raise absent()

    get = post = delete = _refuse


def absent() -> RelayError:
    """Return what says that a route is known and not served, in One API's words."""
    return RelayError("api_not_implemented", "API not implemented", param="")


class UnknownHandler(RelayHandler):
    """No such route."""

    def prepare(self) -> None:
        """See whose client this is."""
        super().prepare()
        self.dialect = dialect_of(self.request)

    def _refuse(self, *path: str) -> None:
        message = f"Invalid URL ({self.request.method} {self.request.path})"
        raise RelayError("unknown_url", message)

    get = post = put = patch = delete = head = _refuse
