"""Images as the official client sees them, and what each cost."""

from typing import Any

import openai
import pytest

from ledger.money import usd
from tests.fakes.media import IMAGE_USAGE, PICTURE, Say
from tests.gateway.relay.media import MILLI, Studio, opened, says, studio

__all__ = ["opened", "studio"]
pytestmark = pytest.mark.asyncio(loop_scope="module")

ASK: dict[str, Any] = {"model": "dall-e-3", "prompt": "A cat."}
PNG = ("cat.png", b"\x89PNG" + b"x" * 500, "image/png")


@pytest.mark.parametrize(
    ("asked", "milli", "variant"),
    [
        ({}, 40, "standard 1024x1024"),
        ({"size": "1024x1792"}, 80, "standard 1024x1792"),
        ({"size": "1024x1792", "quality": "hd"}, 120, "hd 1024x1792"),
        ({"quality": "hd"}, 90, "hd 1024x1024"),
    ],
)
async def test_an_image_is_priced_by_its_size_and_quality(
    studio: Studio, asked: dict[str, Any], milli: int, variant: str
) -> None:
    raw = await studio.client.images.with_raw_response.generate(**ASK, **asked)
    data = raw.parse().data
    assert data is not None and data[0].b64_json == PICTURE
    assert raw.headers["x-tollgate-cost"] == usd(milli * MILLI)
    event = await studio.last()
    assert (event["amount"], event["body"]["hold"]["nano"]) == (-milli * MILLI, milli * MILLI)
    assert event["body"]["price"]["variant"] == variant
    assert event["body"]["usage"] == {"images": 1}
    assert (event["body"]["usage_source"], event["body"]["endpoint"]) == (
        "counted",
        "images.generations",
    )


async def test_what_was_delivered_is_charged_and_never_more_than_was_asked(studio: Studio) -> None:
    for delivered, charged in ((3, 3), (2, 2), (7, 3), (0, 0)):
        says(studio, Say(images=delivered))
        await studio.post("/openai/v1/images/generations", json={"prompt": "x", "n": 3})
        event = await studio.last()
        assert event["amount"] == -charged * 20 * MILLI
        assert event["body"]["hold"]["nano"] == 3 * 20 * MILLI
        assert event["body"]["model"] == "dall-e-2"
        assert studio.upstream.received[-1].body == {"prompt": "x", "n": 3, "model": "dall-e-2"}


async def test_of_two_fields_of_one_name_the_upstream_sees_the_one_that_is_priced(
    studio: Studio,
) -> None:
    body = b'{"n": 10, "prompt": "x", "size": "1024x1024", "size": "256x256", "n": 1}'
    await studio.post("/v1/images/generations", content=body)
    assert studio.upstream.received[-1].raw.count(b'"n"') == 1
    assert (await studio.last())["amount"] == -16 * MILLI


async def test_tokens_are_charged_as_the_answer_divides_them(studio: Studio) -> None:
    says(studio, Say(usage=IMAGE_USAGE))
    await studio.client.images.generate(model="gpt-image-1", prompt="A cat.")
    event = await studio.last()
    usage = {"input": 10, "image_input": 40, "output": 0, "image_output": 272, "images": 1}
    assert event["body"]["usage"] == usage
    assert event["amount"] == -(10 * 5_000 + 40 * 10_000 + 272 * 40_000)
    assert event["body"]["usage_source"] == "upstream"
    assert event["body"]["hold"]["nano"] > -event["amount"]
    details = {**IMAGE_USAGE, "output_tokens_details": {"image_tokens": 200, "text_tokens": 72}}
    says(studio, Say(usage=details))
    await studio.client.images.generate(model="gpt-image-1", prompt="A cat.")
    usage |= {"output": 72, "image_output": 200}
    assert (await studio.last())["body"]["usage"] == usage


async def test_tokens_that_nobody_reports_are_estimated_and_never_free(studio: Studio) -> None:
    await studio.client.images.generate(
        model="gpt-image-1", prompt="A cat.", size="1024x1024", quality="low"
    )
    event = await studio.last()
    assert event["body"]["usage"]["image_output"] == 272
    assert event["body"]["usage_source"] == "estimated"


