"""Azure: the official client for Azure talks to a strict fake, and then the gateway does."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import openai
import pytest
import pytest_asyncio

from gateway.channels.kinds import silence
from gateway.channels.probe import Probe
from gateway.directory.errors import Invalid
from tests.fakes.strict import FILTERED, StrictVendor
from tests.gateway.relay.conftest import SECRET, Gate

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # The official client calls its own translations old.
    pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning"),
]

AZURE, OPENAI_COMPATIBLE = 3, 50
HI: Any = [{"role": "user", "content": "hi"}]
KEY = ("api-key", SECRET)
Client = openai.AsyncOpenAI
Task = Callable[[Client, str], Awaitable[Any]]


async def _stream(client: Client, model: str) -> list[Any]:
    stream = await client.chat.completions.create(model=model, messages=HI, stream=True)
    return [chunk async for chunk in stream]


def _sound() -> tuple[str, bytes, str]:
    return ("a.wav", silence(), "audio/wav")


# What a client asks for; what is behind the deployment in the path; what the fake answers.
TASKS: dict[str, tuple[Task, str, str]] = {
    "chat": (
        lambda c, m: c.chat.completions.create(model=m, messages=HI),
        "chat/completions",
        "chat",
    ),
    "stream": (_stream, "chat/completions", "chat"),
    "completions": (
        lambda c, m: c.completions.create(model=m, prompt="hi"),
        "completions",
        "completions",
    ),
    "embeddings": (
        lambda c, m: c.embeddings.create(model=m, input="hi"),
        "embeddings",
        "embeddings",
    ),
    "images": (
        lambda c, m: c.images.generate(model=m, prompt="a circle"),
        "images/generations",
        "images",
    ),
    "speech": (
        lambda c, m: c.audio.speech.create(model=m, voice="alloy", input="hi"),
        "audio/speech",
        "speech",
    ),
    "transcriptions": (
        lambda c, m: c.audio.transcriptions.create(model=m, file=_sound()),
        "audio/transcriptions",
        "text",
    ),
    "translations": (
        lambda c, m: c.audio.translations.create(model=m, file=_sound()),
        "audio/translations",
        "text",
    ),
    "responses": (lambda c, m: c.responses.create(model=m, input="hi"), "responses", "responses"),
}
PRICES = {"input": "1", "output": "4", "images": "0.01", "characters": "15", "seconds": "0.001"}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def azure() -> AsyncIterator[StrictVendor]:
    async with StrictVendor() as vendor:
        vendor.filters = True
        yield vendor


async def channel(gate: Gate, azure: StrictVendor, model: str, **config: Any) -> None:
    await gate.price({"model": model, **PRICES})
    await gate.channel(model, type=AZURE, base_url=azure.url, config=config)


def dated(task: str, version: str) -> dict[str, str]:
    """Return the one address for a task, as Azure's reference of dated versions has it."""
    _, end, kind = TASKS[task]
    if task == "responses":
        return {f"/openai/responses?api-version={version}": kind}
    name = "pic-1.5" if task == "images" else "gpt-41"
    return {f"/openai/deployments/{name}/{end}?api-version={version}": kind}


@pytest.mark.parametrize("task", TASKS)
async def test_the_gateway_asks_as_the_official_client_does(
    gate: Gate, azure: StrictVendor, task: str
) -> None:
    ask, version, (key, secret) = TASKS[task][0], "2024-10-21", await gate.key()
    azure.serve(dated(task, version), KEY)
    model = {"images": "pic-1.5"}.get(task, "gpt-4.1")
    options: dict[str, Any] = {"max_retries": 0, "api_key": SECRET, "azure_endpoint": azure.url}
    # Of a form the official client has no model to look at: then the deployment is said to it.
    deployment = {"transcriptions": "gpt-41", "translations": "gpt-41"}.get(task)
    async with openai.AsyncAzureOpenAI(
        **options, api_version=version, azure_deployment=deployment
    ) as official:
        await ask(official, {"images": model}.get(task, "gpt-41"))
    await channel(gate, azure, model, api_version=version)
    found = await ask(gate.client(secret), model)
    assert azure.refused == [] and len(azure.taken) == 2
    assert azure.taken[0] == azure.taken[1]
    if task == "stream":
        assert found[0].prompt_filter_results[0]["content_filter_results"] == FILTERED
        assert found[0].choices == [] and found[1].choices[0].delta.content == "Hello"
    (event,) = await gate.events_of(key)
    assert event["body"]["model"] == model and event["body"]["channel"]
    for made in gate.running.directory.channels_for("default", model):
        await gate.running.directory.channels.delete(made.id)


