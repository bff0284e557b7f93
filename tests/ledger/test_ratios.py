"""One API's ModelRatio, CompletionRatio and GroupRatio over the price book."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InvalidPrices
from ledger.ratios import READERS, WRITERS, json_text
from tests.ledger.price_fakes import Events, HandClock, open_book

ROWS = (
    {"model": "gpt-4o", "input": "2.5", "cached": "1.25", "output": "10"},
    {"model": "thirds", "input": "3", "output": "10", "cached": "0.3"},
    {"model": "free", "input": "0", "output": "0"},
    {"model": "only-output", "input": "0", "output": "4"},
    {"model": "dall-e-3", "images": "0.04"},
    {
        "model": "long",
        "input": "1.25",
        "output": "10",
        "tiers": [{"above_input_tokens": 200_000, "input": "2.5", "output": "15"}],
    },
    {"model": "tiny", "input": "0.000000000001"},
)


class Shop:
    """A book, its events, and One API's way of reading and writing them."""

    async def open(self):
        self.events = Events()
        self.book = await open_book(self.events, HandClock())
        await self.book.publish(
            self.events,
            author="system",
            note="",
            set_rows=ROWS,
            groups=[("default", "1"), ("vip", "0.8")],
        )
        return self

    def get(self, option):
        return json_text(READERS[option](self.book))

    async def put(self, option, text):
        changes = WRITERS[option](self.book, text)
        return await self.book.publish(self.events, author="user:1", note=option, **changes)

    async def edit(self, option, **entries):
        wanted = json.loads(self.get(option), parse_float=Decimal)
        wanted.update({name.replace("__", "-"): value for name, value in entries.items()})
        return await self.put(option, json_text({k: Decimal(v) for k, v in wanted.items()}))

    def row(self, model):
        return self.book.table().rows[model]


@pytest.fixture
async def shop():
    return await Shop().open()


def test_ratios_are_shown_as_exact_numbers(shop):
    assert shop.get("ModelRatio") == (
        '{"free":0,"gpt-4o":1.25,"long":0.625,"only-output":0,"thirds":1.5,"tiny":0.0000000000005}'
    )
    assert shop.get("CompletionRatio") == ('{"gpt-4o":4,"long":8,"thirds":3.33333333333,"tiny":1}')
    assert shop.get("GroupRatio") == '{"default":1,"vip":0.8}'


@pytest.mark.parametrize("option", sorted(READERS))
async def test_writing_back_what_was_read_publishes_nothing(shop, option):
    assert await shop.put(option, shop.get(option)) == 1
    assert list(shop.events.by_id) == ["price:1"]


async def test_a_model_ratio_moves_all_token_prices_in_proportion(shop):
    await shop.edit("ModelRatio", **{"gpt-4o": "2.5", "long": "1.25", "thirds": "0.1"})
    assert shop.row("gpt-4o")["input"] == "5"
    assert shop.row("gpt-4o")["cached"] == "2.5"
    assert shop.row("gpt-4o")["output"] == "20"
    assert shop.row("long")["output"] == "20"
    assert shop.row("long")["tiers"] == [
        {"above_input_tokens": 200_000, "input": "5", "output": "30"}
    ]
    assert shop.row("thirds")["input"] == "0.2"
    assert shop.row("thirds")["output"] == "0.666666666667"
    changed = {row["model"] for row in shop.events.by_id["price:2"]["body"]["set"]}
    assert changed == {"gpt-4o", "long", "thirds"}


async def test_a_ratio_of_one_is_two_dollars_per_million_tokens(shop):
    await shop.edit("ModelRatio", new="1")
    assert shop.book.quote("new", "default").charge_nano({"input": 1_000_000}) == 2 * 10**9
    assert shop.row("new")["output"] == "2"


async def test_a_new_model_gets_its_completion_ratio_afterwards(shop):
    await shop.edit("ModelRatio", new="0.075")
    await shop.edit("CompletionRatio", new="4")
    assert (shop.row("new")["input"], shop.row("new")["output"]) == ("0.15", "0.6")


async def test_a_model_missing_from_model_ratio_loses_its_price(shop):
    await shop.put("ModelRatio", '{"gpt-4o": 1.25}')
    assert {row["model"] for row in shop.book.rows()} == {"gpt-4o", "dall-e-3"}
    assert shop.events.by_id["price:2"]["body"]["set"] == []


async def test_a_typed_key_starts_from_the_plain_models_prices(shop):
    await shop.edit("ModelRatio", **{"gpt-4o(33)": "2.5"})
    assert shop.row("gpt-4o(33)")["output"] == "20"
    assert shop.row("gpt-4o")["output"] == "10"
    await shop.edit("CompletionRatio", **{"gpt-4o(33)": "2", "thirds(7)": "2"})
    assert shop.book.quote("gpt-4o", "default", 33).factors["rates"]["output"] == "10"
    assert shop.row("thirds(7)")["output"] == "6"


