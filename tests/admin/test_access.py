"""Who may call what: every route × every role."""

import httpx
import pytest

from admin.urls import ROUTES
from tests.admin.harness import ROOT_TOKEN, Person, Server, refused

RANKS = {"anonymous": 0, "user": 1, "admin": 10, "root": 100}
SAMPLES = {
    r"(\d{1,15})": "999999",
    r"(\d{1,9})": "999999",
    "([0-9a-z-]{1,60})": "none",
    "([0-9a-f]{16,64})": "0" * 16,
    "([0-9A-Za-z:._%-]{1,200})": "none",
    "([0-9a-z]{1,40})": "tg0",
    "(github|lark|oidc)": "github",
    "(notice|about|home_page_content)": "notice",
}


def path_of(pattern: str) -> str:
    for group, sample in {**SAMPLES, "(.{1,600}?)": "usage:none"}.items():
        pattern = pattern.replace(group, sample)
    return f"/api/{pattern}"


CALLS = [
    (method, path_of(pattern), least)
    for pattern, handler in ROUTES
    for method, least in handler.access.items()  # type: ignore[attr-defined]
]


@pytest.mark.parametrize("role", RANKS)
async def test_every_route_asks_for_its_role(
    server: Server, alice: Person, bob: Person, role: str
) -> None:
    tokens = {"anonymous": "", "user": bob.token, "admin": alice.token, "root": ROOT_TOKEN}
    assert len(CALLS) > 60
    for method, path, least in CALLS:
        if path == "/api/user/self" and method == "DELETE" and role != "anonymous":
            continue  # has a test of its own: it would delete the one who asks
        if path == "/api/user/token" and role != "anonymous":
            continue  # would replace the token in use
        async with server.client(tokens[role]) as client:
            response = await client.request(method, path)
        allowed = RANKS[role] >= least
        wrong = 401 if role == "anonymous" else 403
        if allowed:
            assert response.status_code not in (401, 405, 500), (method, path, response.text)
            if response.status_code == 403:
                assert path == "/api/log" and method == "DELETE", path
        else:
            refused(response, wrong)


async def test_a_wrong_method_is_405_and_says_which_are_right(admin: httpx.AsyncClient) -> None:
    response = await admin.patch("/api/user/")
    refused(response, 405, "PATCH")
    assert response.headers["Allow"] == "GET, POST, PUT"


UNKNOWN = ["/api", "/api/", "/api/nothing", "/api/user/abc", "/api/token/-1"]


async def test_unknown_paths_are_404_in_openai_form(admin: httpx.AsyncClient) -> None:
    for path in UNKNOWN:
        response = await admin.post(path, json={})
        assert response.status_code == 404
        error = response.json()["error"]
        assert error == {
            "message": f"Invalid URL (POST {path})",
            "type": "invalid_request_error",
            "param": "",
            "code": "",
        }


async def test_a_disabled_user_has_no_access(
    server: Server, admin: httpx.AsyncClient, user: httpx.AsyncClient, bob: Person
) -> None:
    assert (await user.get("/api/user/self")).status_code == 200
    await admin.post("/api/user/manage", json={"username": "bob", "action": "disable"})
    refused(await user.get("/api/user/self"), 401)


@pytest.mark.parametrize("header", ["{}", "Bearer {}", "bearer {}"])
async def test_access_tokens_come_with_or_without_bearer(
    server: Server, bob: Person, header: str
) -> None:
    async with server.client(header.format(bob.token)) as client:
        assert (await client.get("/api/user/self")).json()["data"]["username"] == "bob"


NO_TOKENS = ["x", "Bearer", "Bearer x", "Basic eDp5", "é", "x" * 5000]


async def test_other_authorization_is_401(server: Server) -> None:
    for header in NO_TOKENS:
        async with server.client() as client:
            headers = {"Authorization": header.encode("latin-1")}
            refused(await client.get("/api/user/self", headers=headers), 401)
