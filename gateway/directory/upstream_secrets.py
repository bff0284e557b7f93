"""What is kept as a channel's upstream key: one key, or several, one on each line.

A key may be a JSON document, such as a service account's. One that goes over several lines is a
single key; documents on a line each are several.
"""

from gateway.directory.config_fields import JSON
from gateway.directory.errors import Invalid
from gateway.directory.vendor import Vendor

MOST_KEYS = 1_000
_LONGEST_KEY = 16_384
_LONGEST_SECRET = 131_072


def lines_of(secret: str) -> list[str]:
    """Return the keys in a text, repetitions included."""
    whole = secret.strip()
    lines = [line for line in map(str.strip, whole.split("\n")) if line]
    is_document = whole.startswith("{") and not all(line.startswith("{") for line in lines)
    return [whole] if is_document else lines


def checked_secret(secret: str, vendor: Vendor) -> str:
    """Return a secret as it is kept. Keys become header values: nothing in one may end a header.

    A JSON document is checked like the config field of the vendor that it stands for. Raises
    Invalid.
    """
    keys = lines_of(secret)
    if not keys and vendor.needs_key:
        raise Invalid("key", f"must be given for a channel of type {vendor.name}")
    if len(keys) > MOST_KEYS or len(secret.strip()) > _LONGEST_SECRET:
        raise Invalid("key", f"must be at most {MOST_KEYS} keys of moderate length")
    document = next((field for field in vendor.config if field.kind == JSON), None)
    if document is not None:
        keys = [document.document(k, "key") if k.startswith("{") else k for k in keys]
    if not all(len(k) <= _LONGEST_KEY and k.isascii() and k.isprintable() for k in keys):
        raise Invalid("key", "must be printable ASCII characters, one key on each line")
    return "\n".join(keys)
