"""Wrong input: the right status, One API's envelope, nothing written, and no fault of ours."""

import logging
import time
from typing import Any

import httpx
import pytest

from admin.base import MAX_BODY_BYTES
from tests.admin.harness import Server, refused

WRITES = [
    ("POST", "/api/user/"),
    ("PUT", "/api/user/"),
    ("PUT", "/api/user/self"),
    ("POST", "/api/user/manage"),
    ("POST", "/api/user/login"),
    ("POST", "/api/user/register"),
    ("POST", "/api/user/reset"),
    ("POST", "/api/user/topup"),
    ("POST", "/api/topup"),
    ("POST", "/api/token/"),
    ("PUT", "/api/token/"),
    ("POST", "/api/channel/"),
    ("PUT", "/api/channel/"),
    ("POST", "/api/redemption/"),
    ("PUT", "/api/redemption/"),
    ("PUT", "/api/option/"),
]
BODIES: list[Any] = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'"text"',
    b"5",
    b"\xff\xfe",
    b'{"no_such_field": 1}',
    b'{"id": {"$gt": 0}, "username": {"$ne": ""}, "key": ["a"], "name": 5}',
    b'{"username": "\\ud800", "password": "\\ud800\\ud800\\ud800\\ud800", "key": "\\ud800"}',
    b"[" * 5000,
]


async def test_malformed_bodies_are_400_and_write_nothing(
    server: Server,
    root: httpx.AsyncClient,
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = await server.books.store.count("events", {})
    with caplog.at_level(logging.ERROR):
        for method, path in WRITES:
            for body in BODIES:
                refused(await root.request(method, path, content=body), 400)
    assert not caplog.records
    assert await server.books.store.count("events", {}) == before


async def test_a_body_over_the_limit_is_413(root: httpx.AsyncClient) -> None:
    body = b'{"name": "' + b"x" * MAX_BODY_BYTES + b'"}'
    refused(await root.post("/api/token/", content=body), 413)


BAD_USERS: list[tuple[Any, ...]] = [
    ({"username": ""}, "username"),
    ({"username": "a b"}, "username"),
    ({"username": "x" * 31}, "username"),
    ({"username": 5}, "username"),
    ({"password": "short"}, "password"),
    ({"password": "x" * 73}, "password"),
    ({"password": None}, "password"),
    ({"quota": -1}, "quota"),
    ({"quota": 1.5}, "quota"),
    ({"role": 100}, "role"),
    ({"group": "x" * 33}, "group"),
    ({"username": "line\nbreak"}, "username"),
]


async def test_bad_users_are_named(root: httpx.AsyncClient) -> None:
    for fields, named in BAD_USERS:
        body = {"username": "carol", "password": "carols-password", **fields}
        refused(await root.post("/api/user/", json=body), 400, named)
        assert (await root.get("/api/user/")).json()["total"] == 1


BAD_TOPUPS: list[tuple[Any, ...]] = [
    ({"quota": 0}, "quota"),
    ({"quota": -5}, "quota"),
    ({"quota": "5"}, "quota"),
    ({"quota": 10**15 + 1}, "quota"),
    ({"quota": 1e300}, "quota"),
    ({"user_id": 0}, "user_id"),
    ({"user_id": 2**63}, "user_id"),
    ({"user_id": "1"}, "user_id"),
    ({"remark": "x" * 501}, "remark"),
    ({"amount": 5}, "amount"),
]


async def test_bad_topups_are_named_and_credit_nothing(
    server: Server, root: httpx.AsyncClient
) -> None:
    for fields, named in BAD_TOPUPS:
        before = await server.books.store.count("events", {})
        body = {"user_id": 1, "quota": 5, "remark": "", **fields}
        refused(await root.post("/api/topup", json=body), 400, named)
        assert await server.books.store.count("events", {}) == before


BAD_PAGES = ("p=-1", "p=x", "p=99999999999999999999", "page_size=0", "page_size=101", "order=name")


async def test_bad_pages_are_400(root: httpx.AsyncClient) -> None:
    for path in ("/api/user/", "/api/token/"):
        for query in (*BAD_PAGES, "%ff=1", "p=%ff", "pp=1"):
            refused(await root.get(f"{path}?{query}"), 400)


KEYWORDS = ("(", "$", "[", "\\", "' or 1=1", "x" * 200, "999999999")


async def test_any_keyword_can_be_searched(root: httpx.AsyncClient) -> None:
    for what in ("user", "token", "channel", "redemption", "log"):
        refused(await root.get(f"/api/{what}/search?keyword=%00"), 400, "keyword")
        for keyword in KEYWORDS:
            response = await root.get(f"/api/{what}/search", params={"keyword": keyword})
            assert response.status_code == 200 and response.json()["total"] == 0, (what, keyword)


async def test_ids_of_any_length_are_not_found(root: httpx.AsyncClient) -> None:
    for what in ("user", "token", "channel", "redemption"):
        refused(await root.get(f"/api/{what}/999999999999999"), 404)
        assert (await root.get(f"/api/{what}/{10**30}")).status_code == 404


async def test_a_fault_of_ours_is_500_with_a_request_id_and_says_nothing_else(
    server: Server, root: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    await server.books.store.insert_one(
        "events",
        {
            "_id": "broken",
            "account": "user:1",
            "type": "usage.charged",
            "ts": time.time_ns() // 1000,
        },
    )
    response = await root.get("/api/ledger/events/broken")
    message = refused(response, 500, response.headers["X-Request-Id"])
    assert "KeyError" not in message
    assert response.headers["X-Request-Id"] in caplog.text
