"""The key that encrypts stored secrets, as the settings of a process name it."""

from gateway.directory.vault import key_from, load_or_create_key
from gateway.settings import Settings


def secret_key(settings: Settings) -> bytes:
    """Return the given key, or the data directory's, which is made where there is none.

    Raises ValueError, OSError.
    """
    if settings.secret_key is None:
        return load_or_create_key(settings.data_dir / "secret.key")
    return key_from(settings.secret_key)
