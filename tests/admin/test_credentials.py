"""Access tokens of some scope, sessions that end, and the second factor."""

import asyncio
import base64
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from ledger.store import Store
from tests.admin.harness import ROOT_PASSWORD, Person, Server, data, refused, serve

LOGIN = "/api/user/login"


async def sign_in(client: httpx.AsyncClient, **more: Any) -> httpx.Response:
    return await client.post(LOGIN, json={"username": "bob", "password": ROOT_PASSWORD, **more})


async def a_token(user: httpx.AsyncClient, scope: str, **more: Any) -> dict[str, Any]:
    body = {"name": f"for {scope}", "scope": scope, **more}
    return dict(await data(await user.post("/api/user/tokens", json=body)))


async def test_a_token_does_what_its_scope_covers(
    server: Server, user: httpx.AsyncClient, root: httpx.AsyncClient
) -> None:
    key = await data(await user.post("/api/token/", json={"name": "k"}))
    made = {scope: await a_token(user, scope) for scope in ("read", "manage", "full")}
    listed = await data(await user.get("/api/user/tokens"))
    assert [each["scope"] for each in listed] == ["full", "manage", "read"] or len(listed) == 3
    assert all("token" not in each for each in listed)
    async with server.client(made["read"]["token"]) as reader:
        assert (await data(await reader.get("/api/user/self")))["username"] == "bob"
        shown = await data(await reader.get(f"/api/token/{key['id']}"))
        assert shown["key"] == "********" and shown["name"] == "k"
        refused(await reader.post("/api/token/", json={"name": "x"}), 403, "may only read")
        refused(await reader.get("/api/user/token"), 403, "full")
    async with server.client(made["manage"]["token"]) as manager:
        assert (await data(await manager.get(f"/api/token/{key['id']}")))["key"] == key["key"]
        await data(await manager.post("/api/token/", json={"name": "y"}))
        for method, path, body in (
            ("PUT", "/api/user/self", {"password": "another-one"}),
            ("POST", "/api/user/tokens", {"name": "z", "scope": "full"}),
            ("GET", "/api/user/sessions", None),
            ("POST", "/api/user/totp", {"password": ROOT_PASSWORD}),
        ):
            refused(await manager.request(method, path, json=body), 403, "full")
    async with server.client(made["full"]["token"]) as full:
        await data(await full.put("/api/user/self", json={"display_name": "Bob"}))
        await data(await full.delete(f"/api/user/tokens/{made['read']['id']}"))
        refused(await full.delete(f"/api/user/tokens/{made['read']['id']}"), 404)
    async with server.client(made["read"]["token"]) as gone:
        refused(await gone.get("/api/user/self"), 401)
    events = await server.books.store.find_list("events", {"type": "audit.recorded"})
    assert not any(made["full"]["token"] in str(event) for event in events)


async def test_a_read_token_of_an_admin_sees_no_codes(
    server: Server, admin: httpx.AsyncClient
) -> None:
    codes = await data(await admin.post("/api/redemption/", json={"name": "c", "quota": 5}))
    token = await a_token(admin, "read")
    async with server.client(token["token"]) as reader:
        rows = await data(await reader.get("/api/redemption/"))
        assert [row["key"] for row in rows] == ["********"] and codes
        batch = rows[0]["batch"]
        refused(await reader.get(f"/api/redemption/export?batch={batch}"), 403, "codes are money")


async def test_tokens_expire_end_with_their_user_and_are_ones_own(
    server: Server, user: httpx.AsyncClient, admin: httpx.AsyncClient, bob: Person
) -> None:
    refused(
        await user.post(
            "/api/user/tokens", json={"name": "x", "scope": "read", "expires_at": 1_000}
        ),
        400,
        "expires_at",
    )
    soon_s = int(server.context.now_s()) + 3_600
    token = await a_token(user, "full", expires_at=soon_s)
    refused(await admin.delete(f"/api/user/tokens/{token['id']}"), 404)
    collection = server.books.store
    async with server.client(token["token"]) as mine:
        await data(await mine.get("/api/user/self"))
        await collection.update_one(
            "access_tokens", {"_id": token["id"]}, {"$set": {"expires_s": soon_s - 3_601}}
        )
        refused(await mine.get("/api/user/self"), 401)
    token = await a_token(user, "full")
    await admin.post("/api/user/manage", json={"username": "bob", "action": "disable"})
    async with server.client(token["token"]) as mine:
        refused(await mine.get("/api/user/self"), 401)


