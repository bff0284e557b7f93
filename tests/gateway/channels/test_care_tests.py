"""Tests of channels over real sockets: what is asked, what follows, what it costs whom."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import httpx
import pytest
import pytest_asyncio

from gateway.channels.care import Care
from gateway.directory.channels import Channel
from gateway.directory.errors import NotFound
from gateway.directory.users import ROOT_ID
from gateway.jobs import JOBS, JobContext, Jobs
from gateway.leader import Leader
from ledger import accounts
from tests.fakes.upstream import Behaviour
from tests.fakes.vendors import FakeVendor
from tests.fakes.whole_vendor import WholeVendor
from tests.gateway.relay.conftest import Gate, gate, running_gate
from tests.waiting import until

__all__ = ["gate", "running_gate"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

DEAD = {"error": {"message": "bad key", "type": "x", "code": "invalid_api_key"}}
OPTIONS = {
    "AutomaticDisableChannelEnabled": False,
    "AutomaticEnableChannelEnabled": False,
    "ChannelDisableThreshold": 5,
}
NO_ROUND: dict[str, Any] = {"running": False}


@pytest_asyncio.fixture(loop_scope="module")
async def root(gate: Gate) -> AsyncIterator[httpx.AsyncClient]:
    """Root's program, and a directory with no other channel than those that a test adds."""
    directory = gate.running.directory
    token = await directory.users.make_access_token(ROOT_ID)
    for channel in directory.all_channels():
        with suppress(NotFound):  # deleted by a test that the directory has not heard of yet
            await directory.channels.delete(channel.id)
    headers = {"Authorization": token}
    async with httpx.AsyncClient(base_url=f"{gate.url}/api", headers=headers) as client:
        yield client
    for name, value in OPTIONS.items():
        await directory.options.set(name, value)


@pytest_asyncio.fixture(loop_scope="module")
async def vendor() -> AsyncIterator[WholeVendor]:
    async with WholeVendor() as vendor:
        yield vendor


async def add(gate: Gate, vendor: WholeVendor | None, *models: str, **changes: Any) -> Channel:
    base = {} if vendor is None else {"base_url": vendor.url}
    return await gate.channel(*models, **{**base, **changes})


async def trials_of(gate: Gate, channel: Channel) -> list[dict[str, Any]]:
    found = {"type": "usage.charged", "body.channel": channel.id}
    return list(await gate.books.store.find_list("events", found))


async def status(gate: Gate, channel: Channel) -> int:
    return (await gate.running.directory.channels.get(channel.id)).status


async def progress(root: httpx.AsyncClient, kind: str = "tests") -> dict[str, Any]:
    rounds = (await root.get("/channel/care")).json()["data"]
    return dict(rounds.get(kind, NO_ROUND))


async def round_over(root: httpx.AsyncClient, kind: str = "tests") -> dict[str, Any]:
    async def over() -> Any:
        found = await progress(root, kind)
        return not found["running"] and found

    return dict(await until(over))


SANDBOX = 1000
KINDS = [
    ("gpt-4o", "chat", "I am gpt-4o.", {"input": 10, "output": 20}),
    ("text-embedding-3-small", "embeddings", "a vector of 3", {"input": 8, "output": 0}),
    ("dall-e-3", "images", "an image", {"images": 1}),
    ("tts-1", "speech", "400 bytes of sound", {"characters": 51}),
    ("whisper-1", "transcription", "Nothing was said.", {"seconds": 1}),
    ("bge-reranker-v2", "rerank", "2 scores", {"input": 12, "calls": 1}),
    ("omni-moderation-latest", "moderation", "a verdict: clean", {"input": 11}),
]


