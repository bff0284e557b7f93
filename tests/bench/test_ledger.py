"""The ledger's benchmark runs, and its books are right; how fast it is, is not checked here."""

import pytest

from tests.bench import ledger


@pytest.mark.timeout(300)
async def test_a_small_run_measures_everything(capsys: pytest.CaptureFixture[str]) -> None:
    table = await ledger.run(300, 100, 1, small_events=150)
    lines = {what.strip(): value for what, value, _, _ in table.lines}
    assert {"recorded and projected", "rebuild", "verify", "log pages, p95"} <= set(lines)
    assert lines["statement, peak resident"].endswith("lines")
    assert "a rare model, any page" in capsys.readouterr().out
