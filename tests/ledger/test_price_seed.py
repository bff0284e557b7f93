"""The first prices: what the package and prices.yaml give, and what is refused."""

import asyncio
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from ledger.books import Books
from ledger.clock import Clock
from ledger.errors import InvalidPrices
from ledger.price_first import seed, seed_rows_apart
from ledger.price_rows import checked_row
from ledger.price_seed import file_rows, seed_rows
from ledger.prices import PriceBook
from tests.ledger.price_fakes import Events, HandClock, open_book, table_of

PRICES_YAML = Path(__file__).parents[2] / "conf" / "prices.yaml"
NIGHT_US = int(datetime(2026, 11, 20, 3, tzinfo=UTC).timestamp()) * 1_000_000


@pytest.fixture(scope="module")
def rows():
    found, _ = seed_rows(PRICES_YAML, NIGHT_US)
    return {row["model"]: row for row in found}


def prices(row):
    return {k: v for k, v in row.items() if k not in ("model", "source", "variants")}


def test_the_first_prices_are_canonical_rows_one_per_model():
    found, note = seed_rows(PRICES_YAML, NIGHT_US)
    names = [row["model"] for row in found]
    assert names == sorted(set(names))
    assert len(names) > 2000
    assert [checked_row(row) for row in found] == found
    assert "genai-prices" in note and "prices.yaml" in note


SEARCHED = {"web_searches": "0.01", "file_searches": "0.0025"}
OPUS = {
    "input": "15",
    "cached": "1.5",
    "cache_write": "18.75",
    "cache_write_1h": "30",
    "output": "75",
    "web_searches": "0.01",
}


def test_cache_writes_of_claude_cost_what_anthropic_says(rows):
    """A quarter more than input for five minutes, twice as much for an hour; 10 USD a thousand
    searches. The oldest Haiku is rounded on Anthropic's own list."""
    dear = [row for name, row in rows.items() if "claude" in name and "cache_write" in row]
    assert len(dear) > 100
    for row in dear:
        if "claude-3-haiku" not in row["model"]:
            assert Decimal(row["cache_write"]) == Decimal(row["input"]) * Decimal("1.25"), row
        assert Decimal(row["cache_write_1h"]) == Decimal(row["input"]) * 2, row
        assert row.get("web_searches", "0.01") == "0.01"
        for tier in row.get("tiers", ()):
            assert Decimal(tier["cache_write_1h"]) == Decimal(tier["input"]) * 2, row


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("gpt-4o", {"input": "2.5", "cached": "1.25", "output": "10", **SEARCHED}),
        ("gpt-4o-2024-08-06", {"input": "2.5", "cached": "1.25", "output": "10", **SEARCHED}),
        ("gpt-4o-search-preview", {"input": "2.5", "output": "10", "web_searches": "0.025"}),
        ("claude-opus-4-1-20250805", OPUS),
        ("text-embedding-3-small", {"input": "0.02", "output": "0.02"}),
        ("text-embedding-ada-002", {"input": "0.1", "output": "0.1"}),
        ("whisper-1", {"seconds": "0.0001"}),
        ("tts-1", {"characters": "15"}),
        ("dall-e-3", {"images": "0.04"}),
        ("sandbox-chat", {"input": "1", "cached": "0.5", "output": "4"}),
        ("sandbox-image", {"images": "0.01"}),
        ("sandbox-speech", {"characters": "15"}),
        ("sandbox-transcription", {"seconds": "0.0001"}),
        ("step-1-8k", {"input": "0.694444", "output": "2.777778"}),
        ("glm-4-flash", {"input": "0", "output": "0"}),
    ],
)
def test_well_known_models_have_their_list_price(rows, model, expected):
    assert prices(rows[model]) == expected


def test_long_contexts_have_their_tiers(rows):
    quote = table_of(rows["gemini-2.5-pro"]).quote("gemini-2.5-pro", "default")
    assert quote.charge_nano({"input": 200_000}) == 250_000_000
    assert quote.charge_nano({"input": 200_001}) == 500_002_500
    assert rows["claude-sonnet-4-5-20250929"]["tiers"] == rows["claude-sonnet-4-5"]["tiers"]


