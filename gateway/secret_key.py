"""The key that encrypts stored secrets, as the settings of a process name it."""

import hashlib

from gateway.directory.vault import load_or_create_key, parse_key
from gateway.settings import Settings


def secret_key(settings: Settings) -> bytes:
    """Return the given key, or the data directory's, which is made where there is none.

    Raises ValueError, OSError.
    """
    given = settings.secret_key
    if given is None:
        return load_or_create_key(settings.data_dir / "secret.key")
    try:
        return parse_key(given)
    except ValueError:
        return hashlib.sha256(given.encode()).digest()
