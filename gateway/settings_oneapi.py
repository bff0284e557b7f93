"""The environment variables of One API that are no setting here, and what becomes of each.

A *noted* variable is accepted: what it asks for holds anyway, or there is nothing for it to do, and
one line says so at start. A *refused* one stops the start with a line that names it and tells what
to do, except where its value asks for what this version does anyway.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.settings_types import Reader, boolean, integer, text

EXAMPLE_SECRETS = frozenset({"random_string"})


@dataclass(frozen=True, slots=True)
class Foreign:
    """One variable: whether it is refused, why, the values that ask for nothing, its reader."""

    refused: bool
    why: str
    harmless: frozenset[str] = frozenset()
    read: Reader = text


def _refused(why: str, *harmless: str) -> Foreign:
    return Foreign(True, why, frozenset(harmless))


def _noted(why: str, read: Reader = text) -> Foreign:
    return Foreign(False, why, read=read)


_NO_SQL = "there is no SQL database here; remove it, and use MONGO_URL to say where the books are"
_NO_SENTINEL = (
    "Redis behind Sentinel is not supported; remove it, and name one Redis with its password in"
    " REDIS_CONN_STRING, such as redis://:password@host:6379/0"
)
_NO_GEMINI = "Gemini channels are not available in this version; remove it"
_CACHED = "has no effect: the directory is always cached, and fresh within 2 seconds"
_BATCHED = "has no effect: events are always written in batches, durably, before an answer ends"
_COUNTED = "has no effect: a channel's results are counted at once, so none of them queue"
_PROXIED = "has no effect: calls to upstreams go direct; use RELAY_PROXY"
_SECONDS = integer(1, 31_536_000, "seconds")
_OFF = ("false", "0")

FOREIGN: Mapping[str, Foreign] = {
    "SQL_DSN": _refused(_NO_SQL),
    "LOG_SQL_DSN": _refused(_NO_SQL),
    "SQLITE_PATH": _refused(
        "there is no SQL database here; remove it, and use TOLLGATE_DATA_DIR to say where the"
        " embedded database keeps the books"
    ),
    "SQLITE_BUSY_TIMEOUT": _refused(_NO_SQL),
    "SQL_MAX_IDLE_CONNS": _refused(_NO_SQL),
    "SQL_MAX_OPEN_CONNS": _refused(_NO_SQL),
    "SQL_MAX_LIFETIME": _refused(_NO_SQL),
    "SQL_CONN_MAX_LIFETIME": _refused(_NO_SQL),
    "DEBUG_SQL": _refused("there is no SQL database here; remove it, DEBUG logs in detail", *_OFF),
    "REDIS_PASSWORD": _refused(_NO_SENTINEL),
    "REDIS_MASTER_NAME": _refused(_NO_SENTINEL),
    "NODE_TYPE": _refused(
        "nodes that serve without doing the periodic work are not available in this version;"
        " remove it",
        "master",
    ),
    "FRONTEND_BASE_URL": _refused(
        "a console on another address is not available in this version; remove it"
    ),
    "GEMINI_SAFETY_SETTING": _refused(_NO_GEMINI),
    "GEMINI_VERSION": _refused(_NO_GEMINI),
    "METRIC_SUCCESS_CHAN_SIZE": _noted(_COUNTED, integer(1, 1_000_000_000)),
    "METRIC_FAIL_CHAN_SIZE": _noted(_COUNTED, integer(1, 1_000_000_000)),
    "MEMORY_CACHE_ENABLED": _noted(_CACHED, boolean),
    "SYNC_FREQUENCY": _noted(_CACHED, _SECONDS),
    "BATCH_UPDATE_ENABLED": _noted(_BATCHED, boolean),
    "BATCH_UPDATE_INTERVAL": _noted(_BATCHED, _SECONDS),
    "GIN_MODE": _noted("has no effect: it belongs to another web framework"),
    "HTTP_PROXY": _noted(_PROXIED),
    "HTTPS_PROXY": _noted(_PROXIED),
    "http_proxy": _noted(_PROXIED),
    "https_proxy": _noted(_PROXIED),
}


def judge(found: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Return the notices and the refusals that these variables earn, a line each.

    Values are not repeated: some of them hold passwords.
    """
    notices: list[str] = []
    refusals: list[str] = []
    for name, foreign in FOREIGN.items():
        value = found.get(name)
        if not value or value.lower() in foreign.harmless:
            continue
        if foreign.refused:
            refusals.append(f"{name}: {foreign.why}")
            continue
        try:
            foreign.read(value)
        except ValueError as error:
            refusals.append(f"{name}={value}: {error}, or remove it: it {foreign.why}")
        else:
            notices.append(f"{name} {foreign.why}")
    return notices, refusals