def test_the_maker_sets_the_price_and_is_named(rows):
    assert rows["gpt-4o"]["source"].endswith(", openai")
    assert rows["claude-3-5-sonnet"]["source"].endswith(", anthropic")
    assert rows["mistral-large-latest"]["source"].endswith(", mistral")


def test_off_peak_rebates_are_not_list_prices():
    for hour in (0, 2, 12, 20):
        now_us = int(datetime(2026, 11, 20, hour, tzinfo=UTC).timestamp()) * 1_000_000
        found = {row["model"]: row for row in seed_rows(PRICES_YAML, now_us)[0]}
        assert found["deepseek-chat"]["input"] == "0.27"
        assert found["deepseek-flash"]["input"] == "0.15"


def test_no_free_price_comes_from_a_host(rows):
    free = [
        row
        for row in rows.values()
        if not any(Decimal(v) for v in prices(row).values() if isinstance(v, str))
        and not row["model"].endswith(":free")
        and row["source"] != "prices.yaml"
    ]
    assert free == []


@pytest.mark.parametrize(
    "model",
    """qwen-max qwen-plus-latest qwen-turbo glm-4-plus glm-4v ERNIE-4.0-8K ernie-4.0-8k
    hunyuan-standard hunyuan-pro moonshot-v1-8k Doubao-pro-32k abab6.5s-chat MiniMax-Text-01
    Spark-Max generalv3.5 4.0Ultra Baichuan2-Turbo yi-34b-chat-0205 step-2-16k deepseek-chat
    deepseek-reasoner deepseek-v3 text-embedding-v3 embedding-3 cogview-3-plus deepl-zh grok-2
    command-r-plus llama3-70b-8192 o1 gpt-3.5-turbo claude-3-opus-20240229 gemini-1.5-pro-001
    claude-3-5-sonnet@20240620 mistral-embed text-moderation-latest""".split(),
)
def test_one_apis_usual_models_are_priced(rows, model):
    assert model in rows


async def test_the_book_is_seeded_once():
    events = Events()
    book = await open_book(events, HandClock(NIGHT_US))
    assert await seed(book, events, PRICES_YAML, NIGHT_US) == 1
    assert book.groups() == {"default": "1", "vip": "1", "svip": "1"}
    assert book.quote("sandbox-chat", "default").charge_nano({"input": 3}) == 3_000
    await book.publish(events, author="user:1", note="", unset=["gpt-4o"])
    again = await open_book(events, HandClock(NIGHT_US))
    assert await seed(again, events, PRICES_YAML, NIGHT_US) == 2
    assert "gpt-4o" not in again.table().rows


async def test_processes_that_seed_at_once_publish_it_once():
    events = Events()
    one = await open_book(events, HandClock(NIGHT_US))
    two = await open_book(events, HandClock(NIGHT_US + 1))
    assert await seed(one, events, PRICES_YAML, NIGHT_US) == 1
    assert await seed(two, events, PRICES_YAML, NIGHT_US + 1) == 1
    assert list(events.by_id) == ["price:1"]


def written(tmp_path, models, rate='"7.2"'):
    path = tmp_path / "prices.yaml"
    path.write_text(f"rmb_per_usd: {rate}\nmodels:\n{models}\n", encoding="utf-8")
    return path


def test_yuan_are_converted_at_the_stated_rate(tmp_path):
    path = written(
        tmp_path,
        """  - model: long
    rmb: {input: "7.2", output: "1"}
    cached: "0.5"
    tiers: [{above_input_tokens: 10, rmb: {input: "14.4"}}]
  - {model: alias, same_as: long}
  - {model: packaged, same_as: elsewhere}""",
    )
    known = {"elsewhere": checked_row({"model": "elsewhere", "input": "9"})}
    rows = file_rows(path, known)
    expected = {
        "input": "1",
        "cached": "0.5",
        "output": "0.138889",
        "tiers": [{"above_input_tokens": 10, "input": "2"}],
    }
    assert prices(rows["long"]) == prices(rows["alias"]) == expected
    assert prices(rows["packaged"]) == {"input": "9", "output": "9"}


