"""Metrics: counted, added up over processes, written as Prometheus reads them, and not for all."""

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from gateway import metrics
from gateway.metrics import TABLE, Counts, Snapshot, cumulative, merge, render
from tests.e2e.server import Server, free_port
from tests.waiting import until_sync

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def parsed(text: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def written(snapshot: Snapshot) -> Samples:
    text, content_type = render(snapshot)
    assert content_type.startswith("text/plain")
    return parsed(text.decode())


def sample(samples: Samples, name: str, **labels: str) -> float:
    return samples[(f"tollgate_{name}", frozenset(labels.items()))]


def test_names_are_unique_and_said_in_words() -> None:
    assert len({row.name for row in TABLE}) == len(TABLE)
    for row in TABLE:
        assert row.help.endswith("."), row.name
        assert (row.kind == metrics.HISTOGRAM) == bool(row.buckets), row.name
        assert list(row.buckets) == sorted(row.buckets), row.name
        assert row.merge in ("sum", "max", "min"), row.name


def test_a_histogram_is_written_cumulatively() -> None:
    counts = Counts()
    for value in (0.005, 0.006, 1.0, 1_000.0):
        counts["request_seconds"].observe(("chat",), value)
    found = written(counts.snapshot())
    assert sample(found, "request_seconds_bucket", endpoint="chat", le="0.005") == 1
    assert sample(found, "request_seconds_bucket", endpoint="chat", le="0.01") == 2
    assert sample(found, "request_seconds_bucket", endpoint="chat", le="300.0") == 3
    assert sample(found, "request_seconds_bucket", endpoint="chat", le="+Inf") == 4
    assert sample(found, "request_seconds_count", endpoint="chat") == 4
    assert sample(found, "request_seconds_sum", endpoint="chat") == pytest.approx(1_001.011)


def test_counters_without_labels_are_there_from_the_start() -> None:
    found = written(Counts().snapshot())
    assert sample(found, "worker_restarts_total") == 0
    assert sample(found, "append_seconds_count") == 0


def test_labels_of_a_metric_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "MOST_SERIES", 3)
    counts = Counts()
    for number in range(10):
        counts["charged_usd"].add((f"model-{number}",), 1)
        counts["first_token_seconds"].observe((f"endpoint-{number}",), 1)
    found = written(counts.snapshot())
    assert sample(found, "charged_usd_total", model="model-2") == 1
    assert sample(found, "charged_usd_total", model="other") == 7
    assert sample(found, "first_token_seconds_count", endpoint="other") == 7


def test_odd_label_values_survive() -> None:
    counts = Counts()
    counts["charged_usd"].add(('a "quoted"\\ model\n模型',), 2)
    assert sample(written(counts.snapshot()), "charged_usd_total", model='a "quoted"\\ model\n模型')


def test_gauges_of_several_processes_are_joined_as_the_table_says() -> None:
    one, other = Counts(), Counts()
    for counts, pending, stalled, up in ((one, 3, 0.0, 1), (other, 4, 2.5, 0)):
        counts["appender_pending"].put(pending)
        counts["appender_stalled_seconds"].put(stalled)
        counts["database_up"].put(up)
    found = written(merge([one.snapshot(), other.snapshot()]))
    assert sample(found, "appender_pending") == 7
    assert sample(found, "appender_stalled_seconds") == 2.5
    assert sample(found, "database_up") == 0


def test_what_an_older_or_newer_worker_sends_does_no_harm() -> None:
    assert "gone" not in merge([{"gone": {(): 1.0}}, Counts().snapshot()])


@given(st.lists(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 400))), max_size=4))
def test_processes_together_count_what_one_would_have(
    processes: list[list[tuple[str, int]]],
) -> None:
    apart, alone = [Counts() for _ in processes], Counts()
    for counts, seen in zip(apart, processes, strict=True):
        for endpoint, value in seen:
            for each in (counts, alone):
                each["requests"].add((endpoint, "200"))
                each["request_seconds"].observe((endpoint,), value)
    together = merge(counts.snapshot() for counts in apart)
    assert {n: s for n, s in together.items() if any(s.values())} == {
        n: s for n, s in cumulative(alone.snapshot()).items() if s and any(s.values())
    } or not processes
    assert written(merge([alone.snapshot()])) == written(merge([together, Counts().snapshot()]))


# -- a real server, several processes


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    pytest.importorskip("secantus", reason="the embedded database is not installed")
    server = Server(tmp_path_factory.mktemp("metrics")).start("--workers", "2")
    until_sync(lambda: "is ready at" in server.log.read_text())
    server.add_channel()
    yield server
    server.stop()


def scraped(server: Server, **headers: str) -> Samples:
    with httpx.Client(base_url=server.url, trust_env=False) as http:
        answer = http.get("/metrics", headers=headers)
    assert answer.status_code == 200, answer.text
    check_form(answer.text)
    return parsed(answer.text)


def check_form(text: str) -> None:
    """What a scraper and promtool insist on, of the whole answer of a server that runs."""
    promtool = shutil.which("promtool")
    if promtool is not None:
        done = subprocess.run(
            [promtool, "check", "metrics"], input=text, capture_output=True, text=True
        )
        assert done.returncode in (0, 3), done.stderr  # 3: advice about names
    families = list(text_string_to_metric_families(text))
    known = {f"tollgate_{row.name}": row for row in TABLE}
    assert [family.name for family in families] == list(known), "each once, all of them"
    for family in families:
        row = known[family.name]
        assert (family.type, family.documentation) == (row.kind, row.help)
        buckets: dict[tuple[str, ...], list[float]] = {}
        for each in family.samples:
            assert set(each.labels) - {"le"} == set(row.labels), each
            if each.name.endswith("_bucket"):
                series = tuple(each.labels[label] for label in row.labels)
                buckets.setdefault(series, []).append(each.value)
        for series, values in buckets.items():
            assert values == sorted(values), (family.name, series)
            assert len(values) == len(row.buckets) + 1


