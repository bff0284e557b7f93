"""The way of a channel's requests: proxies of all kinds, timeouts, overridden bodies, headers."""

import asyncio
import socket
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import httpx
import pytest

from gateway.directory.proxies import checked_proxy, shown_proxy
from tests.fakes.proxies import FakeProxy
from tests.fakes.upstream import Behaviour
from tests.fakes.vendors import FakeVendor
from tests.fakes.whole_vendor import WholeVendor
from tests.gateway.channels.test_care_tests import add, root, trials_of, vendor
from tests.gateway.relay.conftest import Gate, gate, running_gate
from tests.gateway.relay.test_answers import ASK, HI

__all__ = ["gate", "root", "running_gate", "vendor"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOGIN = ("me", "s3cret!%20")
ESCAPED = "me:s3cret!%2520"


def named(proxy: FakeProxy) -> str:
    """The proxy's address as it is entered, its password escaped."""
    return proxy.url.replace(":".join(LOGIN), ESCAPED)


async def test_a_proxys_address_in_its_one_form() -> None:
    assert checked_proxy("SOCKS5://u:p@Host:1080/") == "socks5://u:p@Host:1080"
    assert shown_proxy("http://u:p@h@[::1]:80") == "http://***@[::1]:80"
    for wrong in ("socks5://host", "host:1080", "http://h:0", "http://h:99999", "http://h/path", 5):
        with pytest.raises(ValueError, match="must"):
            checked_proxy(wrong)


@pytest.mark.parametrize("scheme", ["http", "socks5", "socks5h"])
async def test_all_that_a_channel_sends_goes_through_its_proxy(
    gate: Gate, root: httpx.AsyncClient, vendor: WholeVendor, scheme: str
) -> None:
    vendor.pages["/v1/accounts"] = {"balance": 1}
    _, secret = await gate.key()
    async with FakeProxy(scheme.removesuffix("h"), LOGIN) as proxy:
        proxy.hosts["vendor.invalid"] = "127.0.0.1"  # a name that only the proxy knows
        address = named(proxy).replace("socks5://", f"{scheme}://")
        base_url = f"http://vendor.invalid:{vendor.port}"
        channel = await gate.channel("m", type=32, base_url=base_url, proxy=address)
        assert channel.proxy.startswith(f"{scheme}://***@127.0.0.1")
        answer = await gate.post(secret, ASK)
        assert answer.status_code == 200 and len(proxy.reached) == 1
        assert (await root.get(f"/channel/test/{channel.id}")).json()["success"]
        assert (await root.get(f"/channel/update_balance/{channel.id}")).json()["success"]
        assert {seen.uri.partition("?")[0] for seen in vendor.seen} == {
            "/v1/chat/completions",
            "/v1/accounts",
        }
        assert set(proxy.reached) == {("vendor.invalid", vendor.port)} and not proxy.refused
        assert not any("proxy" in name for seen in vendor.seen for name in seen.headers)
        other = await add(gate, vendor, "direct")
        assert (await root.get(f"/channel/test/{other.id}")).json()["success"]
        wrong = address.replace("me:", "you:")
        await gate.running.directory.channels.update(channel.id, {"proxy": wrong})
        answer = (await root.get(f"/channel/test/{channel.id}")).json()
        assert not answer["success"] and proxy.refused and "s3cret" not in str(answer), answer
        count = len(vendor.seen)
        refused = await gate.post(secret, ASK)
        assert refused.status_code == 502 and len(vendor.seen) == count, "never around the proxy"
        assert "s3cret" not in refused.text
    answer = (await root.get(f"/channel/test/{channel.id}")).json()
    assert not answer["success"] and len(vendor.seen) == count
    found = await trials_of(gate, channel)
    assert "s3cret" not in str(found)


async def test_the_proxy_of_all_and_streams_through_it(gate: Gate, root: httpx.AsyncClient) -> None:
    ways = gate.running.care.pages.ways
    usual = ways.usual
    await gate.channel("m")
    _, secret = await gate.key()
    async with FakeProxy("socks5") as all_, FakeProxy("http") as own:
        ways.usual = replace(usual, proxy=all_.url)
        try:
            answer = await gate.post(secret, {**ASK, "stream": True})
            assert answer.text.rstrip().endswith("[DONE]") and len(all_.reached) == 1
            for channel in gate.running.directory.all_channels():
                await gate.running.directory.channels.update(channel.id, {"proxy": own.url})
            assert (await gate.post(secret, ASK)).status_code == 200
            assert (len(all_.reached), len(own.reached)) == (1, 1)
        finally:
            ways.usual = usual


async def test_a_channels_own_patience(gate: Gate, root: httpx.AsyncClient) -> None:
    channel = await gate.channel("m", timeouts={"first_byte": 1, "idle": 1})
    _, secret = await gate.key()
    gate.upstream.behaviour = Behaviour(hang=True)
    began = asyncio.get_running_loop().time()
    answer = await gate.post(secret, ASK)
    took_s = asyncio.get_running_loop().time() - began
    assert answer.json()["error"]["code"] == "upstream_timeout" and 0.9 < took_s < 4
    gate.upstream.released.set()
    changes: dict[str, Any] = {"timeouts": {"first_byte": 30, "idle": 1}}
    await gate.running.directory.channels.update(channel.id, changes)
    gate.upstream.released.clear()
    # The first word, a pause, and the rest: longer than the idle time, shorter than the first byte.
    gate.upstream.behaviour = Behaviour(hang_after=2)
    stream = {**ASK, "stream": True}
    timer = asyncio.get_running_loop().call_later(20, gate.upstream.released.set)
    began = asyncio.get_running_loop().time()
    answer = await gate.post(secret, stream)
    took_s = asyncio.get_running_loop().time() - began
    timer.cancel()
    assert "upstream_cut" in answer.text or "upstream_timeout" in answer.text
    assert 0.9 < took_s < 6


async def test_a_connection_that_is_never_accepted_is_given_up_in_time(gate: Gate) -> None:
    async with AsyncExitStack() as opened:
        deaf = opened.enter_context(socket.socket())
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for _ in range(4):  # the queue of those who wait to be accepted is full then
            waiting = opened.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(deaf.getsockname())
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        await gate.price({"model": "deaf", "input": "1"})
        await gate.channel("deaf", base_url=url, timeouts={"connect": 1})
        _, secret = await gate.key()
        began = asyncio.get_running_loop().time()
        answer = await gate.post(secret, {**ASK, "model": "deaf"})
        took_s = asyncio.get_running_loop().time() - began
    assert answer.json()["error"]["code"] == "upstream_timeout" and 0.9 < took_s < 4


async def test_a_patched_body_goes_out_and_what_was_priced_stays(
    gate: Gate, root: httpx.AsyncClient, vendor: WholeVendor
) -> None:
    patch = {"temperature": 0.2, "user": None, "metadata": {"team": "a", "drop": None}}
    await gate.channel("m", param_override=patch, system_prompt="Be brief.")
    _, secret = await gate.key()
    sent = {**ASK, "temperature": 1, "user": "bob", "metadata": {"drop": 1, "keep": 2}}
    assert (await gate.post(secret, {**sent, "max_tokens": 9})).status_code == 200
    (received,) = gate.upstream.received
    assert received.body == {
        **ASK,
        "messages": [{"role": "system", "content": "Be brief."}, *HI],
        "max_tokens": 9,
        "temperature": 0.2,
        "metadata": {"team": "a", "keep": 2},
    }
    async with FakeVendor() as anthropic:
        patch = {"top_k": 5, "thinking": {"type": "disabled"}}
        channels = gate.running.directory.channels
        given = {"type": 14, "name": "t", "base_url": anthropic.url, "models": ["claude"]}
        await channels.create({**given, "param_override": patch}, "sk-a")
        await gate.price({"model": "claude", "input": "1", "output": "1"})
        assert (await gate.post(secret, {**ASK, "model": "claude"})).status_code == 200
        body = anthropic.received[-1].body
        assert (body["top_k"], body["thinking"]) == (5, {"type": "disabled"})
    tested = await add(gate, vendor, "gpt-4o", param_override={"seed": 7})
    assert (await root.get(f"/channel/test/{tested.id}")).json()["success"]
    assert b'"seed":7' in vendor.seen[-1].body


async def test_what_a_patch_adds_is_covered_by_the_hold(
    gate: Gate, root: httpx.AsyncClient
) -> None:
    _, secret = await gate.key("0.02")
    tools = [{"type": "function", "function": {"name": "f", "description": "x" * 30_000}}]
    channel = await gate.channel("m", param_override={"tools": tools})
    answer = await gate.post(secret, {**ASK, "max_tokens": 16})
    assert answer.status_code == 402 and not gate.upstream.received
    await gate.running.directory.channels.update(channel.id, {"param_override": {}})
    assert (await gate.post(secret, {**ASK, "max_tokens": 16})).status_code == 200


async def test_headers_of_a_channel_with_the_key_where_they_say(
    gate: Gate, root: httpx.AsyncClient, vendor: WholeVendor
) -> None:
    override = {"Authorization": "Token {key}", "X-Team": "a", "User-Agent": "mine"}
    vendor.pages["/v1/accounts"] = {"balance": 1}
    channel = await add(gate, vendor, "gpt-4o", type=32, header_override=override)
    assert (await root.get(f"/channel/test/{channel.id}")).json()["success"]
    assert (await root.get(f"/channel/update_balance/{channel.id}")).json()["success"]
    for seen in vendor.seen:
        said = seen.headers
        assert said["authorization"] == "Token upstream-secret"
        assert (said["x-team"], said["user-agent"]) == ("a", "mine")
    plain = await add(gate, vendor, "gpt-4o", type=32)
    assert (await root.get(f"/channel/test/{plain.id}")).json()["success"]
    assert vendor.seen[-1].key == "upstream-secret"
