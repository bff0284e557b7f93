"""ANY /v1/oneapi/proxy/CHANNEL/PATH: an administrator's request, sent on as it is.

For what a vendor has and the gateway has no route for. Bodies pass in both directions piece by
piece; the key is replaced by the channel's; a call costs what the price book says of the model
`proxy`, or `proxy(CHANNEL TYPE)`, and what the upstream refused costs nothing. The charge is
recorded before the end of the answer.
"""

import asyncio
import logging
from urllib.parse import unquote

import httpx
from tornado import web
from tornado.iostream import StreamClosedError

from gateway.client_call import Call
from gateway.directory.channels import Channel
from gateway.directory.errors import SecretsLocked
from gateway.directory.users import ROLE_ADMIN
from gateway.formats.openai import Ask, Endpoint
from gateway.providers.base import Answer, CallFailed, Sender
from gateway.providers.openai import authentication, overridden
from gateway.relay import costs, errors
from gateway.relay.admit import begin, enter
from gateway.relay.answer import RelayHandler
from gateway.relay.body_pipe import Upload
from gateway.relay.context import Exchange, Relay
from gateway.relay.errors import RelayError
from gateway.relay.measured import Measured
from gateway.relay.policy import CLIENT_CLOSED, COMPLETE
from gateway.relay.proxy_headers import comes_back, taken
from gateway.relay.reserve import reserve
from gateway.relay.route import pinned_channel
from gateway.relay.settle import settle
from ledger.accounts import FAILED
from ledger.errors import LedgerError

PROXY = Endpoint("proxy", "proxy", "/v1/oneapi/proxy", "", (), False)
_MODEL = "proxy"
_NO_BODY = frozenset({204, 304})

log = logging.getLogger("tollgate.relay")


