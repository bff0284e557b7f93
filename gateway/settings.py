"""The one table of settings: name, flag, variable, reader, default and meaning of each.

Parts of it are in gateway/settings_care.py and others. From it come `tollgate serve --help`,
conf/.env.example and docs/settings.md (`python -m gateway.settings --write`). A flag beats the
environment, the environment beats the .env file, and an empty value counts as not set. Variables of
One API that are not in the table are in gateway/settings_oneapi.py: none is ignored in silence.
"""

import argparse
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from gateway import settings_oneapi
from gateway.addresses import Network, networks
from gateway.envfile import read_env_file
from gateway.settings_care import CARE, CareSettings
from gateway.settings_relay import RELAY, ROUTE, RelaySettings
from gateway.settings_types import (
    Row,
    SettingsError,
    boolean,
    choice,
    integer,
    long_secret,
    password,
    path,
    setting,
    signing_key,
    text,
    url,
    workers,
)

__all__ = [
    "Settings",
    "SettingsError",
    "add_flags",
    "environment_help",
    "gathered",
    "load",
    "resolve",
    "rows",
]
from gateway.settings_watch import WATCH, WatchSettings

SERVE, BOOKS, FIRST = "Serving", "Books", "First start and secrets"
CHARGE, LOGS = "Charging", "Logs and console"
LIMITS = "Limits"
SECTIONS = (SERVE, BOOKS, FIRST, RELAY, LIMITS, ROUTE, CARE, CHARGE, LOGS, WATCH)
MONGO = url("mongodb", "mongodb+srv")
REDIS = url("redis", "rediss")