@pytest.mark.parametrize(
    ("models", "named"),
    [
        ('  - {model: m, input: 2.5, output: "1"}', "m: input"),
        ('  - {model: m, inputs: "2.5"}', "m: inputs"),
        ('  - {model: m, input: "-1"}', "m.input"),
        ('  - {model: m, input: "abc"}', "m.input"),
        ('  - {model: m, rmb: {input: "abc"}}', "m.input"),
        ('  - {model: m, rmb: {input: "-3"}}', "m.input"),
        ('  - {model: m, rmb: {prompt: "1"}}', "m: rmb.prompt"),
        ("  - {model: m}", "m"),
        ('  - {input: "1"}', "without a model"),
        ("  - {model: m, same_as: nowhere}", "nowhere"),
        ('  - {model: m, same_as: n, input: "1"}', "same_as stands alone"),
        ('  - {model: m, input: "1"}\n  - {model: m, input: "2"}', "second entry"),
        ('  - {model: m, input: "1", tiers: [{input: "1"}]}', "m: tiers.0.above_input_tokens"),
        ("  - m", "models"),
        ("  - {model: m, input: [", "prices.yaml"),
    ],
)
def test_a_malformed_entry_is_refused_by_name(tmp_path, models, named):
    with pytest.raises(InvalidPrices) as refused:
        file_rows(written(tmp_path, models), {})
    assert named in str(refused.value)


@pytest.mark.parametrize("rate", ['"0"', '"-7"', "null", '"x"', '"NaN"'])
def test_a_malformed_rate_is_refused(tmp_path, rate):
    with pytest.raises(InvalidPrices, match="rmb_per_usd"):
        file_rows(written(tmp_path, '  - {model: m, input: "1"}', rate), {})


@pytest.mark.parametrize("text", ["", "[]", "just text", "models: []"])
def test_a_file_of_another_shape_is_refused(tmp_path, text):
    path = tmp_path / "prices.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidPrices, match=r"prices\.yaml"):
        file_rows(path, {})
    with pytest.raises(InvalidPrices, match=r"absent\.yaml"):
        file_rows(tmp_path / "absent.yaml", {})


async def test_two_writers_share_one_book_in_the_database(store):
    one, two = await Books.open(store, Clock()), await Books.open(store, Clock())
    try:
        numbers = await asyncio.gather(
            *(seed(b.prices, b, PRICES_YAML, NIGHT_US) for b in (one, two))
        )
        assert list(numbers) == [1, 1]
        numbers = await asyncio.gather(
            *(
                books.prices.publish(
                    books,
                    author="user:1",
                    note="",
                    set_rows=[{"model": f"vendor.$model-{n}", "input": "1"}],
                    groups=[(f"group.{n}", "0.5")],
                )
                for n, books in enumerate((one, two, one, two))
            )
        )
        assert sorted(numbers) == [2, 3, 4, 5]
        for books in (one, two):
            await books.prices.refresh()
            assert books.prices.version == 5
            quotes = [books.prices.quote(f"vendor.$model-{n}", f"group.{n}") for n in range(4)]
            assert [quote.charge_nano({"input": 1}) for quote in quotes] == [500] * 4
        assert one.prices.rows() == two.prices.rows()
    finally:
        await one.close()
        await two.close()
    book = PriceBook(Clock())
    await book.load(store)
    assert book.latest == 5
    assert book.groups() == one.prices.groups()


async def test_another_process_makes_the_same_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "genai_prices", raising=False)
    assert await seed_rows_apart(PRICES_YAML, NIGHT_US) == seed_rows(PRICES_YAML, NIGHT_US)


async def test_what_another_process_refuses_is_said_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "genai_prices", raising=False)
    malformed = tmp_path / "prices.yaml"
    malformed.write_text("models: none")
    with pytest.raises(InvalidPrices, match="prices.yaml"):
        await seed_rows_apart(malformed, NIGHT_US)
    monkeypatch.setattr(sys, "executable", sys.executable + "-missing")
    with pytest.raises(OSError):
        await seed_rows_apart(PRICES_YAML, NIGHT_US)
