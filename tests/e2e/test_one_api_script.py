"""A script in the words of One API's API sets up a whole instance and reads it back.

Only what One API documents: its routes, bodies and envelope, over plain HTTP, with its access token
in `Authorization` without a scheme. It is kept as the proof that such scripts go on working.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.server import ROOT_ACCESS_TOKEN, Server, items

MODELS = "sandbox-chat,gpt-4o-mini"


class Script:
    """A client of One API, as people write them."""

    def __init__(self, url: str, token: str) -> None:
        self.http = httpx.Client(base_url=url, headers={"Authorization": token}, timeout=30)

    def call(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        """Call and unwrap the envelope."""
        answer = self.http.request(method, path, json=body, params=params or None)
        said = answer.json()
        assert said["success"] is True, (method, path, said)
        assert {"message", "data"} <= said.keys() or path.startswith("/api/channel/test")
        return said.get("data", said)


@pytest.fixture
def script(sandbox: Server) -> Iterator[Script]:
    made = Script(sandbox.url, ROOT_ACCESS_TOKEN)
    with made.http:
        yield made


def test_a_whole_instance(sandbox: Server, script: Script, tmp_path: Path) -> None:
    # Options: numbers and booleans travel as text.
    for key, value in {
        "QuotaForNewUser": "5000",
        "QuotaForInviter": "0",
        "RetryTimes": "1",
        "SystemName": "The Resale",
        "Notice": "# Hello",
        "TopUpLink": "https://shop.example/top-up",
        "ModelRatio": '{"sandbox-chat": 0.5, "gpt-4o-mini": 0.075}',
        "CompletionRatio": '{"sandbox-chat": 2, "gpt-4o-mini": 4}',
        "GroupRatio": '{"default": 1, "vip": 0.8}',
    }.items():
        script.call("PUT", "/api/option/", {"key": key, "value": value})
    options = {row["key"]: row["value"] for row in script.call("GET", "/api/option/")}
    assert (options["QuotaForNewUser"], options["RetryTimes"]) == ("5000", "1")
    assert '"vip"' in options["GroupRatio"] and "SMTPToken" not in options
    status = script.call("GET", "/api/status")
    assert status["system_name"] == "The Resale" and status["quota_per_unit"] == 500_000
    assert script.call("GET", "/api/notice") == "# Hello"
    assert script.call("GET", "/api/group/") == ["default", "vip"]

    # A channel, tested, edited in part, and read back without its key.
    channel = {
        "name": "first",
        "type": sandbox_type(script),
        "key": "not-needed",
        "base_url": "",
        "other": "",
        "models": MODELS,
        "group": "default,vip",
        "model_mapping": "",
        "groups": ["default", "vip"],
        "config": "{}",
        "system_prompt": "",
    }
    script.call("POST", "/api/channel/", channel)
    (row,) = [r for r in script.call("GET", "/api/channel/", p=0) if r["name"] == "first"]
    assert "key" not in row and row["models"] == MODELS
    script.call("PUT", "/api/channel/", {"id": row["id"], "priority": 9})
    script.call("PUT", "/api/channel/", {"id": row["id"], "status": 2})
    script.call("PUT", "/api/channel/", {"id": row["id"], "status": 1})
    tested = script.call("GET", f"/api/channel/test/{row['id']}", model="sandbox-chat")
    assert tested["success"] and tested["modelName"] == "sandbox-chat" and tested["time"] >= 0
    found = script.call("GET", "/api/channel/search", keyword="fir")
    assert [r["id"] for r in found] == [row["id"]]

    # A user, signed in with a cookie, promoted and demoted, with credit.
    script.call(
        "POST",
        "/api/user/",
        {"username": "carol", "password": "carols-password", "display_name": "Carol"},
    )
    (carol,) = script.call("GET", "/api/user/search", keyword="carol")
    assert carol["quota"] == 5_000 and "password" not in carol and "access_token" not in carol
    script.call("PUT", "/api/user/", {**carol, "password": "", "group": "vip", "quota": 1_000_000})
    for action, role in (("promote", 10), ("demote", 1)):
        done = script.call("POST", "/api/user/manage", {"username": "carol", "action": action})
        assert done["role"] == role
    script.call("POST", "/api/topup", {"user_id": carol["id"], "quota": 500, "remark": "thanks"})
    assert script.call("GET", f"/api/user/{carol['id']}")["quota"] == 1_000_500

    # Codes, made in a batch; one redeemed by its user.
    codes = script.call("POST", "/api/redemption/", {"name": "ten", "quota": 100, "count": 3})
    assert len(codes) == 3
    hers = Script(sandbox.url, "")
    hers.http.headers.pop("Authorization")
    signed_in = hers.call(
        "POST", "/api/user/login", {"username": "carol", "password": "carols-password"}
    )
    assert signed_in["id"] == carol["id"] and signed_in["role"] == 1
    assert hers.call("POST", "/api/user/topup", {"key": codes[0]}) == 100
    assert [row["status"] for row in script.call("GET", "/api/redemption/", p=0)][:3] == [1, 1, 3]

    # Her key, by which she asks; the log and the counts of it.
    key = {
        "name": "laptop",
        "remain_quota": 500_000,
        "expired_time": -1,
        "unlimited_quota": False,
        "models": "sandbox-chat",
        "subnet": "",
    }
    hers.call("POST", "/api/token/", key)
    (made,) = [row for row in hers.call("GET", "/api/token/", p=0) if row["name"] == "laptop"]
    assert made["status"] == 1 and made["remain_quota"] == 500_000
    answer = httpx.post(
        f"{sandbox.url}/v1/chat/completions",
        headers={"Authorization": f"Bearer sk-{made['key']}"},
        json={"model": "sandbox-chat", "messages": [{"role": "user", "content": "Hello"}]},
        timeout=30,
    )
    assert answer.status_code == 200, answer.text
    after = hers.call("GET", f"/api/token/{made['id']}")
    spent = 500_000 - after["remain_quota"]
    assert spent > 0 and after["used_quota"] == spent
    log = items(hers.call("GET", "/api/log/self", p=0, type=2))
    assert [(row["token_name"], row["model_name"]) for row in log] == [("laptop", "sandbox-chat")]
    assert hers.call("GET", "/api/log/self/stat", type=2)["quota"] == log[0]["quota"]
    everybody = script.call("GET", "/api/log/", p=0, type=2, username="carol")
    assert len(everybody) == 1 and everybody[0]["channel"] == row["id"]
    hers.call("PUT", "/api/token/?status_only=true", {"id": made["id"], "status": 2})
    hers.call("DELETE", f"/api/token/{made['id']}")
    assert hers.call("GET", "/api/user/self")["request_count"] == 1
    assert len(hers.call("GET", "/api/user/aff")) == 8
    assert "sandbox-chat" in hers.call("GET", "/api/user/available_models")
    assert isinstance(hers.call("GET", "/api/user/dashboard"), list)

    # And away again.
    script.call("DELETE", f"/api/redemption/{script.call('GET', '/api/redemption/')[0]['id']}")
    script.call("DELETE", f"/api/channel/{row['id']}")
    script.call("DELETE", f"/api/user/{carol['id']}")
    assert script.call("GET", "/api/user/search", keyword="carol") == []
    hers.call("GET", "/api/user/logout")
    hers.http.close()
    assert sandbox.verified()


def sandbox_type(script: Script) -> int:
    """The type of channels that answer locally."""
    types = script.call("GET", "/api/channel/types")
    return next(int(row["type"]) for row in types if row["protocol"] == "sandbox")
