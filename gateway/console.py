"""The web console: its page and files, never stale, and with nothing from elsewhere."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import orjson
from tornado import web

from gateway.assets import Assets, media_type
from gateway.limits.door import Door

STATIC_DIR = Path(__file__).parent.parent / "static"
_ALWAYS = (
    "default-src 'self'; img-src 'self' data: https:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
# What Turnstile's widget needs besides (developers.cloudflare.com/turnstile).
_ROBOTS = "https://challenges.cloudflare.com"
_FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class Elsewhere:
    """What the console's pages take from other places, as the options say.

    `robots` is whether they show the widget that looks for robots, `frames` the https addresses
    that stand in place of the operator's own texts.
    """

    robots: Callable[[], bool]
    frames: Callable[[], Sequence[str]]


NOTHING = Elsewhere(lambda: False, lambda: ())


def is_page(path: str) -> bool:
    """Tell the pages, which are counted by address, from the files that they are made of."""
    return path == "/" or path.endswith(".html")


class ConsoleHandler(web.RequestHandler):
    """Files of the console, and the page itself."""

    def initialize(
        self, assets: Assets, door: Door | None = None, elsewhere: Elsewhere = NOTHING
    ) -> None:
        """Take the files, and the door where addresses are counted, if they are."""
        self._assets = assets
        self._door = door
        self._elsewhere = elsewhere

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

    async def get(self, version: str | None = None, name: str = "index.html") -> None:
        """Answer a file; 404 if there is none. `version` is the hash in its address."""
        if name == "index.html":
            self._assets.refresh()
        path = self._assets.find(name)
        if path is None:
            raise web.HTTPError(404)
        self._set_headers(name, forever=version == self._assets.hash)
        packed = "gzip" in self.request.headers.get("Accept-Encoding", "")
        content, is_packed = self._assets.read(path, packed=packed)
        if is_packed:
            self.set_header("Content-Encoding", "gzip")
        self.set_header("Vary", "Accept-Encoding")
        self.set_header("Content-Type", media_type(path))
        self.finish(content)

    head = get

    def _set_headers(self, name: str, *, forever: bool) -> None:
        """Allow no code but the console's own (and Turnstile's), and no framing by other sites."""
        self.set_header("Cache-Control", _FOR_EVER if forever else "no-cache")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("Server", "tollgate")
        if name == "index.html":
            self.set_header("Content-Security-Policy", self._policy())

    def _policy(self) -> str:
        scripts = ["'self'", self._assets.inline_hash]
        frames = [*self._elsewhere.frames()]
        if self._elsewhere.robots():
            scripts.append(_ROBOTS)
            frames.append(_ROBOTS)
        framed = " ".join(frames) or "'none'"
        return f"{_ALWAYS}; script-src {' '.join(scripts)}; frame-src {framed}"


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