@pytest.mark.parametrize(("model", "kind", "says", "usage"), KINDS)
async def test_each_kind_is_asked_for_by_the_models_name_and_its_cost_is_the_operators(
    gate: Gate, root: httpx.AsyncClient, vendor: WholeVendor, model, kind, says, usage
) -> None:
    per = dict.fromkeys(("input", "output", "images", "characters", "seconds", "calls"), "3")
    channel = await add(gate, vendor, model, cost_prices=[{"model": model, **per}])
    user = await gate.balance(f"user:{ROOT_ID}")
    answer = (await root.get(f"/channel/test/{channel.id}")).json()
    assert answer["success"] and says in answer["message"] and answer["modelName"] == model, answer
    assert len(vendor.seen) == 1 and vendor.seen[0].key == "upstream-secret"
    (event,) = await trials_of(gate, channel)
    body = event["body"]
    assert (body["endpoint"], body["usage"], event["amount"]) == ("channel.test", usage, 0)
    assert body["cost_nano"] == body["attempts"][0]["cost_nano"] > 0
    assert event["actor"] == f"user:{ROOT_ID}"
    await gate.books.projector.until(gate.books.projector.fed)
    column = (await accounts.read(gate.books.store, channel.account))["cost"]
    assert column == body["cost_nano"] and await gate.balance(f"user:{ROOT_ID}") == user
    care = (await root.get(f"/channel/{channel.id}/care")).json()["data"]["test"]
    assert (care["verdict"], care["kind"], care["model"]) == ("ok", kind, model)
    shown = (await root.get(f"/channel/{channel.id}")).json()["data"]
    assert shown["test_time"] == care["at_s"] and shown["cost_nano"] == body["cost_nano"]
    metrics = gate.running.observer.here()
    assert metrics["channel_test_ok"][(str(channel.id),)] == 1
    logged = (await root.get(f"/log/?type=5&channel={channel.id}")).json()
    assert [(row["type"], row["quota"]) for row in logged["data"]] == [(5, 0)], logged


async def test_as_the_channel_says_and_as_a_stream(gate: Gate, root: httpx.AsyncClient) -> None:
    channel = await add(gate, None, "gpt-3.5-turbo", "mine", test_model="mine", test_stream=True)
    answer = (await root.get(f"/channel/test/{channel.id}")).json()
    assert answer["success"] and answer["message"] == "Hello from the fake."
    (sent,) = gate.upstream.received
    assert sent.body["model"] == "mine" and sent.body["stream"] is True
    (event,) = await trials_of(gate, channel)
    assert event["body"]["stream"] and event["body"]["usage"] == {"input": 10, "output": 20}
    gate.upstream.behaviour = Behaviour(cut_after=2)
    answer = (await root.get(f"/channel/test/{channel.id}")).json()
    assert not answer["success"] and len(await trials_of(gate, channel)) == 1
    gate.upstream.behaviour = Behaviour()
    answer = (await root.get(f"/channel/test/{channel.id}?model=other&stream=false")).json()
    assert answer["modelName"] == "other" and "stream" not in gate.upstream.received[-1].body
    assert (await root.get(f"/channel/test/{channel.id}?stream=maybe")).status_code == 400
    answer = (await root.get(f"/channel/test/{channel.id}?kind=embeddings")).json()
    assert answer["message"] == "a vector of 2 numbers"
    assert gate.upstream.received[-1].path == "/v1/embeddings"
    assert (await root.get(f"/channel/test/{channel.id}?kind=video")).status_code == 400
    care = (await root.get(f"/channel/{channel.id}/care")).json()["data"]
    assert care["unpriced"] == ["mine"]
    shown = (await root.get(f"/channel/{channel.id}")).json()["data"]
    assert shown["test_verdict"] == "ok" and shown["resting_s"] == 0
    async with FakeVendor() as anthropic:
        other = await gate.channel("claude", type=14, base_url=anthropic.url, test_stream=True)
        answer = (await root.get(f"/channel/test/{other.id}")).json()
        assert answer["success"], answer
    refused = await root.put("/channel/", json={"id": channel.id, "test_kind": "video"})
    assert refused.status_code == 400 and "test_kind" in refused.json()["message"]


