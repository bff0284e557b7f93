"""Traces: a real collector gets the spans of real requests, and nothing of what was said."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from ledger.clock import Clock
from tests.fakes.upstream import Behaviour
from tests.gateway.relay.conftest import Gate
from tests.waiting import until

pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="the extra otel is not there")

from gateway.otel import OtelSpans
from tests.fakes.collector import Collector, said

pytestmark = [pytest.mark.database, pytest.mark.asyncio(loop_scope="module")]

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
ASK = {"model": "m", "messages": [{"role": "user", "content": "my own pineapple"}]}
SERVER, CLIENT, ERROR = 2, 3, 2


@pytest_asyncio.fixture(loop_scope="module")
async def collector(gate: Gate) -> AsyncIterator[Collector]:
    """A collector that the gateway's spans are sent to."""
    async with Collector() as collector:
        spans = OtelSpans(Clock(), collector.url, service="test", headers={"x-team": "a"})
        gate.running.relay.spans = spans
        yield collector
        gate.running.relay.spans = None
        await spans.close()


async def sent(gate: Gate, collector: Collector, count: int) -> list[Any]:
    spans: Any = gate.running.relay.spans
    await asyncio.to_thread(spans._provider.force_flush)
    await until(lambda: len(collector.spans) >= count, what=f"{count} spans")
    return sorted(collector.spans, key=lambda span: span.start_time_unix_nano)


async def test_a_request_is_a_span_with_one_for_its_attempt(
    gate: Gate, collector: Collector
) -> None:
    _, secret = await gate.key()
    headers = {"authorization": f"Bearer sk-{secret}", "traceparent": f"00-{TRACE}-{PARENT}-01"}
    answer = await gate.http.post("/v1/chat/completions", json=ASK, headers=headers)
    assert answer.status_code == 200, answer.text
    whole, attempt = await sent(gate, collector, 2)
    assert (whole.kind, attempt.kind) == (SERVER, CLIENT)
    assert whole.trace_id.hex() == attempt.trace_id.hex() == TRACE
    assert whole.parent_span_id.hex() == PARENT and attempt.parent_span_id == whole.span_id
    assert whole.start_time_unix_nano <= attempt.start_time_unix_nano
    assert attempt.end_time_unix_nano <= whole.end_time_unix_nano
    assert whole.name == attempt.name == "chat m"
    event = await gate.event(answer.headers["x-request-id"])
    usage, of_attempt = event["body"]["usage"], said(attempt.attributes)
    inputs = usage.get("input", 0) + usage.get("cached", 0)
    assert of_attempt["gen_ai.usage.input_tokens"] == inputs > 0
    assert of_attempt["gen_ai.usage.output_tokens"] == usage["output"] > 0
    assert of_attempt["gen_ai.operation.name"] == "chat"
    assert of_attempt["gen_ai.provider.name"] == "openai"
    assert of_attempt["gen_ai.request.model"] == of_attempt["gen_ai.response.model"] == "m"
    of_whole = said(whole.attributes)
    assert of_whole["tollgate.charge_usd"] == pytest.approx(-event["amount"] / 1e9)
    assert of_whole["tollgate.request_id"] == answer.headers["x-request-id"]
    assert of_whole["tollgate.event_id"] == event["_id"]
    upstream = gate.upstream.received[-1]
    carried = {name.lower(): value for name, value in dict(upstream.headers).items()}
    assert carried["traceparent"] == f"00-{TRACE}-{attempt.span_id.hex()}-01"
    assert collector.resources[0]["service.name"] == "test"
    assert collector.headers[0]["x-team"] == "a"
    assert b"pineapple" not in collector.raw and secret.encode() not in collector.raw


async def test_failures_and_streams(gate: Gate, collector: Collector) -> None:
    _, secret = await gate.key()
    gate.upstream.behaviour = Behaviour(status=400)
    assert (await gate.post(secret, ASK)).status_code == 400
    gate.upstream.behaviour = Behaviour()
    assert (await gate.post(secret, {**ASK, "stream": True})).status_code == 200
    assert (await gate.post(secret, {**ASK, "model": "nobody-has-it"})).status_code == 404
    failed, attempt, streamed, asked, lost = await sent(gate, collector, 5)
    assert failed.status.code == attempt.status.code == lost.status.code == ERROR
    assert not failed.status.message and not failed.events, "upstream's words stay here"
    assert said(attempt.attributes)["http.response.status_code"] == 400
    assert said(lost.attributes)["error.type"] == "model_not_found"
    assert streamed.status.code == asked.status.code == 0
    assert said(asked.attributes)["gen_ai.request.stream"] is True
    assert said(streamed.attributes)["tollgate.first_token_s"] > 0
    assert len({each.trace_id for each in (failed, streamed, lost)}) == 3
    assert not [x for x in gate.running.relay.exchanges if x.span is not None]


async def test_a_collector_that_is_away_is_told_of_once(
    gate: Gate, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    _, secret = await gate.key()
    collector.status = 400  # it is not asked again for these
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert (await gate.post(secret, ASK)).status_code == 200
            await sent(gate, collector, 0)
        collector.status = 200
        assert (await gate.post(secret, ASK)).status_code == 200
        await sent(gate, collector, 2)
    lines = [each.getMessage() for each in caplog.records if each.name == "tollgate.traces"]
    assert len(lines) == 2 and "dropped" in lines[0] and "again" in lines[1], lines
    assert len(caplog.records) == 2
    caplog.clear()
