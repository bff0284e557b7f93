"""The life of one relayed request. Each step is a file: admit, filter, route, limit, moderation,
reserve, call, stream or whole body, meter, settle, answer."""

import asyncio

from tornado.iostream import StreamClosedError

from gateway.client_call import Call
from gateway.dialects.table import DIALECTS
from gateway.formats.openai import Endpoint
from gateway.relay.admit import admit
from gateway.relay.answer import RelayHandler
from gateway.relay.answers import follow, keep
from gateway.relay.attempt import Delivery
from gateway.relay.call import call
from gateway.relay.context import Exchange, Relay
from gateway.relay.costs import note_given_up
from gateway.relay.errors import RelayError
from gateway.relay.filter import refuse_words
from gateway.relay.limit import limit
from gateway.relay.measuring import measure_interrupted, measure_whole
from gateway.relay.meter import by_rule, judged
from gateway.relay.moderation import moderate
from gateway.relay.policy import CLIENT_CLOSED
from gateway.relay.pour import pour
from gateway.relay.query import passed_query
from gateway.relay.reserve import estimate, reserve
from gateway.relay.route import route
from gateway.relay.settle import settle, settle_failure
from gateway.relay.stream import stream
from ledger.money import usd

# How long an upstream is read after its client hung up.
LONGEST_DRAIN_S = 300.0
_JSON = "application/json"


class CompletionHandler(RelayHandler):
    """Whatever is answered by a model, in any dialect."""

    def initialize(self, relay: Relay, endpoint: Endpoint) -> None:  # type: ignore[override]
        """Take the dependencies; called by Tornado for each request."""
        super().initialize(relay)
        self.endpoint = endpoint
        self.dialect = DIALECTS[endpoint.dialect]
        self.exchange: Exchange | None = None

    async def post(self, model: str | None = None) -> None:
        """Relay one request."""
        x = await self._admit(model)
        relay = self.relay
        x.query = passed_query(self.endpoint.queries, self.request.query)
        await refuse_words(relay, x.ask)
        self._admitted(x)
        self.exchange = x
        relay.begin(x)
        try:
            await follow(relay, x)
            route(relay, x)
            await limit(relay, x)
            self.standing = x.standing
            await moderate(relay, x)
            await reserve(relay, x)
            if x.client_gone:
                return  # nothing was sent upstream yet, so nothing is owed
            delivery = await self._call(x)
            if delivery is not None:
                try:
                    await self._deliver(x, delivery)
                finally:
                    await delivery.answer.aclose()
        finally:
            relay.end(x)

    async def _admit(self, model: str | None) -> Exchange:
        """See who asks for what."""
        request = self.request
        return await admit(
            self.relay,
            self.endpoint,
            request.headers,
            request.remote_ip or "",
            request.body,
            self.request_id,
            model,
        )

    def _admitted(self, x: Exchange) -> None:
        """Note what the address says beside the model."""

    async def _call(self, x: Exchange) -> Delivery | None:
        """Call upstream; None when that was given up, and charged by policy."""
        x.reading, failure = True, None
        try:
            if x.stopped is None:
                return await call(self.relay, x)
        except RelayError as error:
            failure = error
        except asyncio.CancelledError:
            if x.stopped is None:
                raise
            x.task.uncancel()
        finally:
            x.reading = False
        if failure is not None:
            if await settle_failure(self.relay, x):
                failure.headers["X-Tollgate-Event"] = x.event_id
            raise failure
        note_given_up(x)
        why = str(x.stopped)
        await settle(self.relay, x, await measure_interrupted(self.relay, x, None, why), why)
        if not x.client_gone:
            raise RelayError("shutting_down", "This server is stopping; please try again.")
        return None

    async def _deliver(self, x: Exchange, delivery: Delivery) -> None:
        headers, answer = self._headers, delivery.answer
        headers["X-Tollgate-Event"] = x.event_id
        headers.update(self.standing)
        self.name_request()
        if answer.is_stream:
            is_array = x.ask.array
            headers["Content-Type"] = _JSON if is_array else "text/event-stream; charset=utf-8"
            headers["Cache-Control"] = "no-cache"
            headers["X-Accel-Buffering"] = "no"
            await stream(self.relay, x, delivery, self)
        elif delivery.flows:
            self._announce(x, delivery)
            await pour(self.relay, x, delivery, self)
        else:
            measured = await measure_whole(self.relay, x, delivery)
            if x.client_gone:
                measured, outcome = by_rule(x, measured, x.policy), CLIENT_CLOSED
            else:
                measured, outcome = judged(self.relay, x, measured)
            charge = await settle(self.relay, x, measured, outcome)
            await keep(self.relay, x, delivery, measured)
            headers["Content-Type"] = answer.headers.get("content-type", _JSON)
            headers["X-Tollgate-Cost"] = usd(charge)
            self.write(delivery.content)
        if not x.client_gone and not self._finished:
            self.finish()

    def _announce(self, x: Exchange, delivery: Delivery) -> None:
        """Say what is known of an answer that only passes, before its first byte."""
        headers, said = self._headers, delivery.answer.headers
        headers["Content-Type"] = said.get("content-type", "application/octet-stream")
        length = said.get("content-length", "")
        if length.isdigit() and "content-encoding" not in said:
            headers["Content-Length"] = length
        known = x.ask.known
        assert x.quote is not None
        if known is not None and known.unit in x.quote.factors["rates"]:
            headers["X-Tollgate-Cost"] = usd(estimate(x, x.quote, 0))

    def break_off(self) -> None:
        """End the connection, since the answer has no end."""
        connection = self.request.connection
        assert isinstance(connection, Call)
        connection.close()
        self.on_connection_close()

    async def send(self, data: bytes) -> None:
        """Send a part of a stream, waiting while the client reads slowly."""
        x = self.exchange
        if not data or x is None or x.client_gone:
            return
        try:
            if self._headers_written:
                assert self.request.connection is not None
                sent = self.request.connection.write(data)
            else:
                self._write_buffer.append(data)
                sent = self.flush()
            if sent.done():
                sent.result()
            else:
                await sent
        except StreamClosedError:
            self.on_connection_close()

    def last(self, data: bytes) -> None:
        """Send the last part of a stream with the end of the answer, in one write."""
        x = self.exchange
        if x is None or x.client_gone:
            return
        try:
            self._write_buffer.append(data)
            self.finish()
        except StreamClosedError:
            self.on_connection_close()

    def on_connection_close(self) -> None:
        """The client hung up: read on or stop, as the policy says."""
        super().on_connection_close()
        x = self.exchange
        if x is None or x.client_gone:
            return
        x.client_gone = True
        if x.policy == "drain":
            loop = asyncio.get_running_loop()
            x.drain_timer = loop.call_later(LONGEST_DRAIN_S, x.stop, CLIENT_CLOSED)
        else:
            x.stop(CLIENT_CLOSED)