async def test_a_failure_with_a_cost_is_booked_and_a_dead_key_among_good_ones_is_none(
    gate: Gate, root: httpx.AsyncClient
) -> None:
    await gate.running.directory.options.set("AutomaticDisableChannelEnabled", True)
    secret = "sk-first-key\nsk-second-key"
    channels = gate.running.directory.channels
    given = {"type": 1, "name": "t", "base_url": gate.upstream.url, "models": ["m"]}
    channel = await channels.create({**given, "cost_ratio": "1"}, secret)
    gate.upstream.by_key["sk-first-key"] = Behaviour(status=401, error=DEAD)
    assert (await root.get(f"/channel/test/{channel.id}")).json()["success"]
    (event,) = await trials_of(gate, channel)
    statuses = [attempt["status"] for attempt in event["body"]["attempts"]]
    assert statuses == [401, 200] and event["body"]["cost_nano"] == 90_000
    gate.upstream.by_key["sk-second-key"] = Behaviour(status=504)
    await root.get("/channel/test")
    found = await round_over(root)
    assert found["found"]["failed"] == {"count": 1, "channels": [channel.id]}
    (_, event) = await trials_of(gate, channel)
    assert event["body"]["outcome"] == "failed" and event["body"]["attempts"][1]["estimated"]
    assert 0 < event["body"]["cost_nano"] < 90_000 and await status(gate, channel) == 1
    gate.upstream.by_key["sk-second-key"] = Behaviour(status=401, error=DEAD)
    await root.get("/channel/test")
    found = await round_over(root)
    assert found["found"]["switched off"]["channels"] == [channel.id]
    assert await status(gate, channel) == 3
    assert "sk-first-key" not in str(await trials_of(gate, channel))
    gate.upstream.by_key.clear()


async def test_what_cannot_be_asked_is_said(
    gate: Gate, root: httpx.AsyncClient, vendor: WholeVendor
) -> None:
    async def says(channel: Channel) -> str:
        answer = (await root.get(f"/channel/test/{channel.id}")).json()
        assert answer["success"] is False, answer
        return str(answer["message"])

    assert "no models" in await says(await add(gate, vendor))
    assert "no route for speech" in await says(
        await add(gate, vendor, "m", type=14, test_kind="speech")
    )
    wrong = await add(gate, vendor, "m", test_kind="embeddings")
    vendor.status["/v1/embeddings"] = 418
    assert await says(wrong) == "status 418: it failed"
    far = await add(gate, vendor, "m", base_url="http://127.0.0.1:1")
    assert "127.0.0.1" in await says(far)
    unknown = await add(gate, vendor, "m")
    store = gate.books.store
    await store.update_one("channels", {"_id": unknown.id}, {"$set": {"type": 4_999}})
    assert "4999" in await says(unknown)
    for address in ("update_balance/{}", "{}/upstream_models"):
        answer = await root.get(f"/channel/{address.format(unknown.id)}")
        assert answer.status_code == 200 and "4999" in answer.json()["message"]
    assert not [e for c in (wrong, far, unknown) for e in await trials_of(gate, c)]
    await store.update_one("channels", {"_id": unknown.id}, {"$set": {"type": 1}})


async def test_slow_ones_are_told_or_switched_off_and_only_what_a_machine_did_is_undone(
    gate: Gate, root: httpx.AsyncClient, vendor: WholeVendor, caplog: pytest.LogCaptureFixture
) -> None:
    options = gate.running.directory.options
    await options.set("ChannelDisableThreshold", 1)
    slow = await add(gate, vendor, "gpt-4o")
    image = await add(gate, vendor, "dall-e-3")
    manual = await add(gate, vendor, "gpt-4o", status=2)
    vendor.latency_s = 1.05
    with caplog.at_level(logging.INFO, "tollgate.channels"):
        await root.get("/channel/test")
        found = await round_over(root)
    assert found["found"]["slow"] == {"count": 2, "channels": [slow.id, manual.id]}
    assert found["total"] == found["done"] == 3 and await status(gate, slow) == 1
    notices = [r.message for r in caplog.records if "a round of tests is over" in r.message]
    assert len(notices) == 1 and f"2 slow ({slow.id}, {manual.id})" in notices[0]
    caplog.clear()
    await options.set("AutomaticDisableChannelEnabled", True)
    await root.get("/channel/test")
    await round_over(root)
    assert (await status(gate, slow), await status(gate, image)) == (3, 1)
    vendor.latency_s = 0
    assert (await root.get("/channel/test?scope=disabled")).json()["data"] == {"channels": 2}
    await round_over(root)
    assert await status(gate, slow) == 3, "the option that switches on is off"
    await options.set("AutomaticEnableChannelEnabled", True)
    await root.get("/channel/test?scope=disabled")
    found = await round_over(root)
    assert found["found"]["switched on"]["channels"] == [slow.id]
    assert (await status(gate, slow), await status(gate, manual)) == (1, 2)


