"""Paths under /api that do not exist."""

from admin.base import ApiHandler
from admin.errors import ApiError, Problem


class MissingHandler(ApiHandler):
    """404 for any method, in the shape that One API answers it in."""

    async def prepare(self) -> None:
        """Refuse before anything else is looked at."""
        raise ApiError(404, f"Invalid URL ({self.request.method} {self.request.path[:500]})")

    def refuse(self, problem: Problem) -> None:
        """Write OpenAI's error object."""
        error = {"message": problem.message, "type": "invalid_request_error"}
        self.bare({"error": {**error, "param": "", "code": ""}})
