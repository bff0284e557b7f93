"""Checks of the settings: what was refused, what nobody reads, and secrets easy to guess."""

import re
import stat
from difflib import get_close_matches
from urllib.parse import urlsplit

from gateway.directory.option_table import OPTIONS
from gateway.directory.passwords import check_password
from gateway.directory.users import ROOT_ID
from gateway.directory.vault import Vault, key_from, parse_key
from gateway.doctor.finding import Finding, fault, ok, warning
from gateway.doctor.scene import Scene
from gateway.settings import rows
from gateway.settings_oneapi import FOREIGN

PREFIX = "TOLLGATE_"
# What orchestrators put into the environment of everything beside a service of that name.
_SERVICE_LINK = re.compile(r"TOLLGATE_(SERVICE_|PORT(_\d|$))")
_CLOSE = 0.85
_SHORTEST_NAME = 5
LEAST_LETTERS, LEAST_LENGTH = 8, 16
#: Texts that people write where a secret belongs.
KNOWN_WORDS = (
    "changeme",
    "change-me",
    "password",
    "secret",
    "random_string",
    "12345678",
    "example",
)
#: Passwords of root that everybody knows; the first is One API's.
KNOWN_PASSWORDS = ("123456", "12345678", "password", "changeme")
TRIED = 2  # each takes a quarter of a second
_ENOUGH = "give a random one, for example from `openssl rand -hex 32`"
_LOCAL = ("localhost", "127.0.0.1", "::1")


async def values(scene: Scene) -> list[Finding]:
    """Whether the settings can be used."""
    found = [
        *(Finding("fault", each, "mend it: no server starts so") for each in scene.problems),
        *(
            Finding("warning", each, "remove it, or give what it asks for")
            for each in scene.notices
        ),
    ]
    return found or ok("all settings can be used")


async def names(scene: Scene) -> list[Finding]:
    """Whether a variable is misspelt: ours by their prefix, others by what they resemble."""
    known = {name for _, row, _ in rows() for name in row.env} | set(FOREIGN)
    found: list[Finding] = []
    for name in sorted(scene.found.keys() - known):
        link = _SERVICE_LINK.match(name) and "://" in scene.found.get("TOLLGATE_PORT", "://")
        if link or len(name) < _SHORTEST_NAME:
            continue
        close = get_close_matches(name, known, 1, _CLOSE)
        if close or name.startswith(PREFIX):
            mend = f"write {close[0]}" if close else "remove it; docs/settings.md has them all"
            found += warning(f"{name} is set, and nothing reads it", mend)
    return found or ok("every variable that looks like a setting is one")


def is_weak(secret: str) -> bool:
    """Tell whether a secret could be guessed: short, monotonous, or a word that everybody uses."""
    short = len(secret) < LEAST_LENGTH or len(set(secret)) < LEAST_LETTERS
    return short or any(word in secret.lower() for word in KNOWN_WORDS)


_SECRETS = (
    "session_secret",
    "secret_key",
    "metrics_token",
    "initial_root_token",
    "initial_root_access_token",
)


async def secrets(scene: Scene) -> list[Finding]:
    """Whether secrets that were set are hard to guess, and their file is not for everybody."""
    labels = {name: row.label() for name, row, _ in rows()}
    found: list[Finding] = []
    for name in _SECRETS:
        value = getattr(scene.settings, name)
        if value and is_weak(value):
            found += warning(f"{labels[name]} could be guessed", _ENOUGH)
    password = scene.settings.initial_root_password
    if password and (password.lower() in KNOWN_PASSWORDS or password == "root"):
        found += warning("INITIAL_ROOT_PASSWORD is one that everybody tries first", _ENOUGH)
    for path in (scene.env_file, scene.settings.data_dir / "secret.key"):
        if path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            found += warning(f"{path} can be read by others", f"chmod 600 {path}")
    return found or ok("the secrets that are set are long, and their files are the owner's alone")


async def secret_key(scene: Scene) -> list[Finding]:
    """Whether the key at hand is the one that stored secrets were encrypted with."""
    noted = await scene.books.find_one("directory", {"_id": "vault"})
    if noted is None:
        return ok("nothing is encrypted yet")
    path = scene.settings.data_dir / "secret.key"
    given = scene.settings.secret_key
    where = "TOLLGATE_SECRET_KEY" if given else str(path)
    mend = "give the key that these books were begun with; without it channels must be given anew"
    try:
        key = key_from(given) if given else parse_key(path.read_text())
    except FileNotFoundError:
        return fault("stored secrets are encrypted, and there is no key for them here", mend)
    except (OSError, ValueError):
        return fault(f"{where} holds no key that can be read", mend)
    if Vault(key).fingerprint() != noted["fingerprint"]:
        return fault(f"stored secrets were encrypted with another key than {where}", mend)
    if not given and scene.settings.mongo_url:
        return warning(
            f"the key is in {path} only",
            "set TOLLGATE_SECRET_KEY to what is in it, the same for every server, and keep a copy",
        )
    return ok(f"stored secrets can be read with {where}")


async def root_password(scene: Scene) -> list[Finding]:
    """Whether root still has a password that everybody knows."""
    root = await scene.books.find_one("users", {"_id": ROOT_ID})
    if root is None:
        return ok("there is no root yet; the first start makes it")
    hashed = root.get("password_hash")
    for known in KNOWN_PASSWORDS[:TRIED]:
        if hashed and await check_password(known, hashed):
            return fault("root's password is one that everybody tries first", "change it now")
    return ok("root's password is none of the usual ones")


async def address(scene: Scene) -> list[Finding]:
    """Whether the option ServerAddress, which is in mails and sign-ins, leads here from outside."""
    stored = await scene.books.find_one("options", {"_id": "ServerAddress"})
    said = str((stored or {}).get("value", OPTIONS["ServerAddress"].default))
    host = urlsplit(said).hostname or ""
    if host not in _LOCAL:
        return ok(f"links lead to {said}")
    if scene.settings.host in _LOCAL and not scene.settings.trusted_proxies:
        return ok(f"links lead to {said}, as only this machine is served")
    return warning(
        f"links in mails and sign-ins lead to {said}, where only this machine gets",
        "set the option ServerAddress to the address that people type",
    )