@pytest.mark.parametrize("version", ["v1", "preview"])
async def test_the_newer_address_has_the_model_in_the_body(
    gate: Gate, azure: StrictVendor, version: str
) -> None:
    routes = {f"/openai/v1/{end}?api-version={version}": kind for _, end, kind in TASKS.values()}
    azure.serve(routes, KEY)
    await channel(gate, azure, f"m-{version}", api_version=version)
    _, secret = await gate.key()
    for task, (ask, _, _) in TASKS.items():
        await ask(gate.client(secret), f"m-{version}")
        assert azure.refused == [], task
    assert {uri for _, uri in azure.taken} == set(routes)


async def test_names_of_deployments_and_the_filter_s_refusal(
    gate: Gate, azure: StrictVendor
) -> None:
    """The model mapping comes first, then the config's names; a name never leaves its place."""
    path = "chat/completions?api-version=2025-04-01-preview"
    azure.serve({f"/openai/deployments/my%2F..%20one/{path}": "chat"}, KEY)
    await gate.price({"model": "named", **PRICES})
    await gate.channel(
        "named",
        type=AZURE,
        base_url=azure.url,
        model_mapping={"named": "gpt-4.1"},
        config={"deployments": {"gpt-4.1": "my/.. one"}},
    )
    key, secret = await gate.key()
    client = gate.client(secret)
    await client.chat.completions.create(model="named", messages=HI)
    assert azure.refused == []
    with pytest.raises(openai.BadRequestError) as caught:
        said: Any = [{"role": "user", "content": "unspeakable"}]
        await client.chat.completions.create(model="named", messages=said)
    assert caught.value.code == "content_filter" and caught.value.param == "prompt"
    assert "triggering the policy" in caught.value.message
    await gate.settled()
    assert len(await gate.events_of(key)) == 1, "what the filter refuses costs nothing"


async def test_kept_answers_and_tests_of_channels_are_asked_for_there(
    gate: Gate, azure: StrictVendor
) -> None:
    at, version = "/openai/responses", "api-version=2025-04-01-preview"
    items = f"{at}/resp_kept/input_items?{version}&limit=5"
    chat = f"/openai/deployments/kept/chat/completions?{version}"
    azure.serve(
        {
            f"{at}?{version}": "responses",
            f"{at}/resp_kept?{version}": "responses",
            items: "responses",
        }
        | {chat: "chat"},
        KEY,
    )
    await channel(gate, azure, "kept")
    client = gate.client((await gate.key())[1])
    made = await client.responses.create(model="kept", input="hi")
    assert (await client.responses.retrieve(made.id)).output_text == "Hello"
    listing = client.responses.input_items.list(made.id, limit=5)
    await listing._get_page()
    assert [uri for _, uri in azure.taken] == [
        f"{at}?{version}",
        f"{at}/resp_kept?{version}",
        items,
    ]
    relay = gate.running.relay
    (tested,) = relay.directory.channels_for("default", "kept")
    probe = Probe(relay.directory, relay.catalogue, relay.providers, relay.clock, "Say hello.")
    assert (await probe.test(tested)).message == "Hello"
    assert azure.taken[-1] == ("chat", chat) and azure.refused == []


async def test_a_name_that_is_none_is_no_address(gate: Gate, azure: StrictVendor) -> None:
    azure.serve({}, KEY)
    await channel(gate, azure, "..")
    answer = await gate.post((await gate.key())[1], {"model": "..", "messages": HI})
    assert answer.status_code == 502 and azure.refused == []


async def test_what_a_channel_of_it_needs(gate: Gate) -> None:
    for changes, field in [
        ({}, "base_url"),
        ({"base_url": "http://h", "config": {"api_version": "latest"}}, "config.api_version"),
        ({"base_url": "http://h", "config": {"deployments": "x"}}, "config.deployments"),
    ]:
        with pytest.raises(Invalid) as caught:
            await gate.running.directory.channels.create({"type": AZURE, **changes}, SECRET)
        assert caught.value.field == field