def ask(server: Server, times: int, **more: object) -> None:
    """Ask over a new connection each time, so that all workers are asked."""
    headers = {"Authorization": f"Bearer {server.environ['INITIAL_ROOT_TOKEN']}"}
    body = {"model": "sandbox-chat", "messages": [{"role": "user", "content": "Hi"}], **more}
    done = 0
    while done < times:
        with httpx.Client(base_url=server.url, timeout=60, trust_env=False) as http:
            answer = http.post("/v1/chat/completions", json=body, headers=headers)
        done += answer.status_code == 200


@pytest.mark.database
@pytest.mark.timeout(240)
def test_a_scrape_shows_the_sum_of_all_workers_and_counters_outlive_them(server: Server) -> None:
    ask(server, 20)
    ask(server, 10, stream=True)
    with httpx.Client(base_url=server.url, trust_env=False) as http:
        refused = http.post("/v1/chat/completions", json={}, headers={"Authorization": "Bearer x"})
        assert refused.status_code == 401

    charges = {"endpoint": "chat.completions", "model": "sandbox-chat", "outcome": "complete"}
    until_sync(lambda: sample(scraped(server), "charges_total", **charges) >= 30)
    found = scraped(server)
    events = server.events(type="usage.charged")
    assert sample(found, "charges_total", **charges) == len(events) == 30
    usd = -sum(event["amount_nano"] for event in events) / 1e9
    assert sample(found, "charged_usd_total", model="sandbox-chat") == pytest.approx(usd)
    output = sum(event["body"]["usage"]["output"] for event in events)
    tokens = {"model": "sandbox-chat", "class": "output"}
    assert sample(found, "tokens_total", **tokens) == output
    answered = {"endpoint": "chat.completions", "status": "200"}
    assert sample(found, "requests_total", **answered) >= 30
    assert sample(found, "refused_total", reason="invalid_api_key") == 1
    assert sample(found, "first_token_seconds_count", endpoint="chat.completions") == 10
    tried = {"channel": "1", "status": "200"}
    assert sample(found, "attempts_total", **tried) >= 30
    assert sample(found, "upstream_seconds_count", channel="1") >= 30
    chats = {"endpoint": "chat.completions"}
    assert sample(found, "overhead_seconds_count", **chats) >= 30
    assert (
        0
        < sample(found, "overhead_seconds_sum", **chats)
        < sample(found, "request_seconds_sum", **chats)
    )
    assert sample(found, "workers") == 2
    assert sample(found, "leader") == 1
    assert sample(found, "database_up") == 1

    until_sync(lambda: _killed_one(server))
    until_sync(lambda: "is back as process" in server.log.read_text())
    after = scraped(server)
    assert sample(after, "worker_restarts_total") == 1
    assert sample(after, "workers") == 2
    ask(server, 5)
    until_sync(lambda: sample(scraped(server), "charges_total", **charges) >= 30)
    reported = sample(scraped(server), "charges_total", **charges)
    assert 30 <= reported <= 35


def _killed_one(server: Server) -> bool:
    """Kill a worker after it had the time to report."""
    assert server.process is not None
    for process in psutil.Process(server.process.pid).children():
        if "gateway.worker" in process.cmdline() and time.time() - process.create_time() > 3:
            process.send_signal(signal.SIGKILL)
            return True
    return False


@pytest.mark.database
def test_metrics_are_for_this_machine_unless_told_otherwise(server: Server) -> None:
    assert scraped(server)
    for header in ("X-Forwarded-For", "X-Real-IP", "Forwarded", "Via"):
        with httpx.Client(base_url=server.url, trust_env=False) as http:
            answer = http.get("/metrics", headers={header: "127.0.0.1"})
        assert answer.status_code == 403 and "METRICS_TOKEN" in json.loads(answer.text)["error"]


@pytest.mark.database
def test_a_port_of_their_own_and_a_token(tmp_path: Path) -> None:
    pytest.importorskip("secantus", reason="the embedded database is not installed")
    token, ops_port = "t" * 20, free_port()
    server = Server(tmp_path, METRICS_TOKEN=token, OPS_PORT=str(ops_port)).start()
    with httpx.Client(trust_env=False) as http:
        ops = f"http://127.0.0.1:{ops_port}"
        assert http.get(f"{server.url}/metrics").status_code == 404
        assert http.get(f"{ops}/metrics").status_code == 403
        wrong = {"Authorization": f"Bearer {token}x"}
        assert http.get(f"{ops}/metrics", headers=wrong).status_code == 403
        right = {"Authorization": f"Bearer {token}"}
        assert http.get(f"{ops}/metrics", headers=right).status_code == 200
        assert http.get(f"{ops}/health/ready").json() == {"status": "ready"}
        openmetrics = right | {"Accept": "application/openmetrics-text; version=1.0.0"}
        answer = http.get(f"{ops}/metrics", headers=openmetrics)
        assert answer.text.endswith("# EOF\n")
    server.stop()
