"""Log lines: where they go, whose they are, and a new file at midnight for all who write to it."""

import logging
from collections.abc import Iterator
from logging.handlers import TimedRotatingFileHandler
from pathlib import Path

import pytest

from gateway import logs


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
    logs.set_up()
    logging.getLogger("tollgate.x").warning("alone")
    logs.set_up(worker=3)
    logging.getLogger("tollgate.x").warning("one of many")
    alone, of_many = capsys.readouterr().err.splitlines()
    assert alone.endswith(" WARNING tollgate.x: alone")
    assert of_many.endswith(" WARNING w3 tollgate.x: one of many")


def test_all_processes_follow_to_the_new_day_s_file(tmp_path: Path) -> None:
    logs.set_up(log_dir=tmp_path, worker=1)
    root = logging.getLogger()
    workers = list(root.handlers)
    logs.set_up(log_dir=tmp_path)
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
