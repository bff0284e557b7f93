"""Images through vendors' own protocols: what clients of OpenAI's images endpoint see, and pay."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import pytest
import pytest_asyncio

from gateway.addresses import networks
from gateway.channels.probe import Probe, Wanted
from gateway.providers.natives import NATIVES
from gateway.providers.polling import Pace
from gateway.relay.fetch import ImageFetcher
from tests.gateway.relay.conftest import DEADLINE_S, Gate, until
from tests.gateway.relay.test_fetch import PNG, Web, serving
from tests.gateway.relay.vendors.conftest import Case
from tests.gateway.relay.vendors.table import ROWS

pytestmark = pytest.mark.asyncio(loop_scope="module")
CENT = 10_000_000
BYTES = base64.b64encode(PNG).decode()
VENDORS = [name for name, row in ROWS.items() if row.pictures]


@pytest_asyncio.fixture(params=VENDORS, loop_scope="module")
async def studio(
    request: pytest.FixtureRequest,
    all_cases: dict[str, Case],
    gate: Gate,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[tuple[Case, Web]]:
    """A vendor whose images are on a server of ours, which the gateway may reach."""
    case = all_cases[request.param]
    case.fake.reset()
    relay = gate.running.relay
    protocol = relay.catalogue.vendor(case.row.type).protocol
    monkeypatch.setattr(NATIVES[protocol], "pace", Pace(0.01, 1.0, 0.01, 5.0, 3), raising=False)
    fetcher = ImageFetcher(timeout_s=5, allowed=networks("127.0.0.1"))
    monkeypatch.setattr(relay, "fetcher", fetcher)
    async with serving() as web:
        case.fake.web = web.url("")  # type: ignore[attr-defined]
        yield case, web
    await fetcher.aclose()


async def drawn(case: Case, **more: Any) -> Any:
    create = case.client().images.with_raw_response.generate
    asked: Any = {"model": f"{case.name}-image", "prompt": "A cat.", **more}
    return await create(**asked)


async def test_images_are_made_and_charged_by_the_piece(studio: tuple[Case, Web]) -> None:
    case, web = studio
    case.plays(polls=2)
    answer = await drawn(case, n=2)
    made = answer.parse()
    assert [image.url for image in made.data] == [web.url("cat0.png"), web.url("cat1.png")]
    assert made.created and not web.paths
    body = await case.body_of(answer)
    assert (body["nano"], body["usage"]) == (8 * CENT, {"images": 2})
    assert (body["outcome"], body["endpoint"]) == ("complete", "images.generations")
    assert len([each for each in case.fake.looked if each.startswith("GET")]) == 3
    assert not [each for each in case.fake.looked if "cancel" in each]
    case.plays()
    small = await drawn(case, size="512x512")
    assert (await case.body_of(small))["nano"] == CENT
    assert case.row.small in str(case.fake.received[-1].body)


async def test_what_came_is_charged_and_no_more(studio: tuple[Case, Web]) -> None:
    case, _ = studio
    case.plays(images=1)
    answer = await drawn(case, n=3)
    assert len(answer.parse().data) == 1
    assert (await case.body_of(answer))["nano"] == 4 * CENT
    key, secret = await case.gate.key()
    for script in ({"images": 0}, {"fails": True}, {"status": 500}):
        case.plays(**script)
        asked = {"model": f"{case.name}-image", "prompt": "A cat."}
        answer = await case.gate.post(secret, asked, "/v1/images/generations")
        assert answer.status_code in (400, 502), answer.text
    await case.gate.settled()
    assert all(event["amount"] == 0 for event in await case.gate.events_of(key))


async def test_who_wants_bytes_gets_them(studio: tuple[Case, Web]) -> None:
    case, web = studio
    answer = await drawn(case, n=2, response_format="b64_json")
    assert [(image.b64_json, image.url) for image in answer.parse().data] == [(BYTES, None)] * 2
    assert sorted(web.paths) == ["cat0.png", "cat1.png"]
    assert (await case.body_of(answer))["nano"] == 8 * CENT
    for path in ("html/", "gone/"):
        case.fake.web = web.url(path)  # type: ignore[attr-defined]
        with pytest.raises(openai.InternalServerError):
            await drawn(case, response_format="b64_json")
    case.fake.web = "http://10.0.0.1/"  # type: ignore[attr-defined]
    with pytest.raises(openai.InternalServerError):
        await drawn(case, response_format="b64_json")


async def test_nobody_waits_for_a_task_any_more(studio: tuple[Case, Web], gate: Gate) -> None:
    case, _ = studio
    gate.settings(disconnect_policy="estimate")
    case.plays(polls=10_000)
    asked = {"model": f"{case.name}-image", "prompt": "A cat."}
    headers = {"authorization": f"Bearer sk-{case.key}"}
    async with httpx.AsyncClient(base_url=gate.url, timeout=DEADLINE_S) as client:
        url = "/v1/images/generations"
        task = asyncio.create_task(client.post(url, json=asked, headers=headers))
        await until(lambda: any(each.startswith("GET") for each in case.fake.looked))
        task.cancel()
        await asyncio.wait([task])
    await until(lambda: any(each.endswith("/cancel") for each in case.fake.looked))
    await gate.settled()


async def test_a_task_that_does_not_end_is_let_go_of(
    studio: tuple[Case, Web], monkeypatch: pytest.MonkeyPatch
) -> None:
    case, _ = studio
    relay = case.gate.running.relay
    native = NATIVES[relay.catalogue.vendor(case.row.type).protocol]
    monkeypatch.setattr(native, "pace", Pace(0.01, 1.0, 0.01, 0.1, 3))
    case.plays(polls=10_000)
    with pytest.raises(openai.APIStatusError) as caught:
        await drawn(case)
    assert caught.value.status_code == 504
    assert any(each.endswith("/cancel") for each in case.fake.looked)


async def test_what_cannot_be_had_is_refused_by_name(studio: tuple[Case, Web]) -> None:
    case, _ = studio
    for fields, param in (({"stream": True}, "stream"), ({"size": "512x512", "seed": "x"}, "seed")):
        asked = {"model": f"{case.name}-image", "prompt": "A cat.", **fields}
        answer = await case.gate.post(case.key, asked, "/v1/images/generations")
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, param), answer.text
    assert not case.fake.received


async def test_a_channel_is_tested_with_an_image(studio: tuple[Case, Web]) -> None:
    case, _ = studio
    relay, running = case.gate.running.relay, case.gate.running
    probe = Probe(running.directory, relay.catalogue, relay.providers, relay.clock, "Say hi.")
    trial = await probe.test(case.channel, Wanted(f"{case.name}-image"))
    assert (trial.ok, trial.kind, trial.message) == (True, "images", "an image")
    case.plays(fails=True)
    trial = await probe.test(case.channel, Wanted(f"{case.name}-image"))
    assert not trial.ok and "crash" in trial.message
