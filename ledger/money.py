"""Money as integers.

Owns the unit: one nano-dollar, 1 USD = 1,000,000,000, held in a signed 64-bit integer.
Promises that text in, text out and quota views are exact; no float is ever involved.
Refuses text that is not a plain decimal, that is finer than one nano-dollar, or that does not fit.
"""

import re

NANO_PER_USD = 1_000_000_000
NANO_PER_QUOTA = 2_000
MAX_NANO = 2**63 - 1

_DECIMAL = re.compile(r"([+-]?)(\d{1,10})(?:\.(\d+))?", re.ASCII)


def usd(amount_nano: int) -> str:
    """Write an amount in nano-dollars as an exact decimal string in USD, without trailing zeros."""
    sign = "-" if amount_nano < 0 else ""
    whole, fraction = divmod(abs(amount_nano), NANO_PER_USD)
    if not fraction:
        return f"{sign}{whole}"
    return f"{sign}{whole}.{f'{fraction:09d}'.rstrip('0')}"


def parse_usd(text: str) -> int:
    """Read a decimal string in USD as nano-dollars.

    Raises ValueError, in words for a person, when the text is not a decimal, is finer than a
    nano-dollar or does not fit into 64 bits.
    """
    match = _DECIMAL.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text[:40]!r} is not an amount in USD such as 12.34")
    sign, whole, fraction = match.group(1), match.group(2), (match.group(3) or "").rstrip("0")
    if len(fraction) > 9:
        raise ValueError(f"{text[:40]!r} is finer than one nano-dollar (nine decimals)")
    nano = int(whole) * NANO_PER_USD + int(fraction.ljust(9, "0"))
    if nano > MAX_NANO:
        raise ValueError(f"{text[:40]!r} is more than the books can hold")
    return -nano if sign == "-" else nano


def quota_floor(amount_nano: int) -> int:
    """Show a balance in quota, rounded down: never more than there is."""
    return amount_nano // NANO_PER_QUOTA


def quota_ceil(amount_nano: int) -> int:
    """Show a charge in quota, rounded up, as One API rounds charges."""
    return -(-amount_nano // NANO_PER_QUOTA)


def nano_from_quota(quota: int) -> int:
    """Turn One API's integer quota into nano-dollars. Raises ValueError when it does not fit."""
    nano = quota * NANO_PER_QUOTA
    if abs(nano) > MAX_NANO:
        raise ValueError(f"{quota} quota is more than the books can hold")
    return nano
