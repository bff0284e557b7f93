"""Signing in, staying signed in, and what other sites can't do with it."""

import httpx
import pytest

from admin.auth.session import COOKIE
from admin.auth.throttle import LIMIT, WINDOW_S
from tests.admin.harness import ROOT_PASSWORD, Person, Server, data, refused

LOGIN = "/api/user/login"


def credentials(name: str, password: str = ROOT_PASSWORD) -> dict[str, str]:
    return {"username": name, "password": password}


async def test_sign_in_sets_a_guarded_cookie_and_sign_out_clears_it(
    server: Server, bob: Person, stranger: httpx.AsyncClient
) -> None:
    response = await stranger.post(LOGIN, json=credentials("bob"))
    assert (await data(response))["username"] == "bob"
    cookie = response.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Secure" not in cookie
    assert (await data(await stranger.get("/api/user/self")))["id"] == bob.id
    assert (await stranger.get("/api/user/logout")).status_code == 200
    refused(await stranger.get("/api/user/self"), 401)


async def test_sign_in_by_email(server: Server, bob: Person, stranger: httpx.AsyncClient) -> None:
    await server.directory.users.update(bob.id, {"email": "bob@example.com"})
    response = await stranger.post(LOGIN, json=credentials("bob@example.com"))
    assert (await data(response))["id"] == bob.id


@pytest.mark.parametrize("name", ["bob", "nobody"])
async def test_a_wrong_password_and_an_unknown_user_look_alike(
    bob: Person, stranger: httpx.AsyncClient, name: str
) -> None:
    message = refused(await stranger.post(LOGIN, json=credentials(name, "wrong-password")), 401)
    assert message == "the user name or the password is wrong"


async def test_a_disabled_user_cannot_sign_in(
    server: Server, bob: Person, stranger: httpx.AsyncClient
) -> None:
    await server.directory.users.update(bob.id, {"status": 2})
    refused(await stranger.post(LOGIN, json=credentials("bob")), 403, "disabled")


FORGED = ["", "x", "2|1:0|10:1|7:session|4:MTox|0000", "1:abc"]


async def test_a_forged_cookie_is_nobody(stranger: httpx.AsyncClient) -> None:
    for cookie in FORGED:
        stranger.cookies.set(COOKIE, cookie)
        refused(await stranger.get("/api/user/self"), 401)


async def test_a_new_password_ends_other_sessions_and_keeps_this_one(
    server: Server, bob: Person, stranger: httpx.AsyncClient
) -> None:
    await stranger.post(LOGIN, json=credentials("bob"))
    async with server.client() as elsewhere:
        await elsewhere.post(LOGIN, json=credentials("bob"))
        changed = await stranger.put("/api/user/self", json={"password": "another-one-9"})
        assert changed.status_code == 200
        assert (await stranger.get("/api/user/self")).status_code == 200
        refused(await elsewhere.get("/api/user/self"), 401)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_other_sites_cannot_use_the_cookie(
    bob: Person, stranger: httpx.AsyncClient, user: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    await stranger.post(LOGIN, json=credentials("bob"))
    body = {"display_name": "Eve"}
    refused(await stranger.put("/api/user/self", json=body, headers=headers), 403, "another site")
    refused(await stranger.get("/api/user/token", headers=headers), 403, "another site")
    refused(await stranger.post(LOGIN, json=credentials("bob"), headers=headers), 403)
    assert (await stranger.get("/api/user/self", headers=headers)).status_code == 200
    # A script that shows a token was not started by another site.
    assert (await user.put("/api/user/self", json=body, headers=headers)).status_code == 200


async def test_our_own_pages_can_use_the_cookie(
    server: Server, bob: Person, stranger: httpx.AsyncClient
) -> None:
    await stranger.post(LOGIN, json=credentials("bob"))
    headers = {"Origin": server.url, "Sec-Fetch-Site": "same-origin"}
    response = await stranger.put("/api/user/self", json={"display_name": "Bob"}, headers=headers)
    assert response.status_code == 200


async def test_guessing_is_stopped_with_retry_after(
    bob: Person, stranger: httpx.AsyncClient
) -> None:
    for _ in range(LIMIT):
        refused(await stranger.post(LOGIN, json=credentials("bob", "wrong-guess")), 401)
    response = await stranger.post(LOGIN, json=credentials("bob"))
    refused(response, 429)
    assert 0 < int(response.headers["Retry-After"]) <= WINDOW_S + 1
