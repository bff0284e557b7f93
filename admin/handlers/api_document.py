"""The document that describes /api, for people (#/api) and for generators of clients."""

from functools import cache
from typing import Any, ClassVar

from admin.base import ANYONE, ApiHandler


class ApiDocumentHandler(ApiHandler):
    """GET /api/openapi.json."""

    access: ClassVar[dict[str, int]] = {"GET": ANYONE}
    bare_answers: ClassVar[bool] = True

    async def get(self) -> None:
        """Answer the OpenAPI document, without an envelope."""
        self.bare(_document(self.context.version))


@cache
def _document(version: str) -> dict[str, Any]:
    # The table of routes names this module.
    from admin.openapi import document
    from admin.urls import ROUTES

    return document(ROUTES, version)
