"""Passwords, by bcrypt.

bcrypt takes a quarter of a second by design, so it always runs in a thread. It reads no more than
72 bytes, so longer passwords are refused rather than silently cut.
"""

import asyncio

import bcrypt

from gateway.directory.errors import Invalid

SHORTEST, LONGEST, MOST_BYTES = 8, 64, 72
DEFAULT_ROUNDS = 12

# Checked against when there is no such user, so that the answer takes as long as for a real one.
_NOBODY = b"$2b$12$NlKPxI.6TpKHUDcatQvKjetrC8w9UnsPdbr7FcFLokVc36xYTkGri"


def check_rules(password: object) -> str:
    """Return the password if it may be used. Raises Invalid, which does not repeat it."""
    if not isinstance(password, str):
        raise Invalid("password", "must be text")
    if not SHORTEST <= len(password) <= LONGEST:
        raise Invalid("password", f"must be {SHORTEST} to {LONGEST} characters")
    raw = password.encode("utf-8", "surrogatepass")
    if len(raw) > MOST_BYTES or b"\x00" in raw:
        raise Invalid("password", f"must be at most {MOST_BYTES} bytes, without NUL")
    return password


async def hash_password(password: str, rounds: int = DEFAULT_ROUNDS) -> str:
    """Return the bcrypt hash. Raises Invalid for a password outside the rules."""
    raw = check_rules(password).encode("utf-8", "surrogatepass")
    hashed = await asyncio.to_thread(bcrypt.hashpw, raw, bcrypt.gensalt(rounds))
    return hashed.decode()


async def check_password(password: str, password_hash: str | None) -> bool:
    """Tell whether the password fits. None (no such user) costs the same time and is False."""
    raw = password.encode("utf-8", "surrogatepass")
    known = password_hash.encode() if password_hash else _NOBODY
    usable = len(raw) <= MOST_BYTES and b"\x00" not in raw
    fits = await asyncio.to_thread(_fits, raw if usable else b"-", known)
    return fits and usable and bool(password_hash)


def _fits(raw: bytes, known: bytes) -> bool:
    try:
        return bcrypt.checkpw(raw, known)
    except ValueError:  # not a bcrypt hash: nobody's password
        return False
