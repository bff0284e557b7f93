"""Counting a request's tokens without sending it: Anthropic's count_tokens, Gemini's countTokens.

Upstreams of the same dialect are asked, which costs nothing; for all others the gateway counts
itself, as it does where an upstream reports no usage. Nothing is charged either way; it counts as
a request.
"""

from dataclasses import replace
from typing import Any

import orjson

from gateway.dialects import asks
from gateway.dialects.gemini import count
from gateway.dialects.table import DIALECTS
from gateway.directory.channels import Channel
from gateway.directory.errors import SecretsLocked
from gateway.formats import openai
from gateway.formats.openai import Body, Endpoint
from gateway.providers.base import Call, CallFailed
from gateway.relay import errors
from gateway.relay.admit import identify, passed_headers, refuse_model
from gateway.relay.answer import RelayHandler
from gateway.relay.context import Relay
from gateway.relay.filter import refuse_words_in
from gateway.relay.gemini import take_key
from gateway.relay.limit import limit_free
from gateway.relay.passage import as_openai
from gateway.relay.query import passed_query
from gateway.relay.route import none_serves, pick, vendor_of

MAX_BYTES = 64 << 10

COUNT_MESSAGES = replace(
    asks.MESSAGES, name="messages.count_tokens", path="/v1/messages/count_tokens"
)
COUNT_GENERATE = replace(
    asks.GENERATE, name="gemini.countTokens", path="/v1beta/models/{model}:countTokens"
)
_WHOLE_REQUEST = ("generateContentRequest", "generate_content_request")


class CountHandler(RelayHandler):
    """Both of them; `endpoint` says which."""

    def initialize(self, relay: Relay, endpoint: Endpoint) -> None:  # type: ignore[override]
        """Take the dependencies; called by Tornado for each request."""
        super().initialize(relay)
        self.endpoint = endpoint
        self.dialect = DIALECTS[endpoint.dialect]

    def prepare(self) -> None:
        """Take the key where the address may have it."""
        super().prepare()
        if self.dialect.name == "gemini":
            take_key(self)

    async def post(self, model: str | None = None) -> None:
        """Answer with the number of tokens. Raises RelayError 400, 401, 403, 404, 429 or 502."""
        relay, request = self.relay, self.request
        key, user, _ = await identify(relay, request.headers, request.remote_ip or "")
        body = openai.parse_body(request.body)
        inner = _inner(body)
        ask = asks.read(self.endpoint, orjson.dumps(inner), model)
        refuse_model(key, ask.model)
        await refuse_words_in(relay, body)
        channel = pick(relay, user.group, ask.model, self.endpoint)
        if channel is None:
            raise none_serves(relay, user.group, ask.model, self.endpoint)
        _, self.standing = await limit_free(relay, key, user)
        self._headers.update(self.standing)
        vendor = vendor_of(relay, channel, ask.model)
        if vendor.protocol == self.dialect.name and not vendor.paths:
            self.send_json(await self._asked(channel, body, ask.model))
            return
        found = self.dialect.countable(inner)
        served = channel.upstream_model(ask.model)
        counted = await relay.counter.measure(served, found.texts)
        tokens = found.fixed(served) + counted.tokens
        gemini = self.dialect.name == "gemini"
        self.send_json(count.answer(tokens) if gemini else {"input_tokens": tokens})

    async def _asked(self, channel: Channel, body: Body, model: str) -> Any:
        """Ask the upstream."""
        relay, endpoint = self.relay, self.endpoint
        vendor, served = vendor_of(relay, channel, model), channel.upstream_model(model)
        passed = passed_headers(endpoint, self.request.headers)
        raw = orjson.dumps(_renamed(body, served)) if served != model else self.request.body
        try:
            secret, now_s = relay.directory.secret_of(channel), relay.clock.monotonic_s()
            key = relay.watch.begin(channel, secret, (), now_s)
            assert key is not None
            relay.watch.abandoned(key, now_s)  # how counting ends says little about answering
            query = passed_query(endpoint.queries, self.request.query)
            sent = (channel, vendor, key.secret, endpoint, raw, False, passed, served, query)
            call = Call(*sent, relay.directory.config_of(channel))
            answer = await relay.providers[vendor.protocol].call(call)
        except SecretsLocked:
            raise errors.of_call("upstream_auth") from None
        except CallFailed as error:
            raise errors.of_call(error.code) from error
        try:
            content = b""
            async for piece in answer.body:
                content += piece
                if len(content) > MAX_BYTES:
                    raise errors.of_call("upstream_bad_answer")
        except CallFailed as error:
            raise errors.of_call(error.code) from error
        finally:
            await answer.aclose()
        parsed = errors.parse(content)
        if not 200 <= answer.status < 300:
            status, said = as_openai(endpoint, answer.status, parsed)
            refused = errors.of_upstream(status, answer.headers, said)
            refused.message = key.hidden_in(refused.message)
            raise refused
        if not isinstance(parsed, dict):
            raise errors.of_call("upstream_bad_answer")
        return parsed


def _inner(body: Body) -> Body:
    """Return the request that is to be counted; Gemini's clients may wrap it."""
    for name in _WHOLE_REQUEST:
        if isinstance(body.get(name), dict):
            return dict(body[name])
    return body


def _renamed(body: Body, served: str) -> Body:
    """Return a body that names the upstream's model wherever it names one."""
    changed = {**body, "model": served} if "model" in body else dict(body)
    for name in _WHOLE_REQUEST:
        if isinstance(body.get(name), dict):
            changed[name] = {**body[name], "model": f"models/{served}"}
    return changed
