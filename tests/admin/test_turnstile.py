"""Turnstile: tokens are good once, a person is remembered for a while, its silence is no yes."""

import httpx

from admin.robot import COOKIE, REMEMBERED_S, is_known, seal
from ledger.store import Store
from tests.admin.harness import ROOT_PASSWORD, data, person, refused
from tests.admin.people import Town, newcomer, town
from tests.fakes.services import SECRET

LOGIN = {"username": "sam", "password": ROOT_PASSWORD}


async def check_on(place: Town) -> None:
    await place.options(
        TurnstileSiteKey="site",
        TurnstileSecretKey=SECRET,
        TurnstileVerifyUrl=f"{place.services.url}/siteverify",
        TurnstileCheckEnabled=True,
    )


async def test_strangers_prove_that_they_are_people(store: Store) -> None:
    async with town(store) as place:
        await person(place.server, "sam", email="sam@mail.test")
        await check_on(place)
        place.services.tokens = {"one", "two"}
        async with place.server.client() as client, place.server.client() as other:
            status = await data(await client.get("/api/status"))
            assert status["turnstile_check"] is True and status["turnstile_site_key"] == "site"
            body = newcomer("tim")
            for ask in (
                lambda c, q: c.get(f"/api/verification?email=t@mail.test{q}"),
                lambda c, q: c.get(f"/api/reset_password?email=sam@mail.test{q}"),
                lambda c, q: c.post(f"/api/user/register?x=1{q}", json=body),
                lambda c, q: c.post(f"/api/user/login?x=1{q}", json=LOGIN),
            ):
                for query in ("", "&turnstile=forged", "&turnstile=" + "x" * 3_000):
                    refused(await ask(client, query), 403, "turnstile")
            assert await place.post() == [] and COOKIE not in client.cookies
            assert len(place.services.asked) == 4  # what is no token is not asked about
            await data(await client.post("/api/user/register?turnstile=one", json=body))
            await data(await client.post("/api/user/login", json=LOGIN))  # remembered
            refused(await other.post("/api/user/login?turnstile=one", json=LOGIN), 403, "turnstile")
            forged = {COOKIE: client.cookies[COOKIE] + "0"}
            answer = await httpx_post(place, "/api/user/login", forged)
            refused(answer, 403, "turnstile")
            await data(await other.post("/api/user/login?turnstile=two", json=LOGIN))


async def httpx_post(place: Town, path: str, cookies: dict[str, str]) -> httpx.Response:
    """Post with these cookies."""
    async with place.server.client() as client:
        client.cookies.update(cookies)
        return await client.post(path, json=LOGIN)


async def test_its_silence_is_no_yes_but_does_not_lock_people_out(store: Store) -> None:
    async with town(store) as place:
        await person(place.server, "sam", email="sam@mail.test")
        await check_on(place)
        place.services.tokens = {"three"}
        address = f"{place.services.url}/siteverify"
        for options in (
            {"TurnstileSecretKey": "wrong"},
            {"TurnstileSecretKey": SECRET, "TurnstileVerifyUrl": "http://127.0.0.1:9/siteverify"},
        ):
            await place.options(**options)
            async with place.server.client() as client:
                path = "/api/verification?email=t@mail.test&turnstile=three"
                refused(await client.get(path), 503, "right now")
                await data(await client.post("/api/user/login?turnstile=three", json=LOGIN))
                assert COOKIE not in client.cookies
        await place.options(TurnstileVerifyUrl=address)
        async with place.server.client() as client:
            await data(await client.get("/api/verification?email=t@mail.test&turnstile=three"))
            remembered = client.cookies[COOKIE]
        assert REMEMBERED_S < 3_600 and "three" not in remembered


def test_who_is_remembered_is_so_from_one_address_for_a_while() -> None:
    now_s = [1_700_000_000.0]
    kept = seal("s" * 32, "10.0.0.1", lambda: now_s[0]).decode()

    def known(secret: str = "s" * 32, cookie: str = kept, address: str = "10.0.0.1") -> bool:
        return is_known(secret, cookie, address, lambda: now_s[0])

    assert known()
    assert not known(secret="t" * 32) and not known(address="10.0.0.2")
    assert not known(cookie=kept[:-1]) and not known(cookie="")
    now_s[0] += REMEMBERED_S - 1
    assert known()
    now_s[0] += 2
    assert not known()
