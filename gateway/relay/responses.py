"""GET and DELETE /v1/responses/ID, GET …/input_items, POST …/cancel: answers that are kept.

They cost nothing and are asked of the upstream that keeps them, for the user whose they are. With
`stream=true` an answer is read as a stream, from the event after `starting_after` on.
"""

from urllib.parse import quote

import httpx

from gateway.client_call import Call
from gateway.dialects import asks
from gateway.dialects.table import DIALECTS
from gateway.providers.base import Answer, CallFailed, Sender
from gateway.providers.openai import authentication, overridden
from gateway.relay import answers, errors
from gateway.relay.admit import identify
from gateway.relay.answer import RelayHandler
from gateway.relay.answers import Kept
from gateway.relay.attempt import MAX_ERROR_BYTES
from gateway.relay.context import Relay
from gateway.relay.errors import RelayError
from gateway.relay.kept_stream import KeptStream
from gateway.relay.limit import limit_free
from gateway.relay.passage import as_openai
from gateway.relay.query import Allowed, passed_query

MAX_BYTES = 64 << 20
_JSON = "application/json"
_EVENTS = "text/event-stream"
_STREAM = "stream=true"
#: What OpenAI's reference lists for each of these routes, and no more.
_INCLUDE: Allowed = (("include", ()), ("include[]", ()))
READ: Allowed = (
    *_INCLUDE,
    ("stream", ()),
    ("starting_after", ()),
    ("include_obfuscation", ()),
)
ITEMS: Allowed = (*_INCLUDE, ("after", ()), ("before", ()), ("limit", ()), ("order", ()))


class KeptHandler(RelayHandler):
    """Base of them: finds the answer, asks its upstream and passes on what that says."""

    endpoint = asks.RESPONSES

    def initialize(self, relay: Relay) -> None:
        """Take the dependencies; called by Tornado for each request."""
        super().initialize(relay)
        self.dialect = DIALECTS[asks.RESPONSES.dialect]
        self._stream: KeptStream | None = None
        self._gone = False

    async def _ask(
        self, method: str, answer_id: str, rest: str = "", queries: Allowed = ()
    ) -> None:
        """Answer with what the upstream says. Raises RelayError 401, 403, 404, 429, 502 or 504."""
        relay, request = self.relay, self.request
        key, user, _ = await identify(relay, request.headers, request.remote_ip or "")
        query = passed_query(queries, request.query)
        grant, self.standing = await limit_free(relay, key, user, lasting=_STREAM in query)
        self._headers.update(self.standing)
        try:
            kept = await answers.find(relay, user.id, answer_id)
            if kept is None:
                raise _not_found(answer_id)
            await self._answer(method, kept, f"{rest}?{query}" if query else rest)
        finally:
            if grant is not None:
                grant.end()

    async def _answer(self, method: str, kept: Kept, rest: str) -> None:
        outgoing, sender = self._outgoing(method, kept, rest)
        try:
            answer = await sender.send(outgoing, kept.channel)
            try:
                if answer.is_stream and 200 <= answer.status < 300:
                    await self._pass_on(kept, answer)
                    return
                content = await _read(answer)
            finally:
                await answer.aclose()
        except CallFailed as error:
            raise errors.of_call(error.code) from error
        if not 200 <= answer.status < 300:
            raise _refused(kept, answer, content)
        if method == "DELETE":
            await answers.forget(self.relay, kept.id)
        self.set_status(answer.status)
        self._headers["Content-Type"] = _JSON
        self.finish(content)

    def _outgoing(self, method: str, kept: Kept, rest: str) -> tuple[httpx.Request, Sender]:
        """Return what the upstream is asked, and by whom. Raises RelayError 404, 502."""
        relay, endpoint, channel = self.relay, asks.RESPONSES, kept.channel
        vendor = relay.catalogue.vendor(channel.type)
        sender = relay.providers[vendor.protocol]
        if not isinstance(sender, Sender) or not vendor.serves(endpoint.task):
            raise _not_found(kept.id)
        headers = [
            ("accept", _EVENTS if _STREAM in rest else _JSON),
            ("accept-encoding", "identity"),
            ("user-agent", sender.user_agent),
            *authentication(vendor, kept.key.secret),
            *overridden(channel.header_override, kept.key.secret).items(),
        ]
        try:
            url = vendor.url(channel.base_url, endpoint.path, endpoint.task, "", channel.config)
            asked = _beneath(url, f"/{quote(kept.id, safe='')}{rest}")
            outgoing = httpx.Request(method, asked, headers=headers, content=b"")
            outgoing.read()
        except (LookupError, httpx.InvalidURL):
            raise errors.of_call("upstream_unreachable") from None
        return outgoing, sender

    # -- streams ----------------------------------------------------------------------------------

    async def _pass_on(self, kept: Kept, answer: Answer) -> None:
        if self._gone:
            return
        self._stream = KeptStream(self.dialect, kept.key)
        if await self._stream.run(answer, self):
            self.finish()

    def begin(self) -> None:
        """Say that what comes is a stream."""
        headers = self._headers
        headers["Content-Type"] = f"{_EVENTS}; charset=utf-8"
        headers["Cache-Control"] = "no-cache"
        headers["X-Accel-Buffering"] = "no"

    async def send(self, data: bytes) -> None:
        """Send a part, waiting while the client reads slowly. Raises StreamClosedError."""
        self.write(data)
        await self.flush()

    def break_off(self) -> None:
        """End the connection, since the stream has no end."""
        connection = self.request.connection
        assert isinstance(connection, Call)
        connection.close()

    def on_connection_close(self) -> None:
        """The client has gone."""
        super().on_connection_close()
        self._gone = True
        if self._stream is not None:
            self._stream.stop()


def _beneath(url: str, rest: str) -> str:
    """Return an address below another, with what both have behind "?"."""
    (path, _, query), (below, _, asked) = url.partition("?"), rest.partition("?")
    queries = "&".join(filter(None, (query, asked)))
    return f"{path}{below}?{queries}" if queries else path + below


async def _read(answer: Answer) -> bytes:
    limit = MAX_BYTES if 200 <= answer.status < 300 else MAX_ERROR_BYTES
    pieces, size = [], 0
    async for piece in answer.body:
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            raise CallFailed("upstream_bad_answer", f"the answer is longer than {limit} bytes")
    return b"".join(pieces)


def _refused(kept: Kept, answer: Answer, content: bytes) -> RelayError:
    status, said = as_openai(asks.RESPONSES, answer.status, errors.parse(content))
    refused = errors.of_upstream(status, answer.headers, said)
    refused.message = kept.key.hidden_in(refused.message)
    return refused


def _not_found(answer_id: str) -> RelayError:
    return RelayError("response_not_found", f"Response with id '{answer_id[:200]}' not found.")


class ResponseHandler(KeptHandler):
    """/v1/responses/ID."""

    async def get(self, answer_id: str) -> None:
        """Read it."""
        await self._ask("GET", answer_id, queries=READ)

    async def delete(self, answer_id: str) -> None:
        """Delete it."""
        await self._ask("DELETE", answer_id)


class InputItemsHandler(KeptHandler):
    """/v1/responses/ID/input_items."""

    async def get(self, answer_id: str) -> None:
        """List what it was made from."""
        await self._ask("GET", answer_id, "/input_items", ITEMS)


class CancelHandler(KeptHandler):
    """/v1/responses/ID/cancel."""

    async def post(self, answer_id: str) -> None:
        """Stop it, where the upstream can."""
        await self._ask("POST", answer_id, "/cancel")
