"""Whose things one may touch: every route that names an object, asked by those it does not belong
to. A thing of another's is as unknown as one that does not exist."""

from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from admin.urls import ROUTES
from ledger.events import Draft
from tests.admin.harness import ROOT_TOKEN, Person, Server, admin_person, data, person, refused


@dataclass
class Things:
    """What bob has, and what root is."""

    key: int
    token: str
    session: str
    event: str
    user: int


# Method, path, body, and what is answered to: another user, an admin, the owner (None: allowed).
Row = tuple[str, str, Any, int | None, int | None, int | None]
TABLE: list[Row] = [
    ("GET", "/api/token/{key}", None, 404, 404, None),
    ("PUT", "/api/token/", {"id": "{key}", "name": "mine"}, 404, 404, None),
    ("POST", "/api/token/{key}/rotate", None, 404, 404, None),
    ("DELETE", "/api/user/tokens/{token}", None, 404, 404, None),
    ("DELETE", "/api/user/sessions/{session}", None, 404, 404, None),
    ("GET", "/api/ledger/self/events/{event}", None, 404, 404, None),
    ("GET", "/api/ledger/self/events/{event}/receipt", None, 404, 404, None),
    ("GET", "/api/ledger/self/balance?account=user:{user}", None, 403, 403, None),
    ("GET", "/api/ledger/self/balance?account=key:{key}", None, 403, 403, None),
    ("GET", "/api/ledger/self/statement?account=user:{user}", None, 403, 403, None),
    ("GET", "/api/ledger/self/export?account=key:{key}&format=csv", None, 403, 403, None),
    ("GET", "/api/ledger/events/{event}", None, 403, None, 403),
    ("GET", "/api/user/{user}", None, 403, None, 403),
    ("DELETE", "/api/user/{user}/totp", None, 403, 404, 403),
    ("DELETE", "/api/token/{key}", None, 404, 404, None),
]


def filled(value: Any, things: Things) -> Any:
    if isinstance(value, dict):
        return {name: filled(each, things) for name, each in value.items()}
    if value == "{key}":
        return things.key
    return value.format(**vars(things)) if isinstance(value, str) else value


async def bobs(server: Server, client: httpx.AsyncClient, bob: Person) -> Things:
    key = await data(await client.post("/api/token/", json={"name": "k"}))
    token = await data(await client.post("/api/user/tokens", json={"name": "t", "scope": "read"}))
    async with server.client() as browser:
        await browser.post("/api/user/login", json={"username": "bob", "password": PASSWORD})
        sessions = await data(await browser.get("/api/user/sessions"))
    body = {"reason": "r", "from_nano": None, "to_nano": None}
    draft = Draft("adjust:of-bob", "balance.adjusted", f"user:{bob.id}", 5, "user:1", body)
    receipt = await server.books.record(draft)
    return Things(key["id"], token["id"], sessions[0]["id"], receipt.event_id, bob.id)


PASSWORD = "correct-horse"


async def test_what_is_anothers_is_unknown_or_forbidden(
    server: Server, user: httpx.AsyncClient, bob: Person, alice: Person
) -> None:
    things, carol = await bobs(server, user, bob), await person(server, "carol")
    async with server.client(carol.token) as other, server.client(alice.token) as admin:
        for method, path, body, *wanted in TABLE:
            for client, status in zip((other, admin, user), wanted, strict=True):
                sent = filled(body, things)
                answer = await client.request(method, filled(path, things), json=sent)
                expected = 200 if status is None else status
                assert answer.status_code == expected, (method, path, status, answer.text)


def test_every_route_that_names_something_of_a_user_is_in_the_table() -> None:
    named = {path.split("?")[0].removeprefix("/api/") for _, path, *_ in TABLE}
    for pattern, _ in ROUTES:
        if "(" not in pattern or not pattern.startswith(("token/", "user/", "ledger/self")):
            continue
        shape = pattern.split("(")[0]
        assert any(path.startswith(shape) for path in named), pattern


FORBIDDEN_FIELDS = [
    ("PUT", "/api/user/self", {"role": 100}),
    ("PUT", "/api/user/self", {"quota": 10**9, "username": "bob"}),
    ("PUT", "/api/user/self", {"group": "vip", "status": 1, "display_name": "Bob"}),
    ("PUT", "/api/user/self", {"id": 1, "display_name": "Bob"}),
]


async def test_nobody_promotes_or_credits_oneself(
    server: Server, user: httpx.AsyncClient, bob: Person
) -> None:
    for method, path, body in FORBIDDEN_FIELDS:
        answer = await user.request(method, path, json=body)
        assert answer.status_code in (200, 400), answer.text
    me = await data(await user.get("/api/user/self"))
    assert (me["role"], me["quota"], me["group"], me["id"]) == (1, 0, "default", bob.id)


@pytest.mark.parametrize("action", ["disable", "delete", "promote", "demote", "enable"])
async def test_an_admin_does_nothing_to_those_who_rank_as_high(
    server: Server, admin: httpx.AsyncClient, alice: Person, action: str
) -> None:
    await admin_person(server, "dave")
    for name in ("root", "dave", "alice"):
        body = {"username": name, "action": action}
        refused(await admin.post("/api/user/manage", json=body), 403)
    dave = await server.directory.users.by_username("dave")
    assert dave is not None and dave.is_usable and dave.role == 10
    for body in ({"id": 1, "password": "taken-over-1"}, {"id": dave.id, "role": 100}):
        refused(await admin.put("/api/user/", json=body), 403)
    refused(await admin.delete("/api/user/1"), 403)
    async with server.client(ROOT_TOKEN) as root:
        refused(await root.request("DELETE", "/api/user/self"), 403)
