"""Where log lines go, standard error and files when a directory is given, and how they look.

What people send and get is in no line, nor is a secret; a line about a request begins with
`request ID`, from which the JSON format takes the id.
"""

import asyncio
import logging
import re
import sys
import time
from datetime import date
from logging.handlers import TimedRotatingFileHandler, WatchedFileHandler
from pathlib import Path
from typing import Any

import orjson

from gateway.settings import Settings
from ledger.events import rfc3339

TEXT, JSON = "text", "json"
_FORMAT = "%(asctime)s %(levelname)s%(tag)s %(name)s: %(message)s"
FILES_KEPT = 30
ROLL_CHECK_S = 10.0
# They tell of every connection and of every address that is called, with the secrets in it.
_NOISY = ("pymongo", "motor", "asyncio", "aiohttp", "httpx", "httpcore", "tornado.access")
# It warns of every turn that a long job misses; gateway/jobs.py says what went wrong.
_NOISIER = ("apscheduler",)


def set_up(settings: Settings, worker: int | None = None) -> None:
    """Send the logs where they belong. Raises OSError when the directory cannot be used.

    A worker says its number in each line. It writes to the same file as all others and follows it
    when the parent begins a new one.
    """
    debug = settings.debug
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if settings.log_dir is not None:
        one_file = settings.only_one_log_file
        handlers.append(_file(settings.log_dir, one_file, worker is not None))
    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
    formatter = JsonFormatter(worker) if settings.log_format == JSON else TextFormatter(worker)
    for handler in handlers:
        handler.setFormatter(formatter)
        root.addHandler(handler)
    root.setLevel(logging.INFO if debug else logging.WARNING)
    logging.getLogger("tollgate").setLevel(logging.DEBUG if debug else logging.WARNING)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in _NOISIER:
        logging.getLogger(name).setLevel(logging.CRITICAL)


class TextFormatter(logging.Formatter):
    """A line for people. What looks like a secret is left out, whoever wrote it."""

    def __init__(self, worker: int | None) -> None:
        super().__init__(_FORMAT, defaults={"tag": "" if worker is None else f" w{worker}"})

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return without_secrets(super().format(record))


class JsonFormatter(logging.Formatter):
    """A JSON object a line: time, level, logger, worker, request_id, message, error and whatever
    `fields` a record brings with `extra`."""

    def __init__(self, worker: int | None) -> None:
        super().__init__()
        self._worker = {} if worker is None else {"worker": worker}

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        said: dict[str, Any] = {
            "time": rfc3339(int(record.created * 1_000_000)),
            "level": record.levelname,
            "logger": record.name,
            **self._worker,
            **_request_id(record),
            "message": without_secrets(record.getMessage()),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            said["error"] = without_secrets(self.formatException(record.exc_info))
        return orjson.dumps(said, default=str).decode()


def _request_id(record: logging.LogRecord) -> dict[str, str]:
    """Return the id of the request that a line is about: such lines begin with it."""
    args = record.args
    if isinstance(args, tuple) and args and str(record.msg).startswith("request %s"):
        return {"request_id": str(args[0])}
    return {}


def without_secrets(text: str) -> str:
    """Leave out what looks like a key, a password or a token: nobody means to log one."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


_SECRETS = (
    (re.compile(r"\b(sk-|AIza|ghp_|xox[bp]-)[\w.-]{8,}"), r"\1…"),
    (re.compile(r"(?i)\b(bearer|basic) +[\w.~+/=-]{8,}"), r"\1 …"),
    (re.compile(r"(://[^/\s:@]*:)[^@\s/]+@"), r"\1…@"),
    (re.compile(r"(?i)([?&](?:api_?|access_?)?(?:key|token|secret|password)=)[^&\s\"']+"), r"\1…"),
)


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
