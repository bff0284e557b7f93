"""The web console's files: served as they are, never stale, and with nothing from elsewhere."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
from tornado import web

from gateway.limits.door import Door

STATIC_DIR = Path(__file__).parent.parent / "static"
_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
# What Turnstile's widget needs besides (developers.cloudflare.com/turnstile).
_ROBOTS = "https://challenges.cloudflare.com"
_WIDGET = f"; script-src 'self' {_ROBOTS}; frame-src {_ROBOTS}"


def never() -> bool:
    """No robots are looked for."""
    return False


def is_page(path: str) -> bool:
    """Tell the pages, which are counted by address, from the files that they are made of."""
    return path == "/" or path.endswith(".html")


class ConsoleHandler(web.StaticFileHandler):
    """Files of the console. A browser asks each time whether a file changed, by its ETag."""

    def initialize(  # type: ignore[override]
        self,
        path: str,
        *,
        door: Door | None = None,
        robots: Callable[[], bool] = never,
        **more: Any,
    ) -> None:
        """Take the directory, and the door where addresses are counted, if they are.

        `robots` says whether pages show the widget that looks for them.
        """
        super().initialize(path, **more)
        self._door = door
        self._robots = robots

    async def prepare(self) -> None:
        """Refuse an address that loads pages too often (setting GLOBAL_WEB_RATE_LIMIT)."""
        door, address = self._door if is_page(self.request.path) else None, self.request.remote_ip
        wait_s = None if door is None else await door.enter((address or "",))
        if door is not None and wait_s is not None:
            self.set_status(429)
            self.set_header("Retry-After", str(wait_s))
            self.set_header("Content-Type", "application/json; charset=utf-8")
            self.set_header("Server", "tollgate")
            said = door.words(address or "", wait_s)
            self.finish(orjson.dumps({"success": False, "message": said}))

    def set_extra_headers(self, path: str) -> None:
        """Allow no code but the console's own (and Turnstile's), and no framing by other sites."""
        self.set_header("Cache-Control", "no-cache")
        policy = _POLICY + _WIDGET if self._robots() else _POLICY
        self.set_header("Content-Security-Policy", policy)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("Server", "tollgate")


class InvitationHandler(web.RequestHandler):
    """GET /register?aff=CODE, as One API's invitations say: the console's page for signing up."""

    def get(self) -> None:
        """Redirect; the code stays in the address."""
        code = self.request.query_arguments.get("aff", [b""])[-1]
        self.redirect(f"/#/join?{urlencode({'aff': code})}" if code else "/#/join")


class ComingBackHandler(web.RequestHandler):
    """GET /oauth/:service?code=&state=: where other services send browsers back to.

    The console's page goes on from there; in the fragment nothing of it is sent anywhere.
    """

    def get(self, service: str) -> None:
        """Redirect with what came."""
        kept = {"provider": service}
        for name in ("code", "state", "error", "error_description"):
            values = self.request.query_arguments.get(name)
            if values:
                kept[name] = values[-1].decode("utf-8", "replace")
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("Cache-Control", "no-store")
        self.redirect(f"/#/oauth?{urlencode(kept)}")


class MissingPageHandler(web.RequestHandler):
    """Everything that is nowhere."""

    def prepare(self) -> None:
        """Answer 404, whatever the method."""
        self.set_status(404)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.set_header("Server", "tollgate")
        self.finish(f"There is nothing at {self.request.path[:200]}\n")
