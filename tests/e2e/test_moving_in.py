"""From One API to a running Tollgate: killed on the way, run again, and the old keys work."""

import subprocess
from pathlib import Path

import openai

from tests.e2e.server import ROOT_ACCESS_TOKEN, SANDBOX, Server
from tests.old_system import CODE, KEY, PASSWORD, ROOT_KEY, USED_CODE, OldSystem

PER_QUOTA = 2_000
ROOT_QUOTA = 7_000_000
USERS = 520


def old_system(path: Path) -> OldSystem:
    """A One API with more users than one step stores."""
    old = OldSystem(path)
    old.user(1, "boss", ROOT_QUOTA, role=100, access_token=ROOT_ACCESS_TOKEN)
    old.user(2, "李雷", 1_000_000)
    more = [(n, f"u{n}", "$2a$04$x", n) for n in range(3, USERS)]
    old.add_many("users", ("id", "username", "password", "quota"), more)
    old.add("tokens", id=1, user_id=1, key=ROOT_KEY, unlimited_quota=1, name="default")
    old.add("tokens", id=2, user_id=2, key=KEY, remain_quota=500_000, models="sandbox-chat")
    old.add("channels", id=1, type=SANDBOX, key="none", name="sandbox", models="sandbox-chat")
    old.add("redemptions", id=1, user_id=1, key=CODE, name="gift", quota=250, created_time=1)
    old.add("redemptions", id=2, user_id=1, key=USED_CODE, name="gift", quota=250, status=3)
    names = ("id", "user_id", "created_at", "type", "username", "token_name", "model_name", "quota")
    old.add_many("logs", names, [(n, 2, n, 2, "李雷", "默认", "gpt-4o", n) for n in range(1, 21)])
    old.add("logs", id=21, user_id=9_999, created_at=21, type=2, username="gone", quota=5)
    return old


def kill_on_the_way(server: Server, source: Path) -> None:
    """Begin to import, and kill it as soon as it says that users are stored."""
    with subprocess.Popen(
        server.command("import", "one-api", str(source)),
        cwd=server.directory,
        env={**server.environ, "TOLLGATE_DATA_DIR": str(server.directory / "data")},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if line.startswith("accounts: 500 of"):
                break
        process.kill()
        process.stdout.close()
    assert said[-1].startswith("accounts: 500 of"), said


def history_is_told_apart(server: Server, cost: int) -> None:
    """Root and 李雷 see the old log behind the new, and no sum has it."""
    root = {"Authorization": ROOT_ACCESS_TOKEN}
    requests = server.http.get("/api/log/?type=2&page_size=100", headers=root).json()
    old = [row for row in requests["data"] if row.get("history")]
    assert requests["data"][1:] == old and requests["total"] == 22
    assert [row["created_at"] for row in old] == [*range(21, 0, -1)]
    assert (old[0]["user_id"], old[0]["username"], old[0]["quota"]) == (0, "gone", 5)
    assert {(row["amount"], row["event_id"]) for row in old} == {(None, "")}
    paged = server.http.get("/api/log/?p=1&type=2", headers=root).json()
    assert [row["created_at"] for row in paged["data"]] == [*range(12, 2, -1)]
    stat = server.api("GET", "/api/log/stat?username=李雷")
    assert (stat["amount_nano"], stat["count"]) == (cost, 1)
    assert stat["history"] == {"quota": 210, "count": 20, "in_sums": False}
    assert len(server.api("GET", "/api/log/?username=gone")) == 1
    login = {"username": "李雷", "password": PASSWORD}
    assert server.http.post("/api/user/login", json=login).json()["success"]
    mine = server.http.get("/api/log/self/search?keyword=gpt-4o&page_size=100").json()
    assert mine["total"] == 20 and all(row["history"] for row in mine["data"])
    assert server.http.get("/api/log/self?type=2").json()["total"] == 21
    server.http.cookies.clear()


def test_the_old_keys_work(server: Server, tmp_path: Path) -> None:
    source = old_system(tmp_path / "one-api.db").path
    kill_on_the_way(server, source)
    done = server.cli("import", "one-api", str(source))
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert f"Proved: {USERS} openings" in done.stdout and "The books balance" in done.stdout
    # The credit of the first start is gone: root has what root had.
    assert server.balance_nano("user:1") == ROOT_QUOTA * PER_QUOTA
    assert len(server.events(type="balance.opened")) == USERS + 1

    hello = [{"role": "user", "content": "Say something about ledgers."}]
    with openai.OpenAI(api_key=f"sk-{KEY}", base_url=f"{server.url}/v1") as client:
        assert [model.id for model in client.models.list()] == ["sandbox-chat"]
        answer = client.chat.completions.create(model="sandbox-chat", messages=hello, max_tokens=20)
    assert answer.choices[0].message.content
    [charge] = server.events(type="usage.charged")
    cost = -int(charge["amount_nano"])
    assert cost > 0
    assert server.balance_nano("user:2") == 1_000_000 * PER_QUOTA - cost
    assert server.balance_nano("key:2") == 500_000 * PER_QUOTA - cost

    history_is_told_apart(server, cost)
    login = {"username": "李雷", "password": PASSWORD}
    assert server.http.post("/api/user/login", json=login).json()["success"]
    assert server.http.post("/api/user/topup", json={"key": CODE}).json()["data"] == 250
    for code in (CODE, USED_CODE):
        assert not server.http.post("/api/user/topup", json={"key": code}).json()["success"]
    server.http.cookies.clear()
    codes = {row["id"]: row for row in server.api("GET", "/api/redemption/?p=0")}
    assert codes[1]["status"] == codes[2]["status"] == 3
    server.verified()