@dataclass(frozen=True, kw_only=True)
class Settings(RelaySettings, CareSettings, WatchSettings):
    """Everything that can be set from outside. Names end in their unit: _s seconds, _bytes."""

    host: str = setting(SERVE, "HOST", "127.0.0.1", text, "Address to listen on.", flag="--host")
    port: int = setting(
        SERVE,
        "PORT",
        3000,
        integer(0, 65535),
        "Port to listen on; 0 takes a free one.",
        flag="--port",
    )
    ops_port: int | None = setting(
        SERVE,
        "OPS_PORT",
        None,
        integer(1, 65535),
        "A port of their own for /health and /metrics; they are on PORT when it is not set.",
        flag="--ops-port",
    )
    metrics_token: str | None = setting(
        SERVE,
        "METRICS_TOKEN",
        None,
        long_secret,
        "Bearer token that GET /metrics asks for. Without it /metrics answers on OPS_PORT, or, when"
        " that is not set either, only what comes from this machine and through no proxy.",
        secret=True,
    )
    trusted_proxies: tuple[Network, ...] = setting(
        SERVE,
        "TRUSTED_PROXIES",
        (),
        networks,
        "Networks of the proxies in front of this server, such as 127.0.0.1 for nginx on this"
        " machine: what they say in X-Forwarded-For and X-Forwarded-Proto is believed. Without it"
        " the address of a client is that of the connection.",
        shown_default="",
    )
    workers: int = setting(
        SERVE,
        "WORKERS",
        1,
        workers,
        "Processes that serve on the one port; auto is one for each core.",
        flag="--workers",
    )
    drain_timeout_s: int = setting(
        SERVE,
        "DRAIN_TIMEOUT",
        30,
        integer(0, 3600, "seconds"),
        "Seconds that open requests get to finish when the server is asked to stop.",
    )
    demo: bool = setting(
        SERVE,
        (),
        False,
        boolean,
        "Configure the sandbox provider and a demo key, and print a curl command that works.",
        flag="--demo",
        switch=True,
    )
    data_dir: Path = setting(
        BOOKS,
        "TOLLGATE_DATA_DIR",
        Path("data"),
        path,
        "Directory of the embedded database, the secret key and the spill file.",
        flag="--data-dir",
        shown_default="./data",
    )
    mongo_url: str | None = setting(
        BOOKS,
        "MONGO_URL",
        None,
        MONGO,
        "MongoDB (a replica set, or sharded) that holds the books; without it an embedded"
        " database runs in the data directory.",
        secret=True,
    )
    mongo_db: str = setting(BOOKS, "MONGO_DB", "tollgate", text, "Name of the database.")
    mongo_driver: str | None = setting(
        BOOKS,
        "MONGO_DRIVER",
        None,
        choice("motor", "pymongo"),
        "Client library: motor, or pymongo for PyMongo's own AsyncMongoClient. When empty: motor"
        " with MONGO_URL, pymongo with the embedded database.",
    )
    max_pending_events: int = setting(
        BOOKS,
        "MAX_PENDING_EVENTS",
        10_000,
        integer(1, 1_000_000),
        "Requests that may wait for their event to be recorded; more are answered 503.",
    )
    spill_max_bytes: int = setting(
        BOOKS,
        "SPILL_MAX_BYTES",
        268_435_456,
        integer(1_048_576, 1_099_511_627_776, "bytes"),
        "Largest size, in bytes, of each process's spill: the file in the data directory that keeps"
        " charges while the database is away. When it is full, requests are answered 503.",
    )
    min_free_disk_bytes: int = setting(
        BOOKS,
        "MIN_FREE_DISK_BYTES",
        67_108_864,
        integer(0, 1_099_511_627_776, "bytes"),
        "Bytes that must stay free on the disk of the data directory; with fewer, requests are"
        " answered 503 until there is room again.",
    )
    archive_dir: Path | None = setting(
        BOOKS,
        "ARCHIVE_DIR",
        None,
        path,
        "Directory of the archives of closed periods; statements and exports read archived events"
        " from there. Default: archive in the data directory.",
    )
    initial_root_password: str | None = setting(
        FIRST,
        "INITIAL_ROOT_PASSWORD",
        None,
        password,
        "Password of root, set when the books are first opened; without it a random one is"
        " printed once.",
        secret=True,
    )
    initial_root_token: str | None = setting(
        FIRST,
        "INITIAL_ROOT_TOKEN",
        None,
        text,
        "A key for clients that root gets when the books are first opened, with or without sk-.",
        secret=True,
    )
    initial_root_access_token: str | None = setting(
        FIRST,
        "INITIAL_ROOT_ACCESS_TOKEN",
        None,
        text,
        "The management token that root gets when the books are first opened.",
        secret=True,
    )
    session_secret: str | None = setting(
        FIRST,
        "SESSION_SECRET",
        None,
        text,
        "Signs the sign-in cookies; servers behind one address need the same one.",
        secret=True,
    )
    secret_key: str | None = setting(
        FIRST,
        "TOLLGATE_SECRET_KEY",
        None,
        long_secret,
        "Encrypts the secrets that are stored (upstream keys, keys, codes); without it a key is"
        " made in the data directory. Give every server on the same MongoDB the same one.",
        secret=True,
    )
    signing_key: str | None = setting(
        FIRST,
        "TOLLGATE_SIGNING_KEY",
        None,
        signing_key,
        "Signs the seals of the books (Ed25519): a file, PEM, or the base64 of 32 bytes; make one"
        " with `tollgate ledger keygen`. Every server on the same books needs the same one.",
        secret=True,
    )
    allow_unpriced_models: bool = setting(
        CHARGE,
        "ALLOW_UNPRICED_MODELS",
        False,
        boolean,
        "Serve models that have no price, free of charge, instead of refusing them.",
    )
    default_max_tokens: int = setting(
        CHARGE,
        "DEFAULT_MAX_TOKENS",
        4096,
        integer(1, 10_000_000, "tokens"),
        "Output tokens that credit is held for when a request names no max_tokens.",
    )
    hold_wait_s: int = setting(
        CHARGE,
        "HOLD_WAIT",
        30,
        integer(0, 600, "seconds"),
        "Seconds that a request waits for credit that other open requests hold, before it is"
        " answered 402.",
    )
    disconnect_policy: str = setting(
        CHARGE,
        "DISCONNECT_POLICY",
        "drain",
        choice("drain", "estimate", "input", "free"),
        "The charge when a client hangs up, or an upstream breaks off, in mid-answer: drain reads"
        " the upstream to its end and charges its usage, estimate charges what was relayed, input"
        " charges the input only, free charges nothing. The option InterruptionPolicy says it by"
        " model.",
    )
    redis_url: str | None = setting(
        LIMITS,
        "REDIS_CONN_STRING",
        None,
        REDIS,
        "Redis (redis:// or rediss://) in which all processes and nodes count limits together;"
        " without it, and while it is away, each process counts alone.",
        secret=True,
    )
    api_rate_limit: int = setting(
        LIMITS,
        "GLOBAL_API_RATE_LIMIT",
        180,
        integer(0, 1_000_000_000, "requests"),
        "Requests to /api that one address may make in three minutes; 0 is no limit. Behind a proxy"
        " set TRUSTED_PROXIES as well, or everybody has the proxy's address.",
    )
    web_rate_limit: int = setting(
        LIMITS,
        "GLOBAL_WEB_RATE_LIMIT",
        60,
        integer(0, 1_000_000_000, "requests"),
        "Times that one address may load a page of the console in three minutes; 0 is no limit. The"
        " files that a page is made of do not count.",
    )
    debug: bool = setting(LOGS, "DEBUG", False, boolean, "Log in detail.")
    log_dir: Path | None = setting(
        LOGS,
        "TOLLGATE_LOG_DIR",
        None,
        path,
        "Directory of log files; logs go to standard error only when it is not set.",
        flag="--log-dir",
    )
    only_one_log_file: bool = setting(
        LOGS, "ONLY_ONE_LOG_FILE", False, boolean, "Write one log file instead of one a day."
    )
    theme: str = setting(
        LOGS, "THEME", "default", choice("default", "compact"), "The console's theme."
    )
    notices: tuple[str, ...] = ()

    @property
    def archives(self) -> Path:
        """Where archives are kept."""
        return self.archive_dir or self.data_dir / "archive"

    @property
    def driver(self) -> str:
        """The client library in use: the one chosen, or the default for this kind of database."""
        return self.mongo_driver or ("motor" if self.mongo_url else "pymongo")