async def test_a_round_runs_once_at_a_time_and_shows_how_far_it_is(
    gate: Gate, root: httpx.AsyncClient, vendor: WholeVendor
) -> None:
    for _ in range(12):
        await add(gate, vendor, "gpt-4o")
    vendor.may_answer.clear()
    answers = await asyncio.gather(*(root.get("/channel/test") for _ in range(5)))
    assert sorted(each.status_code for each in answers) == [200, 409, 409, 409, 409]
    await until(lambda: vendor.open == 8)
    found = await progress(root)
    assert found["running"] and found["total"] == 12 and found["by"] == f"user:{ROOT_ID}"
    vendor.may_answer.set()
    found = await round_over(root)
    assert (found["done"], found["found"]["ok"]["count"]) == (12, 12)
    assert vendor.most_open == 8 and len(vendor.seen) == 12
    assert (await root.get("/channel/test")).status_code == 200
    await round_over(root)


@asynccontextmanager
async def process(gate: Gate, owner: str, care: Care) -> AsyncIterator[Jobs]:
    """The jobs of one more process of the cluster."""
    relay, books = gate.running.relay, gate.books
    context = JobContext(books.store, books, relay.directory, relay.settings, relay.clock)
    context.care = care
    (job,) = [replace(job, every_s=0.05) for job in JOBS if job.name == "channel tests"]
    jobs = Jobs(context, Leader(books.store, relay.clock, owner, lease_s=2, try_s=0.05), [job])
    jobs.start()
    try:
        yield jobs
    finally:
        await jobs.close()


async def test_the_leader_alone_tests_and_leaves_alone_what_a_person_switched_off(
    gate: Gate, root: httpx.AsyncClient, vendor: WholeVendor
) -> None:
    care = gate.running.care
    kept = await add(gate, vendor, "gpt-4o")
    await add(gate, vendor, "gpt-4o", status=2)
    store = gate.books.store
    held = await store.find_one("leases", {"_id": "jobs"})
    await store.delete_one("leases", {"_id": "jobs"})
    async with process(gate, "91:1", care) as one, process(gate, "92:1", care) as two:
        await until(lambda: len(vendor.seen) >= 4)
        leads = [jobs.leader.leads for jobs in (one, two)]
        runs = [jobs.turns["channel tests"].runs for jobs in (one, two)]
        assert sum(leads) <= 1 and min(runs) == 0
        vendor.may_answer.clear()
        await until(lambda: vendor.open == 1)
        assert (await root.get("/channel/test")).status_code == 409
        vendor.may_answer.set()
    await round_over(root)
    assert vendor.most_open == 1
    events = await trials_of(gate, kept)
    assert len(events) == len(vendor.seen) and {each["actor"] for each in events} == {"system"}
    if held is not None:
        await store.delete_one("leases", {"_id": "jobs"})


async def test_every_model_of_the_sandbox_passes_its_test(
    gate: Gate, root: httpx.AsyncClient
) -> None:
    models = gate.running.relay.catalogue.vendor(SANDBOX).models
    channel = await gate.channel(*models, type=SANDBOX)
    for model in models:
        answer = (await root.get(f"/channel/test/{channel.id}", params={"model": model})).json()
        assert answer["success"], (model, answer)
        chat = answer["message"].startswith("Sandbox answer")
        assert chat == (model == "sandbox-chat"), (model, answer)
