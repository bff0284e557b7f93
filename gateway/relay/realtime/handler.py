"""GET /v1/realtime: from the handshake to a session.

All that can be refused is refused before the handshake, as an HTTP answer. The key comes in the
Authorization header, or from browsers, which can't set one, as a subprotocol (OpenAI: Realtime API
with WebSocket): `openai-insecure-api-key.KEY`.
"""

import asyncio
from typing import Any

from tornado.websocket import WebSocketHandler

from gateway.dialects.realtime import INTENT, REALTIME, TRANSCRIBING
from gateway.formats.openai import MAX_MODEL_LENGTH, Ask
from gateway.relay.admit import begin, enter
from gateway.relay.answer import RelayHandler
from gateway.relay.call import first_good
from gateway.relay.context import Exchange, Relay
from gateway.relay.errors import RelayError
from gateway.relay.limit import limit
from gateway.relay.realtime.account import Account
from gateway.relay.realtime.session import Session
from gateway.relay.realtime.upstream import PING_S, Upstream, connect
from gateway.relay.route import route

# OpenAI takes up to 15 MiB of speech in one event.
MAX_MESSAGE = 16 << 20
_KEY = "openai-insecure-api-key."
_BETA = "openai-beta.realtime-v1"
_SPOKEN = "realtime"


class RealtimeHandler(RelayHandler, WebSocketHandler):
    """One session."""

    endpoint = REALTIME
    ping_interval = PING_S
    ping_timeout = PING_S

    def initialize(self, relay: Relay) -> None:
        """Take the dependencies; called by Tornado for each request."""
        super().initialize(relay)
        self.exchange: Exchange | None = None
        self._session: Session | None = None
        self._running: asyncio.Task[None] | None = None

    @property
    def max_message_size(self) -> int:
        """Return the longest event that a client may send, in bytes."""
        return min(MAX_MESSAGE, self.relay.settings.max_body_bytes)

    def check_origin(self, origin: str) -> bool:
        """Take any page: what protects is the key, which no page has by itself."""
        return True

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        """Choose the one that is no key."""
        offered = [name for name in subprotocols if name and not name.startswith(_KEY)]
        return _SPOKEN if _SPOKEN in offered else next(iter(offered), None)

    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Open a session and stay until it ends. Raises RelayError before the handshake."""
        relay, request = self.relay, self.request
        self._check_handshake()
        self._take_key()
        x = await self._admitted()
        self.exchange = x
        account = Account(relay, x, request.headers, request.remote_ip or "")
        relay.begin(x)
        try:
            route(relay, x)
            await limit(relay, x)
            await account.open(relay.settings.hold_wait_s)
            upstream = await first_good(relay, x, connect)
            try:
                account.connected()
                await self._serve(x, account, upstream)
            finally:
                upstream.socket.close()
        finally:
            account.close()
            relay.end(x)

    async def _serve(self, x: Exchange, account: Account, upstream: Upstream) -> None:
        self._session = session = Session(self.relay, x, account, self, upstream)
        try:
            await super().get()
        finally:
            session.client_left()
            if self._running is not None:
                await self._running

    def open(self, *args: str, **kwargs: str) -> None:
        """Begin to relay; called by Tornado after the handshake."""
        assert self._session is not None
        self._running = asyncio.create_task(self._session.run())

    async def on_message(self, message: str | bytes) -> None:
        """Relay an event; the next is read when this one is on its way."""
        if self._session is not None:
            await self._session.from_client(message)

    def on_close(self) -> None:
        """Note that the client is gone."""
        if self._session is not None:
            self._session.client_left()

    def _check_handshake(self) -> None:
        headers = self.request.headers
        asks = [each.strip().lower() for each in headers.get("Connection", "").split(",")]
        version = headers.get("Sec-WebSocket-Version")
        if headers.get("Upgrade", "").lower() != "websocket" or "upgrade" not in asks:
            raise RelayError("upgrade_required", "A realtime session is a WebSocket.")
        if version != "13" or not headers.get("Sec-WebSocket-Key") or not headers.get("Host"):
            self.set_header("Sec-WebSocket-Version", "13")
            raise RelayError("upgrade_required", "Only version 13 of WebSocket is spoken here.")

    def _take_key(self) -> None:
        """Take the key, and the wish for the beta, from the subprotocols."""
        headers = self.request.headers
        offered = [s.strip() for s in headers.get("Sec-WebSocket-Protocol", "").split(",")]
        key = next((name.removeprefix(_KEY) for name in offered if name.startswith(_KEY)), "")
        if key and not headers.get("Authorization"):
            headers["Authorization"] = f"Bearer {key}"
        if _BETA in offered:
            headers["OpenAI-Beta"] = "realtime=v1"

    async def _admitted(self) -> Exchange:
        relay, request = self.relay, self.request
        started_s = relay.clock.monotonic_s()
        who = await enter(relay, request.headers, request.remote_ip or "")
        model = self.get_query_argument("model", "")
        if not model or len(model) > MAX_MODEL_LENGTH:
            wanted = "`?model=` must name the model of the session."
            raise RelayError("missing_required_parameter", wanted, param="model")
        transcribes = self.get_query_argument("intent", "") == INTENT
        endpoint = TRANSCRIBING if transcribes else REALTIME
        ask = Ask(endpoint, b"", {}, model, True, True, 1, None, "")
        return begin(relay, who, ask, request.headers, self.request_id, started_s)