async def test_what_the_request_leaves_open_is_priced_by_what_was_made(studio: Studio) -> None:
    for more, milli in (({"quality": "low", "size": "1024x1024"}, 5), ({}, 10)):
        says(studio, Say(more=more))
        await studio.client.images.generate(model="by-piece", prompt="x", quality="auto")
        event = await studio.last()
        assert event["body"]["hold"]["nano"] == 200 * MILLI
        assert event["amount"] == -milli * MILLI


async def test_images_stream_and_are_charged_before_they_end(studio: Studio) -> None:
    says(studio, Say(usage=IMAGE_USAGE))
    stream = await studio.client.images.generate(
        model="gpt-image-1", prompt="x", stream=True, partial_images=1
    )
    kinds = []
    async for piece in stream:
        kinds.append(piece.type)
        if piece.type.endswith("completed"):
            assert len(await studio.gate.events_of(studio.key)) == 1
    assert kinds == ["image_generation.partial_image", "image_generation.completed"]
    event = await studio.last()
    assert event["body"]["usage"]["image_output"] == 272
    assert (event["body"]["stream"], event["body"]["outcome"]) == (True, "complete")


async def test_each_image_of_a_stream_counts_with_its_own_usage(studio: Studio) -> None:
    says(studio, Say(usage=IMAGE_USAGE))
    body = {"model": "gpt-image-1", "prompt": "x", "stream": True, "n": 2}
    answer = await studio.post("/v1/images/generations", json=body)
    assert answer.text.count("event: image_generation.completed") == 2
    usage = (await studio.last())["body"]["usage"]
    assert (usage["images"], usage["image_output"], usage["image_input"]) == (2, 544, 80)
    says(studio, Say())
    answer = await studio.post("/v1/images/generations", json={**body, "model": "by-piece"})
    event = await studio.last()
    assert (event["body"]["usage"], event["amount"]) == ({"images": 2}, -10 * MILLI)
    assert event["body"]["price"]["variant"] == "low 1024x1024"


async def test_a_stream_that_is_cut_charges_what_came(studio: Studio) -> None:
    for cut, count in ((1, 0), (3, 1)):
        says(studio, Say(cut_after=cut))
        body = {"model": "by-piece", "prompt": "x", "stream": True, "n": 2}
        answer = await studio.post("/v1/images/generations", json=body)
        assert '"error"' in answer.text
        event = await studio.last()
        assert event["body"]["outcome"] == "upstream_cut"
        assert event["body"]["usage"] == {"images": count}


async def test_edits_and_variations_send_their_images_on(studio: Studio) -> None:
    says(studio, Say(usage=IMAGE_USAGE))
    other = ("dog.png", b"dog", "image/png")
    await studio.client.images.edit(
        model="gpt-image-1", image=[PNG, other], mask=PNG, prompt='Make it "blue"\r\n', n=1
    )
    asked = studio.upstream.received[-1]
    assert (asked.path, asked.body["prompt"]) == ("/v1/images/edits", 'Make it "blue"\r\n')
    sent = [(name, f.filename, f.body) for name, fs in asked.files.items() for f in fs]
    assert sent == [
        ("image[]", "cat.png", PNG[1]),
        ("image[]", "dog.png", b"dog"),
        ("mask", "cat.png", PNG[1]),
    ]
    event = await studio.last()
    assert event["body"]["endpoint"] == "images.edits"
    assert event["body"]["usage"]["image_input"] == 40
    says(studio, Say())
    form = {"n": "2", "size": "256x256"}
    await studio.post("/v1/images/variations", data=form, files={"image": PNG})
    event = await studio.last()
    assert (event["body"]["endpoint"], event["amount"]) == ("images.variations", -32 * MILLI)
    assert studio.upstream.received[-1].body == {"model": "dall-e-2", "n": "2", "size": "256x256"}


async def test_an_edit_streams(studio: Studio) -> None:
    says(studio, Say(usage=IMAGE_USAGE))
    stream = await studio.client.images.edit(
        model="gpt-image-1", image=PNG, prompt="x", stream=True
    )
    assert [piece.type async for piece in stream][-1] == "image_edit.completed"
    assert (await studio.last())["body"]["usage"]["image_output"] == 272


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n", 0),
        ("n", -1),
        ("n", 11),
        ("n", 1.5),
        ("n", "2"),
        ("n", [1]),
        ("size", 1024),
        ("size", {"a": []}),
        ("size", "a b"),
        ("quality", ["hd"]),
        ("prompt", None),
        ("prompt", ["x"]),
        ("model", 7),
        ("stream", "yes"),
        ("partial_images", 4),
    ],
)
async def test_what_is_wrong_is_refused_by_name(studio: Studio, field: str, value: Any) -> None:
    body = {"model": "dall-e-2", "prompt": "x", field: value}
    answer = await studio.post("/v1/images/generations", json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, field)
    assert studio.upstream.received == []