def rows() -> Iterator[tuple[str, Row, Any]]:
    """Yield attribute name, row and default of every setting, section by section."""
    found = [each for each in fields(Settings) if "row" in each.metadata]
    for each in sorted(found, key=lambda each: SECTIONS.index(each.metadata["row"].section)):
        yield each.name, each.metadata["row"], each.default


def add_flags(parser: argparse.ArgumentParser, names: Sequence[str] | None = None) -> None:
    """Give a parser the flags of these settings, or of all; values stay text until resolve()."""
    for name, row, default in rows():
        if row.flag is None or (names is not None and name not in names):
            continue
        note = "" if row.switch else _default_note(row, default)
        known_as = f" [{row.env[0]}]" if row.env else ""
        options: dict[str, Any] = {"dest": name, "help": f"{row.help}{note}{known_as}"}
        if row.switch:
            options |= {"action": "store_const", "const": "true"}
        else:
            options |= {"metavar": name.upper()}
        parser.add_argument(row.flag, **options)


def _default_note(row: Row, default: Any) -> str:
    shown = row.default_text(default)
    return f" Default: {shown}" if shown else ""


def environment_help() -> str:
    """Return the settings that have no flag, for the end of a help text."""
    lines = ["Settings that come from the environment or .env only:"]
    for _, row, default in rows():
        if row.flag is None:
            told = textwrap.wrap(f"{row.help}{_default_note(row, default)}", 70)
            lines += [f"  {', '.join(row.env)}", *(f"      {line}" for line in told)]
    return "\n".join(lines)


def resolve(flags: Mapping[str, Any], environ: Mapping[str, str], env_file: Path) -> Settings:
    """Return the settings that flags, environment and .env file give together.

    `flags` maps attribute names to text or None; names that are no setting are passed over.
    Raises SettingsError with every problem found.
    """
    problems: list[str] = []
    found = gathered(environ, env_file)
    values: dict[str, Any] = {}
    for name, row, default in rows():
        label, given = _given(name, row, flags, found)
        try:
            values[name] = default if given is None else row.read(given)
        except ValueError as error:
            problems.append(f"{label}{'' if row.secret else f'={given}'}: {error}")
    notices, refusals = settings_oneapi.judge(found)
    problems += refusals
    if values.get("session_secret") in settings_oneapi.EXAMPLE_SECRETS:
        values["session_secret"] = None
        notices.append("SESSION_SECRET is an example value and is not used; give a random one")
    if values.get("ops_port") is not None and values["ops_port"] == values.get("port"):
        problems.append(f"OPS_PORT={values['ops_port']}: PORT is the same; give another port")
    if problems:
        raise SettingsError(problems)
    return Settings(**values, notices=tuple(notices))


def gathered(environ: Mapping[str, str], env_file: Path) -> dict[str, str]:
    """Return the variables of environment and .env file together. Raises SettingsError."""
    try:
        found = read_env_file(env_file)
    except ValueError as error:
        raise SettingsError([str(error)]) from None
    return found | {name: value for name, value in environ.items() if value}


def _given(
    name: str, row: Row, flags: Mapping[str, Any], found: Mapping[str, str]
) -> tuple[str, str | None]:
    if row.flag is not None and flags.get(name):
        return row.flag, flags[name]
    for variable in row.env:
        if found.get(variable):
            return variable, found[variable]
    return row.label(), None


def load(
    argv: Sequence[str], environ: Mapping[str, str], env_file: Path = Path(".env")
) -> Settings:
    """Return the settings of `tollgate serve` with these flags. Raises SettingsError."""
    parser = argparse.ArgumentParser(prog="tollgate serve", allow_abbrev=False)
    add_flags(parser)
    return resolve(vars(parser.parse_args(argv)), environ, env_file)


if __name__ == "__main__":
    from gateway.settings_docs import main

    sys.exit(main(sys.argv[1:]))