@web.stream_request_body
class ProxyHandler(RelayHandler):
    """One call."""

    SUPPORTED_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
    endpoint = PROXY

    def initialize(self, relay: Relay) -> None:
        """Take the dependencies; called by Tornado for each request."""
        super().initialize(relay)
        self.exchange: Exchange | None = None
        self._upload = Upload()
        self._answer: asyncio.Task[Answer] | None = None

    async def prepare(self) -> None:
        """Admit the call and begin it, before its body is here. Raises RelayError."""
        super().prepare()
        if self.request.method == "OPTIONS":
            return
        relay = self.relay
        x = await self._admitted(int(self.path_args[0]))
        assert x.channel is not None
        sender, request = self._request(x.channel, self.path_args[1] or "/")
        self.exchange = x
        relay.begin(x)
        try:
            await reserve(relay, x)
        except BaseException:
            relay.end(x)
            raise
        if x.client_gone:
            relay.end(x)
            return
        self._answer = asyncio.create_task(sender.send(request, x.channel))
        self._answer.add_done_callback(self._sent)

    async def data_received(self, chunk: bytes) -> None:
        """Pass a piece of the body on."""
        if self._answer is not None:  # else it was refused
            await self._upload.put(chunk)

    def _sent(self, task: asyncio.Task[Answer]) -> None:
        """Take no more of a body that nobody waits for."""
        if task.cancelled() or task.exception() is not None:
            self._upload.stop()

    async def _relay(self, *path: str) -> None:
        """Answer with what the upstream answers."""
        x, task = self.exchange, self._answer
        assert x is not None and task is not None
        try:
            if getattr(self.request, "body_dropped", False):
                self._upload.abort()
                raise web.HTTPError(413)
            if x.stopped is not None:
                self._upload.abort()
                raise RelayError("shutting_down", "This server is stopping; please try again.")
            await self._upload.close()
            answer = await self._answered(x, task)
            if answer is None:
                return
            try:
                await self._pass_on(x, answer)
            finally:
                await answer.aclose()
        finally:
            self._give_up()
            self.relay.end(x)

    get = head = post = put = patch = delete = _relay

    def on_connection_close(self) -> None:
        """The client is gone: what was not sent whole is not sent at all."""
        super().on_connection_close()
        x = self.exchange
        if x is None or x.client_gone:
            return
        x.client_gone = True
        if x.reading:
            x.stop(CLIENT_CLOSED)
        elif not self.request._body_future.done() or self.request._body_future.exception():
            self._upload.abort()
            self._give_up()
            self.relay.end(x)

    def _give_up(self) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.cancel()

    # -- before -----------------------------------------------------------------------------------

    async def _admitted(self, channel_id: int) -> Exchange:
        relay, request = self.relay, self.request
        started_s = relay.clock.monotonic_s()
        key, user, _ = await enter(relay, request.headers, request.remote_ip or "")
        if user.role < ROLE_ADMIN:
            raise RelayError("channel_not_allowed", "Only admins can use a channel directly.")
        ask = Ask(PROXY, b"", {}, _MODEL, False, False, 1, None, "")
        who = key, user, channel_id
        x = begin(relay, who, ask, request.headers, self.request_id, started_s)
        x.channel = pinned_channel(relay, channel_id)
        return x

    def _request(self, channel: Channel, path: str) -> tuple[Sender, httpx.Request]:
        relay, asked = self.relay, self.request
        vendor = relay.catalogue.vendor(channel.type)
        sender = relay.providers[vendor.protocol]
        if not isinstance(sender, Sender):
            message = f"Channel {channel.id} has no upstream that could be asked."
            raise RelayError("channel_not_allowed", message)
        if any(part in (".", "..") for part in unquote(unquote(path)).split("/")):
            raise RelayError("unknown_url", "The path must not lead upwards.")
        base = (channel.base_url or vendor.base_url).rstrip("/")
        _, _, query = asked.uri.partition("?") if asked.uri else ("", "", "")
        now_s = relay.clock.monotonic_s()
        try:
            url = httpx.URL(base + path + (f"?{query}" if query else ""))
            secret = relay.directory.secret_of(channel)
        except (httpx.InvalidURL, SecretsLocked) as error:
            log.warning("request %s: channel %d: %s", self.request_id, channel.id, error)
            raise errors.of_call("upstream_unreachable") from None
        key = relay.watch.begin(channel, secret, (), now_s)
        assert key is not None
        relay.watch.abandoned(key, now_s)  # what is asked here says little about the channel
        ours = [("user-agent", sender.user_agent), ("accept-encoding", "identity")]
        headers = dict([*authentication(vendor, key.secret), *taken(asked.headers), *ours])
        headers |= overridden(channel.header_override, key.secret)
        if not self._has_body():
            request = httpx.Request(asked.method or "GET", url, headers=headers, content=b"")
            request.read()
        else:
            request = httpx.Request(
                asked.method or "GET", url, headers=headers, stream=self._upload
            )
        path_only = url.path[:200]
        said = (self.request_id, asked.method, path_only, channel.id, self.request.remote_ip)
        log.info("request %s: proxy: %s %s on channel %d for %s", *said)
        return sender, request

    def _has_body(self) -> bool:
        headers = self.request.headers
        return headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in headers

    # -- after ------------------------------------------------------------------------------------

    async def _answered(self, x: Exchange, task: asyncio.Task[Answer]) -> Answer | None:
        """Wait for the head of the answer; None where the client is gone, and the call charged."""
        x.reading = True
        try:
            return await task
        except CallFailed as error:
            log.info("request %s: proxy: %s: %s", x.request_id, error.code, error)
            raise errors.of_call(error.code) from error
        except asyncio.CancelledError:
            if x.stopped is None:
                raise
            x.task.uncancel()
            await self._charge(x, None, str(x.stopped))
            if x.client_gone:
                return None
            raise RelayError("shutting_down", "This server is stopping.") from None
        finally:
            x.reading = False

    async def _pass_on(self, x: Exchange, answer: Answer) -> None:
        self.set_status(answer.status)
        self.clear_header("Content-Type")
        for name, value in answer.headers.items():
            if comes_back(name, answer.headers):
                self.set_header(name, value.encode("latin-1"))
        if self.request.method == "HEAD" and "content-length" in answer.headers:
            self.set_header("Content-Length", answer.headers["content-length"])
        self.set_header("X-Tollgate-Event", x.event_id)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Content-Security-Policy", "sandbox")
        x.upstream_request_id = answer.headers.get("x-request-id", "")[:200] or None
        outcome = await self._stream(x, answer)
        try:
            await self._charge(x, answer.status, outcome)
        except LedgerError as error:
            log.error("request %s: the charge was not recorded: %s", x.request_id, error)
            if not self._headers_written:
                raise
            outcome = "unrecorded"
        if x.client_gone:
            return
        if outcome == COMPLETE:
            self.finish()
        else:
            self._break_off()

    async def _stream(self, x: Exchange, answer: Answer) -> str:
        """Pass the answer's body on; return how that ended."""
        x.reading = True
        try:
            async for piece in answer.body:
                if self.request.method != "HEAD" and answer.status not in _NO_BODY:
                    self.write(piece)
                    await self.flush()
        except CallFailed as error:
            log.info("request %s: proxy: %s: %s", x.request_id, error.code, error)
            return "upstream_cut"
        except StreamClosedError:
            return CLIENT_CLOSED
        except asyncio.CancelledError:
            if x.stopped is None:
                raise
            x.task.uncancel()
            return x.stopped
        finally:
            x.reading = False
        return COMPLETE

    async def _charge(self, x: Exchange, status: int | None, outcome: str) -> None:
        """Record the call; one that the upstream refused costs nothing."""
        refused = status is not None and status >= 400
        costs.note(x, status, None, worked=not refused, delivered=not refused)
        usage = {} if refused else {"calls": 1}
        await settle(self.relay, x, Measured(usage, "counted"), FAILED if refused else outcome)

    def _break_off(self) -> None:
        """Close the connection, so that nobody takes the answer for whole."""
        connection = self.request.connection
        assert isinstance(connection, Call)
        connection.close()
