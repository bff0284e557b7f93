"""Whether an id_token says what it seems to, and to us.

Source: OpenID Connect Core 1.0 §3.1.3.7, RFC 8725 (JWT best practices). Signatures and times are
PyJWT's; which keys may have signed is decided here: the algorithm must be one of three that need a
private key, and the key must be of its kind, so that no public key is ever taken for a secret.
"""

import hmac
from collections.abc import Sequence
from typing import Any

import jwt

from gateway.directory.identities import IdentityRefused
from gateway.identity.asking import Json

#: The algorithms that are taken, and the kind of key (RFC 7518) that each is of.
KINDS = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC"}
_PUBLIC = ("kty", "n", "e", "crv", "x", "y")
_REQUIRED = ["iss", "sub", "aud", "exp", "iat", "nonce"]
LEEWAY_S = 60
LEAST_RSA_BITS = 2_048
_BROKEN = (jwt.PyJWTError, ValueError, TypeError, OverflowError)


def refused(why: str) -> IdentityRefused:
    """Say why an id_token is not believed."""
    return IdentityRefused(f"the id_token is not valid: {why}; begin again")


def header_of(token: str) -> tuple[str, str]:
    """Return the algorithm and the name of the key ("" for none). Raises IdentityRefused."""
    try:
        header = jwt.get_unverified_header(token)
    except _BROKEN:
        raise refused("it cannot be read") from None
    algorithm, name = header.get("alg"), header.get("kid", "")
    if not isinstance(algorithm, str) or algorithm not in KINDS:
        raise refused("its algorithm is not accepted")
    if not isinstance(name, str):
        raise refused("its key has no name")
    return algorithm, name


def key_for(keys: Sequence[Json], algorithm: str, name: str) -> Json | None:
    """Return the one key that may have signed, or None."""
    fitting = [key for key in keys if _fits(key, algorithm)]
    if name:
        fitting = [key for key in fitting if key.get("kid") == name]
    return fitting[0] if len(fitting) == 1 else None


def _fits(key: Json, algorithm: str) -> bool:
    curve = key.get("crv") == "P-256" if algorithm == "ES256" else True
    return (
        key.get("kty") == KINDS[algorithm]
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
        and curve
    )


def claims_of(token: str, key: Json, algorithm: str, issuer: str, client: str, nonce: str) -> Json:
    """Return what a token claims, once all of it is checked. Raises IdentityRefused."""
    public = {name: key[name] for name in _PUBLIC if name in key}
    try:
        loaded = jwt.PyJWK(public, algorithm=algorithm).key
    except _BROKEN:
        raise refused("the provider's key cannot be read") from None
    if KINDS[algorithm] == "RSA" and loaded.key_size < LEAST_RSA_BITS:
        raise refused("the provider's key is too short")
    try:
        claims: Json = jwt.decode(
            token,
            loaded,
            algorithms=[algorithm],
            audience=client,
            issuer=issuer,
            leeway=LEEWAY_S,
            options={"require": _REQUIRED},
        )
    except jwt.ExpiredSignatureError:
        raise refused("it has expired") from None
    except jwt.InvalidAudienceError:
        raise refused("it is for another client") from None
    except jwt.InvalidIssuerError:
        raise refused("it is from another issuer") from None
    except _BROKEN as error:
        raise refused(f"{type(error).__name__}") from None
    _check_rest(claims, client, nonce)
    return claims


def _check_rest(claims: Json, client: str, nonce: str) -> None:
    """Check who it was made for, and that it belongs to this sign-in. Raises IdentityRefused."""
    audience: Any = claims["aud"]
    several = isinstance(audience, list) and len(audience) > 1
    if claims.get("azp", None if several else client) != client:
        raise refused("it was made for another client")
    given = claims["nonce"]
    right = nonce.encode()
    if not isinstance(given, str) or not hmac.compare_digest(
        given.encode("utf-8", "replace"), right
    ):
        raise refused("its nonce is that of another sign-in")
