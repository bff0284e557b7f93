"""Where log lines go: standard error, and files when a directory is given."""

import asyncio
import logging
import sys
import time
from datetime import date
from logging.handlers import TimedRotatingFileHandler, WatchedFileHandler
from pathlib import Path

_FORMAT = "%(asctime)s %(levelname)s%(tag)s %(name)s: %(message)s"
FILES_KEPT = 30
ROLL_CHECK_S = 10.0
# They tell of every connection; that is of use to their own developers only.
_NOISY = ("pymongo", "motor", "asyncio", "aiohttp", "tornado.access")
# It warns of every turn that a long job misses; gateway/jobs.py says what went wrong.
_NOISIER = ("apscheduler",)


def set_up(
    *,
    debug: bool = False,
    log_dir: Path | None = None,
    one_file: bool = False,
    worker: int | None = None,
) -> None:
    """Send the logs where they belong. Raises OSError when the directory cannot be used.

    A worker says its number in each line. It writes to the same file as all others and follows it
    when the parent begins a new one.
    """
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if log_dir is not None:
        handlers.append(_file(log_dir, one_file, worker is not None))
    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
    formatter = logging.Formatter(
        _FORMAT, defaults={"tag": "" if worker is None else f" w{worker}"}
    )
    for handler in handlers:
        handler.setFormatter(formatter)
        root.addHandler(handler)
    root.setLevel(logging.INFO if debug else logging.WARNING)
    logging.getLogger("tollgate").setLevel(logging.DEBUG if debug else logging.WARNING)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in _NOISIER:
        logging.getLogger(name).setLevel(logging.CRITICAL)


async def keep_rolling() -> None:
    """Begin the new day's file on time, for those who follow it, also when there is no line."""
    while True:
        await asyncio.sleep(ROLL_CHECK_S)
        roll_over()


def roll_over() -> None:
    """Begin a new file if it is time to."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, TimedRotatingFileHandler) and time.time() >= handler.rolloverAt:
            handler.doRollover()


def _file(log_dir: Path, one_file: bool, follow: bool) -> logging.Handler:
    log_dir.mkdir(parents=True, exist_ok=True)
    path = log_dir / "tollgate.log"
    if one_file:
        return logging.FileHandler(path, encoding="utf-8")
    if follow:
        return WatchedFileHandler(path, encoding="utf-8")
    handler = TimedRotatingFileHandler(
        path, when="midnight", backupCount=FILES_KEPT, encoding="utf-8"
    )
    handler.suffix = "%Y%m%d"
    handler.namer = _dated
    return handler


def _dated(name: str) -> str:
    """Name a finished day's file tollgate-YYYYMMDD.log."""
    path = Path(name)
    day = path.suffix.removeprefix(".") or f"{date.today():%Y%m%d}"
    return str(path.parent / f"tollgate-{day}.log")
