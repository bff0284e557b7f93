"""What upstreams list: OpenAI's, Anthropic's and Gemini's forms, the difference, taking it up."""

import logging

import httpx
import pytest

from gateway.jobs import JOBS, JobContext
from tests.fakes.whole_vendor import WholeVendor
from tests.gateway.channels.test_care_tests import add, progress, root, vendor
from tests.gateway.relay.conftest import Gate, gate, running_gate

__all__ = ["gate", "root", "running_gate", "vendor"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

OPENAI = {"object": "list", "data": [{"id": "m1"}, {"id": "m2"}, {"id": "m3"}, {"id": 5}, "x"]}


async def test_new_and_gone_by_the_names_that_the_upstream_knows(
    gate: Gate, root: httpx.AsyncClient, vendor: WholeVendor
) -> None:
    vendor.pages["/v1/models"] = OPENAI
    mapping = {"mine": "m1", "old": "m0"}
    channel = await add(gate, vendor, "mine", "m2", "old", model_mapping=mapping)
    url = f"/channel/{channel.id}/upstream_models"
    found = (await root.get(url)).json()["data"]
    assert (found["new"], found["gone"], found["count"]) == (["m3"], ["old"], 3)
    record = (await root.get(f"/channel/{channel.id}/care")).json()["data"]
    assert record["models"] == found and vendor.seen[0].key == "upstream-secret"
    for wrong, named in (({"add": "m9"}, "m9"), ({"remove": "m2"}, "m2"), ({"add": 5}, "add")):
        answer = await root.post(url, json=wrong)
        assert answer.status_code == 400 and named in answer.json()["message"]
    answer = await root.post(url, json={"add": ["m3"], "remove": ["old"]})
    assert answer.json()["data"] == {"models": ["mine", "m2", "m3"]}
    record = (await root.get(f"/channel/{channel.id}/care")).json()["data"]["models"]
    assert (record["new"], record["gone"]) == ([], [])
    (event,) = await gate.books.store.find_list("events", {"body.action": "channel.models"})
    assert event["body"]["before"]["models"] == "mine,m2,old"
    models = gate.running.care.models
    vendor.pages["/v1/models"] = {"data": [{"id": "m4"}]}
    await root.get(url)
    stale = await gate.running.directory.channels.get(channel.id)
    await root.put("/channel/", json={"id": channel.id, "priority": 5})
    with pytest.raises(Exception, match="changed meanwhile"):
        await models.apply(stale, ["m4"], [])
    everything = {"remove": ["mine", "m2", "m3"]}
    assert (await root.post(url, json=everything)).status_code == 400


async def test_each_protocols_form_page_by_page(
    gate: Gate, root: httpx.AsyncClient, vendor: WholeVendor
) -> None:
    vendor.pages |= {
        "/v1/models?limit=1000": {"data": [{"id": "c1"}], "has_more": True, "last_id": "c1"},
        "/v1/models?limit=1000&after_id=c1": {"data": [{"id": "c2"}], "has_more": False},
        "/v1beta/models?pageSize=1000": {"models": [{"name": "models/g1"}], "nextPageToken": "t/"},
        "/v1beta/models?pageSize=1000&pageToken=t%2F": {"models": [{"name": "models/g2"}]},
        "/compatible-mode/v1/models": {"data": [{"id": "q1"}]},
        "/api/tags": {"models": [{"name": "llama3:latest", "model": "llama3:latest", "size": 1}]},
        "/v1/models": {"data": [{"id": "mini"}]},
        "/v1/models?page_size=1000": {"models": [{"name": "command"}], "next_page_token": "t/"},
        "/v1/models?page_size=1000&page_token=t%2F": {"models": [{"name": "embed"}]},
    }
    listed = {14: ["c2"], 24: ["g1", "g2"], 49: ["q1"], 30: ["llama3:latest"], 1007: ["mini"]}
    for kind, new in {**listed, 35: ["command", "embed"]}.items():
        channel = await add(gate, vendor, "c1", type=kind)
        found = (await root.get(f"/channel/{channel.id}/upstream_models")).json()["data"]
        assert found["new"] == new, kind
    assert vendor.seen[0].headers["x-api-key"] == vendor.seen[2].headers["x-goog-api-key"]
    sandbox = await gate.channel("s", type=1000, base_url="")
    answer = (await root.get(f"/channel/{sandbox.id}/upstream_models")).json()
    assert not answer["success"] and "lists no models" in answer["message"]
    for page in ([], {"data": 5}, {"data": []}, "<html>", '{"data": [{"id": "\\ud800"}]}'):
        vendor.pages["/v1/models"] = page
        channel = await add(gate, vendor, "m")
        answer = (await root.get(f"/channel/{channel.id}/upstream_models")).json()
        assert answer["success"] is False and answer["message"], page


async def test_the_daily_round_keeps_the_differences_and_changes_nothing(
    gate: Gate, root: httpx.AsyncClient, vendor: WholeVendor, caplog: pytest.LogCaptureFixture
) -> None:
    vendor.pages["/v1/models"] = OPENAI
    same = await add(gate, vendor, "m1", "m2", "m3")
    behind = await add(gate, vendor, "m1", "m2", "m0")
    await add(gate, vendor, "m1", status=2)
    relay, books = gate.running.relay, gate.books
    context = JobContext(books.store, books, relay.directory, relay.settings, relay.clock)
    context.care = gate.running.care
    (job,) = [job for job in JOBS if job.name == "model lists"]
    assert job.leader_only and not job.at_once and job.interval_s(relay.settings) == 86_400
    with caplog.at_level(logging.INFO, "tollgate.channels"):
        await job.run(context)
    (notice,) = [r.message for r in caplog.records]
    for said in ("1 same", f"1 new models ({behind.id})", f"1 gone models ({behind.id})"):
        assert said in notice
    caplog.clear()
    found = await progress(root, "models")
    assert found["total"] == 2 and found["by"] == "system" and not found["running"]
    assert (await gate.running.directory.channels.get(behind.id)).models == ("m1", "m2", "m0")
    record = (await root.get(f"/channel/{same.id}/care")).json()["data"]["models"]
    assert (record["new"], record["gone"], record["error"]) == ([], [], "")
