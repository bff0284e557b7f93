"""Tokens are counted offline, as the reference implementation counts them."""

import asyncio
from pathlib import Path

import pytest

from gateway import tokens
from gateway.token_families import GENERAL, family_of
from gateway.tokens import MOST_COUNTED, Counted, TokenCounter, encoding_name, unpack

HELLO = "Hello, world! How are you doing today?"
NIHAO = "你好,世界!今天天气怎么样?"
NIHAO_WIDE = "你好，世界！今天天气怎么样？"


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> TokenCounter:
    return TokenCounter(tmp_path_factory.mktemp("ranks"))


def test_golden_counts(counter: TokenCounter) -> None:
    assert counter.count_here("gpt-4o", [HELLO]) == 10
    assert counter.count_here("gpt-4", [HELLO]) == 10
    assert counter.count_here("gpt-4o", ["a" * 500]) == 63
    assert counter.count_here("gpt-4", ["a" * 500]) == 63
    assert (9, 17) in {
        (counter.count_here("gpt-4o", [said]), counter.count_here("gpt-4", [said]))
        for said in (NIHAO, NIHAO_WIDE)
    }


async def test_short_and_long_texts_count_alike_in_and_off_the_loop(counter: TokenCounter) -> None:
    long_text = HELLO * 3_000
    assert await counter.count("gpt-4o", [HELLO]) == 10
    assert abs(await counter.count("gpt-4o", [long_text]) - 30_000) < 10


def test_text_that_looks_like_a_control_token_is_text(counter: TokenCounter) -> None:
    assert counter.count_here("gpt-4o", ["<|endoftext|>"]) > 1


def test_a_text_is_cut_to_so_many_tokens(counter: TokenCounter) -> None:
    assert counter.count_here("gpt-4o", [counter.cut("gpt-4o", HELLO, 4)]) == 4
    assert counter.cut("gpt-4o", HELLO, 400) == HELLO
    assert counter.cut("gpt-4o", HELLO, 0) == ""


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gpt-4", "cl100k_base"),
        ("gpt-4-turbo", "cl100k_base"),
        ("gpt-3.5-turbo", "cl100k_base"),
        ("text-embedding-3-small", "cl100k_base"),
        ("gpt-4o-mini", "o200k_base"),
        ("gpt-4.1", "o200k_base"),
        ("gpt-5", "o200k_base"),
        ("ft:gpt-4o:x", "o200k_base"),
        ("claude-3-opus", "o200k_base"),
    ],
)
def test_models_have_the_encoding_of_their_family(model: str, name: str) -> None:
    assert encoding_name(model) == name


def test_a_damaged_rank_file_is_replaced(tmp_path: Path) -> None:
    path = unpack("cl100k_base", tmp_path)
    good = path.read_bytes()
    path.write_bytes(b"damaged")
    assert unpack("cl100k_base", tmp_path).read_bytes() == good
    assert [file.name for file in tmp_path.iterdir()] == [tokens._FILES["cl100k_base"][0]]


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("claude-opus-4-1", "Claude"),
        ("anthropic/claude-3.5-sonnet:beta", "Claude"),
        ("us.anthropic.claude-sonnet-4-v1:0", "Claude"),
        ("Gemini-2.5-pro", "Gemini"),
        ("qwen-max", "Qwen"),
        ("Qwen/Qwen3-8B", "Qwen"),
        ("glm-4-plus", "GLM"),
        ("deepseek-chat", "DeepSeek"),
        ("kimi-k2", "Kimi"),
        ("ERNIE-4.0-8K", "general"),
        ("meta-llama/Llama-3-70b", "Llama"),
        ("gpt-4o", None),
        ("o3-mini", None),
        ("my-model", None),
        ("my-qwen-like-model", None),
    ],
)
def test_models_without_a_public_tokenizer_have_a_family(model: str, family: str | None) -> None:
    found = family_of(model)
    assert (found.name if found else None) == family


@pytest.mark.parametrize("model", ["claude-x", "gemini-x", "qwen-x", "glm-x", "deepseek-x"])
def test_estimates_are_within_reason(counter: TokenCounter, model: str) -> None:
    """Against the nearest real tokenizer: no vendor's differs from it by more than so much."""
    family = family_of(model)
    assert family is not None
    for text in (
        HELLO * 50,
        NIHAO_WIDE * 50,
        "Voilà, l’été déjà passé. " * 50,
        "Привет, мир! " * 50,
    ):
        exact = counter.count_here("gpt-4o", [text])
        assert exact / 2 <= family.estimate([text]) <= exact * 2.6, text[:20]
    assert family.estimate([]) == family.estimate([""]) == 0
    assert family.estimate(["a"]) == family.estimate(["\U0001f600"]) == family.estimate(["é"]) == 1


async def test_what_is_estimated_says_so(counter: TokenCounter) -> None:
    assert await counter.measure("gpt-4o", [HELLO]) == Counted(10, exact=True)
    assert await counter.measure("claude-x", [HELLO]) == Counted(12, exact=False)
    assert (await counter.measure("claude-x", [HELLO * 9_000])).exact is False


async def test_ten_megabytes_neither_block_nor_take_long(counter: TokenCounter) -> None:
    """The loop turns meanwhile, and only the first million characters are counted."""
    text, turns = HELLO * 260_000, 0

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    turning = asyncio.create_task(turn())
    try:
        found = await asyncio.wait_for(counter.measure("gpt-4o", [HELLO, text, "end"]), 20)
    finally:
        turning.cancel()
    assert len(text) > 9_000_000 and turns > 50
    rest = len(HELLO + text) - MOST_COUNTED + 3
    assert not found.exact
    counted = counter.count_here("gpt-4o", [HELLO, text[: MOST_COUNTED - len(HELLO)]])
    assert found.tokens == counted + GENERAL.estimate(["x" * rest])


async def test_without_an_encoding_tokens_are_estimated(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a directory")
    found = await TokenCounter(blocked / "ranks").measure("gpt-4o", [HELLO])
    assert found == Counted(GENERAL.estimate([HELLO]), exact=False)
    assert "can't be loaded" in caplog.text
    caplog.clear()
