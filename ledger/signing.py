"""Signing keys: Ed25519 for the seals.

Owns how keys are read, written and named. Promises that a public key is always written the same
way, as the base64 of its 32 bytes, and that a secret is in no message. Refuses keys of other kinds.
"""

import base64
import binascii
import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from ledger.errors import LedgerError

KEY_BYTES = 32
SIGNATURE_BYTES = 64
MAX_FILE_BYTES = 10_000


class InvalidKey(LedgerError):
    """A text or file is no key of the kind that is needed."""

    code = "invalid_key"


class Signer:
    """A private key that signs seals."""

    __slots__ = ("_key", "public_key")

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public_key = _text(key.public_key())

    @classmethod
    def make(cls) -> "Signer":
        """Return a new random key."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def read(cls, given: str) -> "Signer":
        """Read a key: the path of a file, or PEM, or the base64 of 32 bytes, in it or as it is.

        Raises InvalidKey, without the text: it is a secret.
        """
        text = _contents(given, "the signing key")
        if "-----BEGIN" in text:
            return cls(_private_pem(text))
        raw = _base64(text, KEY_BYTES)
        if raw is None:
            raise InvalidKey(
                "the signing key is neither a file that exists, nor PEM, nor the base64 of 32 bytes"
            )
        return cls(Ed25519PrivateKey.from_private_bytes(raw))

    def sign(self, message: bytes) -> str:
        """Return the signature of a message as base64."""
        return base64.b64encode(self._key.sign(message)).decode()

    def pem(self) -> str:
        """Return the private key as PEM, to be kept secret."""
        encoded = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return encoded.decode()


def read_public_key(given: str) -> str:
    """Return a public key in its one form, from that form, PEM, or a file that holds either.

    Raises InvalidKey.
    """
    text = _contents(given, "the public key")
    if "-----BEGIN" in text:
        try:
            key = load_pem_public_key(text.encode())
        except (ValueError, UnsupportedAlgorithm) as error:
            raise InvalidKey(f"the public key can't be read: {error}") from None
        if not isinstance(key, Ed25519PublicKey):
            raise InvalidKey("the public key is not of the kind Ed25519")
        return _text(key)
    raw = _base64(text, KEY_BYTES)
    if raw is None:
        raise InvalidKey(
            f"{given[:80]!r} is neither a file that exists, nor PEM, nor the base64 of 32 bytes"
        )
    return base64.b64encode(raw).decode()


def is_signed(message: bytes, signature: str, public_key: str) -> bool:
    """Tell whether a signature is that of this message by this key."""
    raw_key, raw = _base64(public_key, KEY_BYTES), _base64(signature, SIGNATURE_BYTES)
    if raw_key is None or raw is None:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(raw_key).verify(raw, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def write_secret(path: Path, text: str) -> None:
    """Write a new file that only its owner may read. Raises FileExistsError when it is there."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(handle, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _contents(given: str, what: str) -> str:
    """Return the text of a file, or the text itself; in an environment `\\n` may stand for a new
    line."""
    text = given.strip()
    if "-----BEGIN" in text:
        return text.replace("\\n", "\n")
    try:
        path = Path(text).expanduser()
        if not path.is_file():
            return text
        if path.stat().st_size > MAX_FILE_BYTES:
            raise InvalidKey(f"{what}: {path} is too large to be a key")
        return path.read_text(encoding="ascii").strip()
    except UnicodeDecodeError:
        raise InvalidKey(f"{what}: the file holds no text") from None
    except OSError as error:
        # Also a text that no file system takes for a name; that is no secret of a length to hide.
        raise InvalidKey(f"{what} can't be read: {error.strerror}") from None


def _private_pem(text: str) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(text.encode(), None)
    except (TypeError, ValueError, UnsupportedAlgorithm):
        raise InvalidKey(
            "the signing key can't be read: damaged, or locked by a password"
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise InvalidKey("the signing key is not of the kind Ed25519; make one with keygen")
    return key


def _base64(text: str, length: int) -> bytes | None:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) == length else None


def _text(key: Ed25519PublicKey) -> str:
    return base64.b64encode(key.public_bytes_raw()).decode()
