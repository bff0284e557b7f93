"""Two workers on one port: what an administrator changes, both obey within two seconds."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.server import Person, Server

OBEYED_WITHIN_S = 2.0
# Each of these is a connection of its own, so both workers answer some.
ASKED = 16


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory: Path = tmp_path_factory.mktemp("workers")
    started = Server(directory).start("--workers", "2")
    started.add_channel()
    yield started
    started.stop()


def answers(server: Server, key: str, model: str = "sandbox-chat") -> list[httpx.Response]:
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
    found = []
    for _ in range(ASKED):
        with httpx.Client(base_url=server.url, trust_env=False, timeout=30, verify=False) as client:
            headers = {"Authorization": f"Bearer sk-{key}"}
            found.append(client.post("/v1/chat/completions", headers=headers, json=body))
    return found


def obeyed(server: Server, key: str, is_right: Callable[[httpx.Response], bool]) -> None:
    """Wait no longer than is promised, then ask both workers."""
    until = time.monotonic() + OBEYED_WITHIN_S
    while time.monotonic() < until:
        if all(map(is_right, answers(server, key)[: ASKED // 4])):
            break
    wrong = [answer for answer in answers(server, key) if not is_right(answer)]
    assert not wrong, wrong[0].text


def person(server: Server, name: str) -> tuple[Person, dict[str, Any]]:
    found = server.add_user(name, 1_000_000)
    key = found.add_key(unlimited_quota=True)
    assert {answer.status_code for answer in answers(server, key["key"])} == {200}
    return found, key


def test_a_disabled_user_is_refused_by_both(server: Server) -> None:
    _, key = person(server, "disabled")
    server.api("POST", "/api/user/manage", {"username": "disabled", "action": "disable"})
    obeyed(server, key["key"], lambda answer: answer.status_code == 403)
    server.api("POST", "/api/user/manage", {"username": "disabled", "action": "enable"})
    obeyed(server, key["key"], lambda answer: answer.status_code == 200)


def test_a_deleted_and_a_rotated_key_are_refused_by_both(server: Server) -> None:
    owner, key = person(server, "rotates")
    turned = owner.api("POST", f"/api/token/{key['id']}/rotate")
    obeyed(server, key["key"], lambda answer: answer.status_code == 401)
    obeyed(server, turned["key"], lambda answer: answer.status_code == 200)
    owner.api("DELETE", f"/api/token/{key['id']}")
    obeyed(server, turned["key"], lambda answer: answer.status_code == 401)


def test_a_changed_price_is_charged_by_both(server: Server) -> None:
    _, key = person(server, "priced")
    before = {answer.headers["x-tollgate-cost"] for answer in answers(server, key["key"])}
    rows = [{"model": "sandbox-chat", "input": "123", "output": "456"}]
    server.api("POST", "/api/ledger/prices", {"set": rows, "note": "dearer"})
    obeyed(server, key["key"], lambda answer: answer.headers["x-tollgate-cost"] not in before)


def test_a_changed_option_and_a_disabled_channel_count_for_both(server: Server) -> None:
    _, key = person(server, "filtered")
    server.options(SensitiveWords="hi", CheckSensitiveEnabled="true")
    obeyed(server, key["key"], lambda answer: answer.status_code == 400)
    server.options(CheckSensitiveEnabled="false")
    obeyed(server, key["key"], lambda answer: answer.status_code == 200)
    (channel,) = server.api("GET", "/api/channel/")
    server.api("PUT", "/api/channel/", {"id": channel["id"], "status": 2})
    obeyed(server, key["key"], lambda answer: answer.status_code == 503 or answer.is_client_error)
