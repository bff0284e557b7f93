"""Services that a gateway asks besides upstreams: Turnstile, Message Pusher, webhooks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from tornado.httputil import HTTPHeaders
from tornado.web import RequestHandler

from tests.fakes.serving import Served

SECRET, PUSH_TOKEN = "turnstile-secret", "push-secret"


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    path: str
    query: dict[str, str]
    headers: HTTPHeaders
    body: bytes


class Services(Served):
    """All of them on one port: /siteverify, /push, /hook, /bark/…

    A token of Turnstile is good once, with the right secret. `status` is what hooks answer.
    """

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.tokens: set[str] = set()
        self.asked: list[Asked] = []
        self.status = 200

    def siteverify(self, form: dict[str, str]) -> dict[str, Any]:
        """Answer as developers.cloudflare.com/turnstile says."""
        if form.get("secret") != SECRET:
            return {"success": False, "error-codes": ["invalid-input-secret"]}
        if form.get("response") not in self.tokens:
            return {"success": False, "error-codes": ["timeout-or-duplicate"]}
        self.tokens.discard(form["response"])
        return {"success": True, "error-codes": [], "hostname": "gate.test"}

    def push(self, document: dict[str, Any]) -> dict[str, Any]:
        """Answer as Message Pusher does."""
        right = document.get("token") == PUSH_TOKEN
        return {"success": right, "message": "" if right else "the token is wrong"}


class _Handler(RequestHandler):
    def initialize(self, fake: Services) -> None:
        self.fake = fake

    def _asked(self) -> None:
        query = {name: values[-1].decode() for name, values in self.request.query_arguments.items()}
        request = self.request
        self.fake.asked.append(Asked(request.path, query, request.headers, request.body))

    def get(self) -> None:
        self._asked()
        self.set_status(self.fake.status)
        self.finish(b"{}")

    def post(self) -> None:
        self._asked()
        if self.request.path == "/siteverify":
            form = {k: v[-1].decode() for k, v in self.request.body_arguments.items()}
            self.finish(self.fake.siteverify(form))
        elif self.request.path == "/push":
            self.finish(self.fake.push(orjson.loads(self.request.body)))
        else:
            self.set_status(self.fake.status)
            self.finish(b"fine")