async def test_sessions_are_listed_and_ended_on_every_node(store: Store, server: Server) -> None:
    other = await serve(store)
    try:
        user = await server.directory.users.create("bob", ROOT_PASSWORD)
        async with server.client() as one, other.client() as two:
            await data(await sign_in(one))
            await data(await sign_in(two))
            listed = await data(await one.get("/api/user/sessions"))
            assert [each["current"] for each in listed].count(True) == 1 and len(listed) == 2
            theirs = next(each["id"] for each in listed if not each["current"])
            await data(await one.delete(f"/api/user/sessions/{theirs}"))
            refused(await two.get("/api/user/self"), 401)
            refused(await one.delete(f"/api/user/sessions/{theirs}"), 404)
            await data(await sign_in(two))
            await data(await one.delete("/api/user/sessions"))
            refused(await two.get("/api/user/self"), 401)
            stolen = one.cookies["session"]
            await one.get("/api/user/logout")
            two.cookies.clear()
            two.cookies.set("session", stolen)
            refused(await two.get("/api/user/self"), 401)
        assert await server.directory.sessions.of_user(user.id, "m") == []
    finally:
        await other.close()


def codes_of(secret: str, now_s: float) -> list[str]:
    """The codes of an authenticator: of this step, and of the next."""
    totp = TOTP(base64.b32decode(secret), 6, SHA1(), 30)
    return [totp.generate(int(now_s) + step * 30).decode() for step in (0, 1)]


async def with_second_factor(server: Server, client: httpx.AsyncClient) -> tuple[str, list[str]]:
    """Switch it on; the secret, and the recovery codes."""
    begun = await data(await client.post("/api/user/totp", json={"password": ROOT_PASSWORD}))
    assert begun["uri"].startswith("otpauth://totp/") and begun["secret"] in begun["uri"]
    code = codes_of(begun["secret"], server.context.now_s())[0]
    on = await data(await client.put("/api/user/totp", json={"code": code}))
    return begun["secret"], on["recovery_codes"]


async def test_a_code_is_asked_for_and_counts_once(
    server: Server, bob: Person, stranger: httpx.AsyncClient
) -> None:
    await data(await sign_in(stranger))
    refused(await stranger.post("/api/user/totp", json={"password": "wrong-one"}), 403)
    refused(await stranger.put("/api/user/totp", json={"code": "000000"}), 404)
    secret, recovery = await with_second_factor(server, stranger)
    refused(await stranger.post("/api/user/totp", json={"password": ROOT_PASSWORD}), 409)
    assert await data(await stranger.get("/api/user/totp")) == {
        "enabled": True,
        "recovery_codes_left": 10,
    }
    used, fresh = codes_of(secret, server.context.now_s())
    async with server.client() as browser:
        refused(await sign_in(browser), 401, "code")
        refused(await sign_in(browser, code=used), 401, "wrong, or was used already")
        refused(await sign_in(browser, code="abcdef"), 401)
        at_once = await asyncio.gather(*(sign_in(browser, code=fresh) for _ in range(4)))
        assert sorted(answer.status_code for answer in at_once) == [200, 401, 401, 401]
        await data(await sign_in(browser, code=recovery[3].lower()))
        refused(await sign_in(browser, code=recovery[3]), 401)
        assert (await data(await browser.get("/api/user/totp")))["recovery_codes_left"] == 9
        refused(await browser.request("DELETE", "/api/user/totp", json={"code": "1"}), 403)
        await data(await browser.request("DELETE", "/api/user/totp", json={"code": recovery[0]}))
        await data(await sign_in(browser))
    stored = await server.books.store.find_list("second_factors", {})
    assert stored == []


async def test_an_admin_helps_out_whoever_lost_the_second_factor(
    server: Server, bob: Person, stranger: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    await data(await sign_in(stranger))
    secret, recovery = await with_second_factor(server, stranger)
    stored = str(await server.books.store.find_list("second_factors", {}))
    assert secret not in stored and recovery[0] not in stored
    refused(await admin.delete("/api/user/1/totp"), 403)
    await data(await admin.delete(f"/api/user/{bob.id}/totp"))
    refused(await admin.delete(f"/api/user/{bob.id}/totp"), 404)
    async with server.client() as browser:
        await data(await sign_in(browser))


@pytest.mark.parametrize("body", [{}, {"name": "x", "scope": "all"}, {"name": "", "scope": "read"}])
async def test_a_token_without_a_name_or_scope_is_refused(
    user: httpx.AsyncClient, body: dict[str, str]
) -> None:
    refused(await user.post("/api/user/tokens", json=body), 400)
