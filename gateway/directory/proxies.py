"""Proxies of channels: which addresses may be given, and how one is shown."""

from urllib.parse import urlsplit

SCHEMES = ("http", "https", "socks5", "socks5h")
HIDDEN = "***"
LONGEST = 1_000


def checked_proxy(value: object) -> str:
    """Return a proxy's address, "" for none. Raises ValueError with words for a person."""
    if value is None or value == "":
        return ""
    if not isinstance(value, str) or len(value) > LONGEST:
        raise ValueError("must be the address of a proxy")
    address = value.strip()
    if not (address.isascii() and address.isprintable()) or " " in address:
        raise ValueError("must be printable ASCII; write other characters as %XX")
    parts = urlsplit(address)
    if parts.scheme not in SCHEMES or not parts.hostname:
        starts = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        raise ValueError(f"must start with one of {starts} and name a host")
    try:
        port = parts.port
    except ValueError:
        raise ValueError("must have a port from 1 to 65535") from None
    if port is None and parts.scheme.startswith("socks"):
        raise ValueError("must name a port, such as socks5://proxy.example:1080")
    if port == 0 or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("must be a host and a port, with a user and a password before if need be")
    return parts.scheme + address[len(parts.scheme) :].rstrip("/")


def shown_proxy(address: str) -> str:
    """Return a checked address without its user and password."""
    if "@" not in address:
        return address
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{HIDDEN}@{rest.rpartition('@')[2]}"
