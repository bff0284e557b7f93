"""Where log lines go: standard error, and files when a directory is given."""

import logging
import sys
from datetime import date
from logging.handlers import TimedRotatingFileHandler
from pathlib import Path

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
FILES_KEPT = 30
# They tell of every connection; that is of use to their own developers only.
_NOISY = ("pymongo", "motor", "asyncio", "aiohttp", "tornado.access")
# It warns of every turn that a long job misses; gateway/jobs.py says what went wrong.
_NOISIER = ("apscheduler",)


def set_up(*, debug: bool = False, log_dir: Path | None = None, one_file: bool = False) -> None:
    """Send the logs where they belong. Raises OSError when the directory cannot be used."""
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if log_dir is not None:
        handlers.append(_file(log_dir, one_file))
    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
    for handler in handlers:
        handler.setFormatter(logging.Formatter(_FORMAT))
        root.addHandler(handler)
    root.setLevel(logging.INFO if debug else logging.WARNING)
    logging.getLogger("tollgate").setLevel(logging.DEBUG if debug else logging.WARNING)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in _NOISIER:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _file(log_dir: Path, one_file: bool) -> logging.Handler:
    log_dir.mkdir(parents=True, exist_ok=True)
    path = log_dir / "tollgate.log"
    if one_file:
        return logging.FileHandler(path, encoding="utf-8")
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
