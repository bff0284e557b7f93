"""GET and DELETE /v1/responses/ID, GET …/input_items, POST …/cancel: answers that are kept.

They cost nothing and are asked of the upstream that keeps them, for the user whose they are.
"""

from urllib.parse import quote

import httpx

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
from gateway.relay.passage import as_openai

MAX_BYTES = 64 << 20
_JSON = "application/json"


class KeptHandler(RelayHandler):
    """Base of them: finds the answer, asks its upstream and passes on what that says."""

    endpoint = asks.RESPONSES

    def initialize(self, relay: Relay) -> None:
        """Take the dependencies; called by Tornado for each request."""
        super().initialize(relay)
        self.dialect = DIALECTS[asks.RESPONSES.dialect]

    async def _ask(self, method: str, answer_id: str, rest: str = "") -> None:
        """Answer with what the upstream says. Raises RelayError 401, 403, 404, 502 or 504."""
        relay, request = self.relay, self.request
        _, user, _ = await identify(relay, request.headers, request.remote_ip or "")
        if self.get_query_argument("stream", "").lower() in ("true", "1"):
            message = "Kept responses are not streamed by this gateway."
            raise RelayError("invalid_value", message, param="stream")
        kept = await answers.find(relay, user.id, answer_id)
        if kept is None:
            raise _not_found(answer_id)
        query = f"?{request.query}" if request.query else ""
        status, content = await self._asked(method, kept, f"{rest}{query}")
        if method == "DELETE":
            await answers.forget(relay, kept.id)
        self.set_status(status)
        self._headers["Content-Type"] = _JSON
        self.finish(content)

    async def _asked(self, method: str, kept: Kept, rest: str) -> tuple[int, bytes]:
        relay, endpoint, channel = self.relay, asks.RESPONSES, kept.channel
        vendor = relay.catalogue.vendor(channel.type)
        sender = relay.providers[vendor.protocol]
        if not isinstance(sender, Sender) or not vendor.serves(endpoint.task):
            raise _not_found(kept.id)
        url = vendor.url(channel.base_url, endpoint.path, endpoint.task)
        headers = [
            ("accept", _JSON),
            ("accept-encoding", "identity"),
            ("user-agent", sender.user_agent),
            *authentication(vendor, kept.key.secret),
            *overridden(channel.header_override, kept.key.secret).items(),
        ]
        try:
            asked = f"{url}/{quote(kept.id, safe='')}{rest}"
            outgoing = httpx.Request(method, asked, headers=headers, content=b"")
            outgoing.read()
            answer = await sender.send(outgoing, channel)
            try:
                content = await _read(answer)
            finally:
                await answer.aclose()
        except httpx.InvalidURL:
            raise errors.of_call("upstream_unreachable") from None
        except CallFailed as error:
            raise errors.of_call(error.code) from error
        if not 200 <= answer.status < 300:
            status, said = as_openai(endpoint, answer.status, errors.parse(content))
            refused = errors.of_upstream(status, answer.headers, said)
            refused.message = kept.key.hidden_in(refused.message)
            raise refused
        return answer.status, content


async def _read(answer: Answer) -> bytes:
    limit = MAX_BYTES if 200 <= answer.status < 300 else MAX_ERROR_BYTES
    pieces, size = [], 0
    async for piece in answer.body:
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            raise CallFailed("upstream_bad_answer", f"the answer is longer than {limit} bytes")
    return b"".join(pieces)


def _not_found(answer_id: str) -> RelayError:
    return RelayError("response_not_found", f"Response with id '{answer_id[:200]}' not found.")


class ResponseHandler(KeptHandler):
    """/v1/responses/ID."""

    async def get(self, answer_id: str) -> None:
        """Read it."""
        await self._ask("GET", answer_id)

    async def delete(self, answer_id: str) -> None:
        """Delete it."""
        await self._ask("DELETE", answer_id)


class InputItemsHandler(KeptHandler):
    """/v1/responses/ID/input_items."""

    async def get(self, answer_id: str) -> None:
        """List what it was made from."""
        await self._ask("GET", answer_id, "/input_items")


class CancelHandler(KeptHandler):
    """/v1/responses/ID/cancel."""

    async def post(self, answer_id: str) -> None:
        """Stop it, where the upstream can."""
        await self._ask("POST", answer_id, "/cancel")
