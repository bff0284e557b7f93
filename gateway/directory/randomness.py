"""How secrets and codes are made: always from the system's secure source."""

import secrets
import string

_ALPHABET = string.ascii_letters + string.digits

KEY_LENGTH = 48


def letters(count: int) -> str:
    """Return that many random characters of A–Z, a–z and 0–9."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(count))


def hex_token() -> str:
    """Return 32 random hex digits."""
    return secrets.token_hex(16)
