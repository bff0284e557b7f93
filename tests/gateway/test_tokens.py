"""Tokens are counted offline, as the reference implementation counts them."""

from pathlib import Path

import pytest

from gateway import tokens
from gateway.tokens import TokenCounter, encoding_name, unpack

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
