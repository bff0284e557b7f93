"""conf/grafana.json asks for metrics that exist, by labels that they have."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from gateway.metrics import COUNTER, GAUGE, HISTOGRAM, PREFIX, TABLE

DASHBOARD = json.loads((Path(__file__).parents[2] / "conf" / "grafana.json").read_text())
# What Prometheus itself says of whom it scraped.
SCRAPED = {"job", "instance"}
SUFFIXES = {COUNTER: ("_total",), GAUGE: ("",), HISTOGRAM: ("_bucket", "_sum", "_count")}
LABELS = {
    f"{PREFIX}{row.name}{suffix}": {
        *row.labels,
        *SCRAPED,
        *(("le",) if suffix == "_bucket" else ()),
    }
    for row in TABLE
    for suffix in SUFFIXES[row.kind]
}
_METRIC = re.compile(rf"\b{PREFIX}\w+")
_SELECTOR = re.compile(rf"({PREFIX}\w+)\{{([^}}]*)\}}")


def queries() -> Iterator[tuple[str, str, str]]:
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"], target["legendFormat"]


def test_every_query_names_metrics_and_labels_that_exist() -> None:
    asked = set()
    for title, expr, legend in queries():
        metrics = set(_METRIC.findall(expr))
        assert metrics and metrics <= LABELS.keys(), title
        asked |= metrics
        for metric, selected in _SELECTOR.findall(expr):
            names = {each.split("=")[0].strip("!~") for each in selected.split(",")}
            assert names <= LABELS[metric], (title, metric, names)
            assert 'job="$job"' in selected, title
        both = set.intersection(*(LABELS[metric] for metric in metrics))
        grouped = {
            label.strip()
            for each in re.findall(r"by \(([^)]*)\)", expr)
            for label in each.split(",")
        }
        assert grouped <= both, (title, grouped)
        assert set(re.findall(r"{{(\w+)}}", legend)) <= grouped - {"le"}, title
        assert expr.count("(") == expr.count(")"), title
        rated = set(re.findall(rf"(?:rate|increase)\(({PREFIX}\w+)", expr))
        counts = ("_total", "_bucket", "_sum", "_count")
        assert rated == {metric for metric in metrics if metric.endswith(counts)}, title
    for wanted in (
        *(
            "requests_total",
            "refused_total",
            "request_seconds_bucket",
            "first_token_seconds_bucket",
        ),
        *("overhead_seconds_bucket", "tokens_total", "charged_usd_total", "loop_lag_seconds"),
        *("upstream_cost_usd_total", "channel_success_rate", "appender_pending", "resident_bytes"),
        *("event_batch_size_bucket", "projection_lag_events", "spilled_events"),
    ):
        assert f"{PREFIX}{wanted}" in asked


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
