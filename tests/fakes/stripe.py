"""Stripe, as much as a top-up sees of it: strict about forms, signing its events."""

import hashlib
import hmac
import time
import uuid
from typing import Any

import httpx
import orjson
from tornado.web import RequestHandler

from tests.fakes.serving import Served

KNOWN = {
    "mode",
    "client_reference_id",
    "metadata[tollgate_order]",
    "payment_intent_data[metadata][tollgate_order]",
    "line_items[0][quantity]",
    "line_items[0][price_data][currency]",
    "line_items[0][price_data][unit_amount]",
    "line_items[0][price_data][product_data][name]",
    "success_url",
    "cancel_url",
    "expires_at",
}


class StripeSite(Served):
    """Makes Checkout sessions; `send` delivers signed events. `fail` answers are given first."""

    def __init__(self, key: str, secret: str) -> None:
        super().__init__(_Sessions, r"/v1/checkout/sessions")
        self.key, self.secret = key, secret
        self.sessions: dict[str, dict[str, Any]] = {}
        self.by_idempotency: dict[str, tuple[dict[str, str], str]] = {}
        self.fail: list[int] = []
        self.asked = 0

    def of_order(self, order: str) -> dict[str, Any]:
        """Return the session of an order."""
        return next(s for s in self.sessions.values() if s["client_reference_id"] == order)

    def charge(self, order: str, **changed: Any) -> dict[str, Any]:
        """Return the charge of an order's payment."""
        session = self.of_order(order)
        return {
            "id": f"ch_{order}",
            "object": "charge",
            "amount": session["amount_total"],
            "amount_refunded": session["amount_total"],
            "refunded": True,
            "currency": session["currency"],
            "payment_intent": session["payment_intent"],
            "metadata": session["metadata"],
            **changed,
        }

    def dispute(self, order: str, **changed: Any) -> dict[str, Any]:
        """Return a dispute of an order's payment."""
        session = self.of_order(order)
        return {
            "id": f"dp_{order}",
            "object": "dispute",
            "amount": session["amount_total"],
            "currency": session["currency"],
            "charge": f"ch_{order}",
            "payment_intent": session["payment_intent"],
            "status": "needs_response",
            "metadata": {},
            **changed,
        }

    def header(self, body: bytes, at: int | None = None) -> str:
        """Sign a body, with an older scheme beside."""
        when = int(time.time()) if at is None else at
        mac = hmac.new(self.secret.encode(), f"{when}.".encode() + body, hashlib.sha256)
        return f"t={when},v1={mac.hexdigest()},v0={'0' * 64}"

    async def send(self, url: str, kind: str, thing: dict[str, Any]) -> httpx.Response:
        """Deliver an event."""
        event = {"id": f"evt_{uuid.uuid4().hex}", "object": "event", "type": kind}
        body = orjson.dumps({**event, "data": {"object": thing}}, option=orjson.OPT_INDENT_2)
        headers = {"stripe-signature": self.header(body), "content-type": "application/json"}
        async with httpx.AsyncClient(timeout=60, verify=False) as client:
            return await client.post(url, content=body, headers=headers)


class _Sessions(RequestHandler):
    def initialize(self, fake: StripeSite) -> None:
        self.fake = fake

    def post(self) -> None:
        """Make a session, or find the one of the same idempotency key."""
        self.fake.asked += 1
        if self.fake.fail:
            self._refuse(self.fake.fail.pop(0), "odd")
            return
        if self.request.headers.get("Authorization") != f"Bearer {self.fake.key}":
            self._refuse(401, "invalid_api_key")
            return
        form = {name: values[0].decode() for name, values in self.request.body_arguments.items()}
        wrong = form.keys() ^ KNOWN or form["mode"] != "payment"
        soon = int(form.get("expires_at", 0)) - time.time()
        if wrong or not 1_800 <= soon <= 86_400 or form["line_items[0][quantity]"] != "1":
            self._refuse(400, "parameter_unknown")
            return
        if int(form["line_items[0][price_data][unit_amount]"]) < 50:
            self._refuse(400, "amount_too_small")
            return
        self._answer(form, self.request.headers["Idempotency-Key"])

    def _answer(self, form: dict[str, str], idempotency: str) -> None:
        former = self.fake.by_idempotency.get(idempotency)
        if former is not None:
            assert former[0] == form
            self.finish(self.fake.sessions[former[1]])
            return
        session = f"cs_test_{uuid.uuid4().hex}"
        self.fake.by_idempotency[idempotency] = (form, session)
        self.fake.sessions[session] = {
            "id": session,
            "object": "checkout.session",
            "mode": "payment",
            "url": f"{self.fake.url}/pay/{session}",
            "amount_total": int(form["line_items[0][price_data][unit_amount]"]),
            "currency": form["line_items[0][price_data][currency]"],
            "client_reference_id": form["client_reference_id"],
            "metadata": {"tollgate_order": form["metadata[tollgate_order]"]},
            "payment_intent": f"pi_{uuid.uuid4().hex}",
            "payment_status": "paid",
        }
        self.finish(self.fake.sessions[session])

    def _refuse(self, status: int, code: str) -> None:
        self.set_status(status)
        self.finish({"error": {"type": "invalid_request_error", "code": code, "message": "no"}})
