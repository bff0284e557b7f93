"""Tokens that vendors hand out: kept, renewed in time, fetched once at a time."""

import asyncio

import pytest

from gateway.providers.tokens import Token, Tokens


class Shop:
    """Hands out tokens for an hour, one after the other, when it is let."""

    def __init__(self) -> None:
        self.now_s, self.asked = 1_000.0, 0
        self.open, self.entered = asyncio.Event(), asyncio.Event()
        self.open.set()
        self.fails = False

    async def fetch(self) -> Token:
        self.asked += 1
        self.entered.set()
        await self.open.wait()
        if self.fails:
            raise LookupError("closed")
        return Token(f"token {self.asked}", self.now_s + 3_600)


async def test_a_token_is_kept_until_shortly_before_it_expires() -> None:
    shop = Shop()
    tokens = Tokens(lambda: shop.now_s)
    assert [await tokens.get("a", shop.fetch) for _ in range(3)] == ["token 1"] * 3
    assert await tokens.get("b", shop.fetch) == "token 2"
    shop.now_s += 3_600 - 121
    assert await tokens.get("a", shop.fetch) == "token 1"
    shop.now_s += 2
    assert await tokens.get("a", shop.fetch) == "token 3"
    tokens.forget("a")
    assert await tokens.get("a", shop.fetch) == "token 4"


async def test_many_who_ask_at_once_share_one_fetch_that_a_leaver_does_not_end() -> None:
    shop = Shop()
    tokens = Tokens(lambda: shop.now_s)
    shop.open.clear()
    asking = [asyncio.ensure_future(tokens.get("a", shop.fetch)) for _ in range(20)]
    await shop.entered.wait()
    asking[0].cancel()
    shop.open.set()
    done = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(done[0], asyncio.CancelledError) and set(done[1:]) == {"token 1"}
    assert shop.asked == 1


async def test_a_fetch_that_failed_is_told_to_all_and_tried_again() -> None:
    shop = Shop()
    tokens, shop.fails = Tokens(lambda: shop.now_s), True
    both = [asyncio.ensure_future(tokens.get("a", shop.fetch)) for _ in range(2)]
    ended = await asyncio.gather(*both, return_exceptions=True)
    assert [type(each) for each in ended] == [LookupError, LookupError] and shop.asked == 1
    with pytest.raises(LookupError):
        await tokens.get("a", shop.fetch)
    shop.fails = False
    assert await tokens.get("a", shop.fetch) == "token 3"
