"""Wrong input: the right status, a kind envelope, and nothing written."""

import pytest

from tests.e2e.server import ROOT_ACCESS_TOKEN, ROOT_KEY, SANDBOX, Server

KEY = {"Authorization": f"Bearer sk-{ROOT_KEY}"}
CHAT = "/v1/chat/completions"
GOOD = {"model": "sandbox-chat", "messages": [{"role": "user", "content": "hi"}]}


def written(server: Server) -> list[dict]:
    """All events but seals, which come with every minute."""
    return [event for event in server.events() if event["type"] != "ledger.sealed"]


@pytest.fixture
def nothing_written(sandbox: Server):
    before = written(sandbox)
    yield
    assert written(sandbox) == before


RELAY = [
    ("POST", CHAT, b"{broken", 400),
    ("POST", CHAT, b"", 400),
    ("POST", CHAT, b"[]", 400),
    ("POST", CHAT, b'"text"', 400),
    ("POST", CHAT, b"\xff\xfe", 400),
    ("POST", CHAT, b'{"model": "sandbox-chat"}', 400),
    ("POST", CHAT, b'{"model": null, "messages": []}', 400),
    ("POST", CHAT, b'{"model": "sandbox-chat", "messages": []}', 400),
    ("POST", CHAT, b'{"model": "sandbox-chat", "messages": [7]}', 400),
    ("POST", CHAT, b'{"model": "sandbox-chat", "messages": [{}], "max_tokens": 1e99}', 400),
    ("POST", CHAT, b"[" * 100_000, 400),
    ("POST", "/v1/embeddings", b'{"model": "sandbox-embedding"}', 400),
    ("POST", "/v1/completions", b'{"model": "sandbox-chat"}', 400),
    ("GET", CHAT, b"", 405),
    ("DELETE", CHAT, b"", 405),
    ("POST", "/v1/models", b"{}", 405),
    ("POST", "/v1/no/such/thing", b"{}", 404),
    ("POST", "/v1/fine_tuning/jobs", b"{}", 501),
    ("GET", "/v1/assistants", b"", 501),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), RELAY, ids=range(len(RELAY)))
@pytest.mark.usefixtures("nothing_written")
def test_the_relay_refuses_in_openais_envelope(sandbox: Server, method, path, body, status):
    answer = sandbox.http.request(method, path, content=body, headers=KEY)
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["message"] and error["type"] and "param" in error and "code" in error
    assert answer.headers["x-request-id"]
    assert "Traceback" not in answer.text


@pytest.mark.usefixtures("nothing_written")
def test_a_body_over_the_limit_is_refused(sandbox: Server):
    body = (
        b'{"model":"sandbox-chat","messages":[{"role":"user","content":"' + b"x" * 2**25 + b'"}]}'
    )
    answer = sandbox.http.post(CHAT, content=body, headers=KEY)
    assert answer.status_code == 413 and answer.json()["error"]["message"]


USER = "/api/user/"
CHANNEL = {"type": SANDBOX, "name": "c", "key": "k", "models": "m", "group": "default"}
API = [
    ("POST", "/api/user/login", b"{broken", 400),
    ("POST", "/api/user/login", b"[]", 400),
    ("POST", "/api/user/login", b'{"username": {"$gt": ""}, "password": {"$gt": ""}}', 400),
    ("POST", "/api/user/login", b'{"username": "root", "password": "wrong-password"}', 401),
    ("POST", USER, {"username": "x", "password": "short"}, 400),
    ("POST", USER, {"username": 7, "password": "password-1"}, 400),
    ("POST", USER, {"username": "ok", "password": "password-1", "surprise": 1}, 400),
    ("PUT", USER, {"id": 10**30, "display_name": "x"}, 400),
    ("PUT", USER, {"id": 4711, "display_name": "x"}, 404),
    ("POST", "/api/user/manage", {"username": "root", "action": "delete"}, 403),
    ("POST", "/api/user/manage", {"username": "root", "action": "explode"}, 400),
    ("POST", "/api/topup", {"user_id": 1, "quota": -5, "remark": ""}, 400),
    ("POST", "/api/topup", {"user_id": 1, "quota": 2**63, "remark": ""}, 400),
    ("POST", "/api/topup", {"user_id": 4711, "quota": 5, "remark": ""}, 404),
    ("POST", "/api/token/", {"name": "x" * 31}, 400),
    ("POST", "/api/token/", {"name": "x", "subnet": "300.1.1.1/8"}, 400),
    ("POST", "/api/token/", {"name": "x", "remain_quota": -1}, 400),
    ("POST", "/api/token/", {"name": "x", "remain_quota": 1.5}, 400),
    ("POST", "/api/channel/", {**CHANNEL, "type": 31337}, 400),
    ("POST", "/api/channel/", {**CHANNEL, "models": ""}, 400),
    ("POST", "/api/channel/", {**CHANNEL, "base_url": "ftp://x"}, 400),
    ("POST", "/api/channel/", {**CHANNEL, "model_mapping": "[]"}, 400),
    ("POST", "/api/channel/", {**CHANNEL, "config": "{"}, 400),
    ("POST", "/api/channel/", {**CHANNEL, "surprise": True}, 400),
    ("POST", "/api/redemption/", {"name": "x", "quota": 0, "count": 1}, 400),
    ("POST", "/api/redemption/", {"name": "x", "quota": 5, "count": 10**6}, 400),
    ("POST", "/api/redemption/", {"name": "x" * 21, "quota": 5, "count": 1}, 400),
    ("PUT", "/api/option/", {"key": "NoSuchOption", "value": "1"}, 400),
    ("PUT", "/api/option/", {"key": "RetryTimes", "value": "many"}, 400),
    ("PUT", "/api/option/", {"key": "GitHubOAuthEnabled", "value": "true"}, 400),
    ("PATCH", "/api/option/", {}, 405),
    ("GET", "/api/no/such", b"", 404),
    ("GET", "/api/channel/notanumber", b"", 404),
    ("GET", "/api/channel/4711", b"", 404),
    ("GET", "/api/ledger/events/no-such-event", b"", 404),
    ("GET", "/api/ledger/events?limit=many", b"", 400),
    ("GET", "/api/log/?start_timestamp=yesterday", b"", 400),
    ("DELETE", "/api/log/?target_timestamp=1", b"", 403),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), API, ids=range(len(API)))
@pytest.mark.usefixtures("nothing_written")
def test_the_management_api_refuses_in_its_envelope(sandbox: Server, method, path, body, status):
    headers = {"Authorization": ROOT_ACCESS_TOKEN}
    if isinstance(body, bytes):
        answer = sandbox.http.request(method, path, content=body, headers=headers)
    else:
        answer = sandbox.http.request(method, path, json=body, headers=headers)
    assert answer.status_code == status, answer.text
    said = answer.json()
    assert (said.get("success") is False and said["message"]) or said["error"]["message"]
    assert "Traceback" not in answer.text and "mongo" not in answer.text.lower()


def test_the_books_balance_after_all_this(sandbox: Server):
    assert "books balance" in sandbox.verified()
