"""The web console's files: served as they are, never stale, and with nothing from elsewhere."""

from pathlib import Path

from tornado import web

STATIC_DIR = Path(__file__).parent.parent / "static"
_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)


class ConsoleHandler(web.StaticFileHandler):
    """Files of the console. A browser asks each time whether a file changed, by its ETag."""

    def set_extra_headers(self, path: str) -> None:
        """Allow no code but the console's own, and no framing by other sites."""
        self.set_header("Cache-Control", "no-cache")
        self.set_header("Content-Security-Policy", _POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("Server", "tollgate")


class MissingPageHandler(web.RequestHandler):
    """Everything that is nowhere."""

    def prepare(self) -> None:
        """Answer 404, whatever the method."""
        self.set_status(404)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.set_header("Server", "tollgate")
        self.finish(f"There is nothing at {self.request.path[:200]}\n")
