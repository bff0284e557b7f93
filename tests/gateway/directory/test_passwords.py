"""Passwords: the rules, and that nothing is learnt from the time an answer takes."""

import pytest

from gateway.directory.errors import Invalid
from gateway.directory.passwords import check_password, hash_password


@pytest.mark.parametrize("password", ["12345678", "x" * 64, "密码密码密码密码", "with space"])
async def test_a_password_fits_its_hash_alone(password: str) -> None:
    hashed = await hash_password(password, 4)
    assert await check_password(password, hashed)
    assert not await check_password(password + "x", hashed)
    assert not await check_password(password[:-1], hashed)


@pytest.mark.parametrize(
    "password", ["", "1234567", "x" * 65, "密" * 25, "1234567\x00", None, 12345678]
)
async def test_passwords_outside_the_rules_are_refused_without_repeating_them(password) -> None:
    with pytest.raises(Invalid) as caught:
        await hash_password(password, 4)
    assert caught.value.field == "password"
    assert not password or str(password) not in str(caught.value)


@pytest.mark.parametrize("password", ["", "\x00" * 9, "x" * 1000, "\ud800 half a pair"])
async def test_checking_any_text_is_safe(password: str) -> None:
    assert not await check_password(password, await hash_password("12345678", 4))


@pytest.mark.parametrize("stored", [None, "", "not a hash"])
async def test_nobody_has_no_password(stored: str | None) -> None:
    assert not await check_password("-", stored)
