"""Routes of OpenAI's API that are known and not served, and everything that is not known at all."""

from gateway.relay.answer import RelayHandler
from gateway.relay.errors import RelayError


class NotImplementedHandler(RelayHandler):
    """A route that clients may expect; the answer says that it is not there."""

    def _refuse(self, *path: str) -> None:
        raise absent()

    get = post = delete = _refuse


def absent() -> RelayError:
    """Return what says that a route is known and not served, in One API's words."""
    return RelayError("api_not_implemented", "API not implemented", param="")


class UnknownHandler(RelayHandler):
    """No such route."""

    def _refuse(self, *path: str) -> None:
        message = f"Invalid URL ({self.request.method} {self.request.path})"
        raise RelayError("unknown_url", message)

    get = post = put = patch = delete = head = _refuse