async def test_models_that_make_one_image_at_a_time_say_so(studio: Studio) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await studio.client.images.generate(**ASK, n=2)
    assert caught.value.param == "n"


async def test_what_the_balance_does_not_cover_is_not_sent(studio: Studio) -> None:
    _, poor = await studio.gate.key("0.05")
    body = {**ASK, "size": "1024x1792", "quality": "hd"}
    answer = await studio.post("/v1/images/generations", poor, json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (402, "insufficient_quota")
    assert studio.upstream.received == []
    assert (await studio.post("/v1/images/generations", poor, json=ASK)).status_code == 200


async def test_an_upstreams_refusal_reaches_the_client_and_costs_nothing(studio: Studio) -> None:
    says(studio, Say(status=400))
    answer = await studio.post("/v1/images/generations", json=ASK)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "p"
    await studio.nothing()


async def test_vendors_without_the_endpoint_are_passed_over(studio: Studio) -> None:
    gate = studio.gate
    channel = await gate.channel("dall-e-3", type=14, priority=100)
    await gate.channel("only-claude", type=14)
    await gate.price({"model": "only-claude", "images": "1"})
    try:
        assert (await studio.post("/v1/images/generations", json=ASK)).status_code == 200
        none = {"model": "only-claude", "prompt": "x"}
        answers = [
            await studio.post("/v1/images/generations", json=none),
            await studio.post("/v1/images/generations", f"{studio.secret}-{channel.id}", json=none),
        ]
        for answer in answers:
            assert answer.status_code == 404
            assert answer.json()["error"]["code"] == "endpoint_not_offered"
    finally:
        await gate.running.directory.channels.delete(channel.id)


async def test_costs_follow_the_same_sizes(studio: Studio) -> None:
    gate = studio.gate
    prices = [
        {"model": "dall-e-3", "images": "0.03", "variants": [{"quality": "hd", "images": "0.06"}]},
        {"model": "by-piece", "image_output": "20"},
    ]
    url, config = studio.upstream.url, {"cost_prices": prices}
    models = ("dall-e-3", "by-piece")
    channel = await gate.channel(*models, base_url=url, priority=100, **config)
    try:
        await studio.client.images.generate(**ASK, quality="hd")
        event = await studio.last()
        assert (event["amount"], event["body"]["cost_nano"]) == (-90 * MILLI, 60 * MILLI)
        says(studio, Say(more={"quality": "high"}, usage=IMAGE_USAGE))
        await studio.client.images.generate(model="by-piece", prompt="x", quality="auto")
        event = await studio.last()
        assert (event["amount"], event["body"]["cost_nano"]) == (-200 * MILLI, 272 * 20_000)
        usage = event["body"]["attempts"][0]["usage"]
        assert event["body"]["usage"] == {"images": 1}
        assert (usage["images"], usage["image_output"]) == (1, 272)
    finally:
        await gate.running.directory.channels.delete(channel.id)


async def test_the_sandbox_makes_images(studio: Studio) -> None:
    client = studio.client
    ask: dict[str, Any] = {"model": "sandbox-image", "prompt": "x", "size": "64x32"}
    one = await client.images.generate(**ask, n=2, response_format="b64_json")
    again = await client.images.generate(**ask, n=2)
    linked = await client.images.generate(**ask, response_format="url")
    assert one.data == again.data and one.data is not None and len(one.data) == 2
    assert linked.data is not None
    assert linked.data[0].url == f"data:image/png;base64,{one.data[0].b64_json}"
    edited = await client.images.edit(model="sandbox-image", image=PNG, prompt="x")
    assert edited.data is not None and edited.size == "1024x1024"
    stream = await client.images.generate(**ask, stream=True)
    assert [piece.type async for piece in stream] == ["image_generation.completed"]
    events = await studio.gate.events_of(studio.key)
    assert sorted(-e["amount"] for e in events) == [10 * MILLI] * 3 + [20 * MILLI] * 2
