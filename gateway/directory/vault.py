"""Secrets at rest.

Owns the one key from which everything is derived: encryption of stored secrets (AES-256-GCM, a
random nonce each), and sub-keys for other purposes such as cookie signing. Losing the key loses
the stored upstream keys; client keys still work, since they are looked up by their hash.
"""

import base64
import binascii
import contextlib
import hashlib
import os
import secrets
import tempfile
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.directory.errors import SecretsLocked

KEY_BYTES = 32
_NONCE_BYTES = 12
_PREFIX = "v1."


class Vault:
    """Encrypts and decrypts texts with one 32-byte key."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"the key must be {KEY_BYTES} bytes")
        self._key = key
        self._cipher = AESGCM(self.derive("encryption"))

    def __repr__(self) -> str:
        return f"Vault(fingerprint={self.fingerprint()!r})"

    def encrypt(self, plain: str) -> str:
        """Return the text encrypted, as ASCII text; never twice the same."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, plain.encode(), _PREFIX.encode())
        return _PREFIX + base64.urlsafe_b64encode(sealed).decode()

    def decrypt(self, stored: str) -> str:
        """Undo encrypt. Raises SecretsLocked when it was made with another key or altered."""
        try:
            if not stored.startswith(_PREFIX):
                raise ValueError("unknown version")
            sealed = base64.urlsafe_b64decode(stored[len(_PREFIX) :])
            nonce, body = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
            return self._cipher.decrypt(nonce, body, _PREFIX.encode()).decode()
        except (InvalidTag, ValueError):
            raise SecretsLocked(
                "a stored secret cannot be read: it was encrypted with another SECRET_KEY"
            ) from None

    @staticmethod
    def digest(secret: str) -> str:
        """SHA-256 in hex: how high-entropy secrets are looked up. Not for passwords."""
        return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()

    def derive(self, purpose: str) -> bytes:
        """Return 32 bytes that depend on the key and the purpose, and reveal neither."""
        info = f"tollgate {purpose}".encode()
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(self._key)

    def fingerprint(self) -> str:
        """Return a short name of the key, safe to store and show."""
        return self.derive("fingerprint").hex()[:16]


def parse_key(text: str) -> bytes:
    """Read a key given as text: 64 hex digits, or 32 bytes in base64. Raises ValueError."""
    text = text.strip()
    for decode in (bytes.fromhex, _from_base64):
        try:
            key = decode(text)
        except (ValueError, binascii.Error):
            continue
        if len(key) == KEY_BYTES:
            return key
    raise ValueError("must be 64 hex digits or 32 bytes in base64 (try: openssl rand -hex 32)")


def key_from(text: str) -> bytes:
    """Return the key that a setting says: a key as such, or any other text that is hashed."""
    try:
        return parse_key(text)
    except ValueError:
        return hashlib.sha256(text.encode()).digest()


def load_or_create_key(path: Path) -> bytes:
    """Return the key in the file; where there is none, make one (readable by the owner alone).

    Safe when several processes start at once: all get the same key. Raises ValueError for a file
    that holds no key, OSError when it can be neither read nor made.
    """
    if not path.exists():
        _create(path)
    try:
        return parse_key(path.read_text())
    except ValueError:
        raise ValueError(f"{path} does not hold a key; restore it from a backup") from None


def _create(path: Path) -> None:
    """Write beside the target, then link: the file appears whole, and only once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)  # mode 0600
    try:
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        os.unlink(temporary)


def _from_base64(text: str) -> bytes:
    return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
