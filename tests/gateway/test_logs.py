"""Log lines: where they go, whose they are, and a new file at midnight for all who write to it."""

import json
import logging
from collections.abc import Iterator
from logging.handlers import TimedRotatingFileHandler
from pathlib import Path

import pytest

from gateway import logs
from gateway.settings import Settings
from tests.e2e.server import ROOT_KEY, Server
from tests.waiting import until_sync


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    product = logging.getLogger("tollgate").level
    yield
    for handler in set(root.handlers) - set(handlers):
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("tollgate").setLevel(product)


def test_a_worker_says_its_number_and_a_single_process_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.set_up(Settings())
    logging.getLogger("tollgate.x").warning("alone")
    logs.set_up(Settings(), 3)
    logging.getLogger("tollgate.x").warning("one of many")
    alone, of_many = capsys.readouterr().err.splitlines()
    assert alone.endswith(" WARNING tollgate.x: alone")
    assert of_many.endswith(" WARNING w3 tollgate.x: one of many")


def test_all_processes_follow_to_the_new_day_s_file(tmp_path: Path) -> None:
    logs.set_up(Settings(log_dir=tmp_path), 1)
    root = logging.getLogger()
    workers = list(root.handlers)
    logs.set_up(Settings(log_dir=tmp_path))
    root.handlers.extend(workers)
    log = logging.getLogger("tollgate.x")
    log.warning("yesterday")
    logs.roll_over()
    assert len(list(tmp_path.iterdir())) == 1, "it is not time yet"
    parents = next(h for h in root.handlers if isinstance(h, TimedRotatingFileHandler))
    parents.rolloverAt = 0
    logs.roll_over()
    log.warning("today")
    (old,) = (f for f in tmp_path.iterdir() if f.name != "tollgate.log")
    assert [line.rsplit(" ", 1)[1] for line in old.read_text().splitlines()] == ["yesterday"] * 2
    new = (tmp_path / "tollgate.log").read_text().splitlines()
    assert [line.rsplit(" ", 1)[1] for line in new] == ["today"] * 2
    for handler in workers:
        handler.close()


def test_json_lines_name_their_request(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(Settings(log_format="json"), 2)
    log = logging.getLogger("tollgate.x")
    try:
        raise ValueError("mongodb://me:hunter22@db/ is wrong")
    except ValueError:
        log.exception("request %s failed: %s", "abc", "Bearer sk-1234567890abcdef\nsecond line")
    log.warning("no request here, %d", 7, extra={"fields": {"took_ms": 5}})
    first, second = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert first["request_id"] == "abc" and first["worker"] == 2 and first["level"] == "ERROR"
    assert first["time"].endswith("Z") and "ValueError" in first["error"]
    assert "hunter" not in first["error"] and "123456" not in first["message"]
    assert "request_id" not in second and second["took_ms"] == 5


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("key sk-abcdefgh12345678 refused", "key sk-… refused"),
        ("GET https://x/v1?key=abc123&a=1", "GET https://x/v1?key=…&a=1"),
        ("redis://:hunter22@host:1/0 is away", "redis://:…@host:1/0 is away"),
        ("Authorization: Bearer abcdefghijk", "Authorization: Bearer …"),
        ("https://example.org/a:b@c and 10:30", "https://example.org/a:b@c and 10:30"),
    ],
)
def test_what_looks_like_a_secret_is_left_out(text: str, left: str) -> None:
    assert logs.without_secrets(text) == left


@pytest.mark.database
def test_a_server_s_log_tells_of_requests_and_never_what_was_said(tmp_path: Path) -> None:
    pytest.importorskip("secantus", reason="the embedded database is not installed")
    settings = {"DEBUG": "true", "LOG_FORMAT": "json", "SLOW_REQUEST_MS": "1"}
    server = Server(tmp_path, **settings).start("--log-dir", str(tmp_path / "logs"))
    server.add_channel()
    server.add_channel(
        type=1, name="away", key="upstream-secret", models="gpt-4o", base_url="http://127.0.0.1:9"
    )
    headers = {"Authorization": f"Bearer sk-{ROOT_KEY}"}
    ids = []
    for model, status in (("sandbox-chat", 200), ("gpt-4o", 502)):
        body = {"model": model, "messages": [{"role": "user", "content": "my own pineapple"}]}
        answer = server.http.post("/v1/chat/completions", json=body, headers=headers)
        assert answer.status_code == status, answer.text
        ids.append(answer.headers["x-request-id"])
    log = tmp_path / "logs" / "tollgate.log"
    until_sync(lambda: log.read_text().count("was slow: endpoint chat.completions") == 2)
    server.stop()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    slow = {each.get("request_id"): each for each in lines if each["logger"] == "tollgate.slow"}
    good, bad = (slow[each] for each in ids)
    assert (good["model"], good["status"], good["user"]) == ("sandbox-chat", 200, 1)
    assert good["took_ms"] >= good["upstream_ms"] >= 0 and bad["status"] == 502
    assert any(each.get("request_id") == ids[1] for each in lines if "slow" not in each["logger"])
    for text in (log.read_text(), server.log.read_text()):
        for secret in ("pineapple", ROOT_KEY, "upstream-secret", "Sandbox answer"):
            assert secret not in text