async def test_a_free_model_can_be_given_a_price_again(shop):
    await shop.edit("ModelRatio", **{"free": "1", "only-output": "1"})
    assert (shop.row("free")["input"], shop.row("free")["output"]) == ("2", "2")
    assert (shop.row("only-output")["input"], shop.row("only-output")["output"]) == ("2", "4")
    await shop.edit("ModelRatio", free="0")
    assert (shop.row("free")["input"], shop.row("free")["output"]) == ("0", "0")


async def test_the_completion_ratio_given_is_the_one_charged(shop):
    await shop.edit("CompletionRatio", **{"gpt-4o": "7", "long": "4"})
    assert shop.row("gpt-4o")["output"] == "17.5"
    assert shop.row("gpt-4o")["cached"] == "1.25"
    assert shop.row("long")["output"] == "5"
    assert shop.row("long")["tiers"][0]["output"] == "7.5"


async def test_a_completion_ratio_of_zero_can_be_undone(shop):
    await shop.edit("CompletionRatio", long="0")
    assert shop.book.quote("long", "default").charge_nano({"output": 10}) == 0
    await shop.edit("CompletionRatio", long="6")
    assert shop.row("long")["output"] == "7.5"
    assert shop.row("long")["tiers"][0]["output"] == "15"


async def test_models_missing_from_completion_ratio_keep_their_output_price(shop):
    await shop.put("CompletionRatio", '{"gpt-4o": 3}')
    assert shop.row("gpt-4o")["output"] == "7.5"
    assert shop.row("thirds")["output"] == "10"


async def test_a_completion_ratio_without_a_token_price_is_refused(shop):
    for model in ("unknown", "dall-e-3", "only-output"):
        with pytest.raises(InvalidPrices, match=model):
            await shop.put("CompletionRatio", json.dumps({model: 2}))
    assert await shop.put("CompletionRatio", '{"free": 2}') == 1


async def test_group_ratios_replace_the_map(shop):
    await shop.put("GroupRatio", '{"default": 1, "svip": 0.75}')
    assert shop.get("GroupRatio") == '{"default":1,"svip":0.75}'
    assert shop.book.quote("gpt-4o", "svip").factors["group_ratio"] == "0.75"
    assert shop.book.quote("gpt-4o", "vip").factors["group_ratio"] == "1"


BAD = [
    "",
    "no",
    "null",
    "[]",
    "1",
    '"text"',
    '{"a":}',
    '{"a": 1,}',
    '{"a": -1}',
    '{"a": -0.000001}',
    '{"a": NaN}',
    '{"a": Infinity}',
    '{"a": -Infinity}',
    '{"a": 1e400}',
    '{"a": 1e99999999999999999999}',
    '{"a": 1e-99999999999999999999}',
    '{"a": 1000001}',
    '{"a": true}',
    '{"a": null}',
    '{"a": "1"}',
    '{"a": [1]}',
    '{"a": {}}',
    '{"a": 0.0000000000001}',
    '{"": 1}',
    '{" a": 1}',
    '{"a\\u0000": 1}',
    '{"a": 1, "a": 1}',
    "[" * 100_000,
    '{"a": ' * 100_000,
    '{"' + "a" * 201 + '": 1}',
    '{"a": 1' + "0" * 5000 + "}",
]


@pytest.mark.parametrize("option", sorted(WRITERS))
@pytest.mark.parametrize("text", BAD, ids=lambda text: text[:24] or "empty")
async def test_a_bad_map_is_refused_whole(shop, option, text):
    before = shop.get(option)
    with pytest.raises(InvalidPrices) as refused:
        await shop.put(option, text)
    assert option in str(refused.value) or "a" in str(refused.value)
    assert len(str(refused.value)) < 400
    assert shop.get(option) == before
    assert list(shop.events.by_id) == ["price:1"]


async def test_one_bad_entry_spoils_the_good_ones(shop):
    with pytest.raises(InvalidPrices, match="bad"):
        await shop.put("ModelRatio", '{"gpt-4o": 9, "bad": -1}')
    assert shop.row("gpt-4o")["input"] == "2.5"


async def test_a_ratio_that_prices_beyond_the_limit_is_refused(shop):
    with pytest.raises(InvalidPrices, match="gpt-4o"):
        await shop.edit("ModelRatio", **{"gpt-4o": "400000"})


@given(st.decimals(0, 1000, places=6).map(str), st.decimals(0, 100, places=6).map(str))
async def test_ratios_written_are_ratios_read(model_ratio, completion_ratio):
    shop = await Shop().open()
    await shop.edit("ModelRatio", new=model_ratio)
    if Decimal(model_ratio):
        await shop.edit("CompletionRatio", new=completion_ratio)
    shown = json.loads(shop.get("ModelRatio"), parse_float=Decimal, parse_int=Decimal)
    assert shown["new"] == Decimal(model_ratio)
    if Decimal(model_ratio):
        shown = json.loads(shop.get("CompletionRatio"), parse_float=Decimal, parse_int=Decimal)
        assert shown["new"] == Decimal(completion_ratio)
    for option in READERS:
        version = shop.book.version
        assert await shop.put(option, shop.get(option)) == version
