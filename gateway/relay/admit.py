"""Step 1, admit: who asks, may they, and is the request well formed."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

from tornado.httputil import HTTPHeaders

from gateway.dialects import asks
from gateway.directory.groups import may_use
from gateway.directory.keys import Key
from gateway.directory.users import ROLE_ADMIN, User
from gateway.formats.openai import Ask, Endpoint
from gateway.relay import policy
from gateway.relay.context import Exchange, Relay
from gateway.relay.errors import RelayError
from ledger.errors import DatabaseAway

T = TypeVar("T")
# How long a key or its owner may take to be found.
LOOK_UP_S = 5.0

_REASONS = {
    "disabled": "This key is disabled.",
    "expired": "This key has expired.",
    "exhausted": "This key is used up.",
}
_UNKNOWN = "Incorrect API key provided."


def credentials(headers: HTTPHeaders) -> tuple[str, int | None]:
    """Return the key's secret and the channel that it pins, from `Bearer sk-KEY[-CHANNEL]`.

    Raises RelayError 401 when there is no key, or none that could be one.
    """
    given = headers.get("Authorization", "")
    if given[:7].lower() == "bearer ":
        given = given[7:]
    given = given.strip() or _first_of(headers, "X-Api-Key", "Api-Key", "X-Goog-Api-Key")
    secret, _, channel = given.strip().removeprefix("sk-").partition("-")
    if not secret:
        raise RelayError(
            "invalid_api_key",
            "You didn't provide an API key. Send it in the Authorization header: "
            "`Authorization: Bearer sk-…`.",
        )
    if channel and not (channel.isascii() and channel.isdigit() and len(channel) < 19):
        raise RelayError("invalid_api_key", _UNKNOWN)
    return secret, int(channel) if channel else None


def _first_of(headers: HTTPHeaders, *names: str) -> str:
    return next((headers[name] for name in names if headers.get(name)), "")


async def identify(
    relay: Relay, headers: HTTPHeaders, remote_ip: str
) -> tuple[Key, User, int | None]:
    """Find the key and its owner and check that both may be used from here.

    Returns key, owner and the pinned channel, if any. Raises RelayError 401 or 403.
    """
    secret, pinned = credentials(headers)
    directory = relay.directory
    key = directory.cached_key(secret)
    if key is None:
        key = await _looked_up(relay, partial(directory.key_by_secret, secret))
    if key is None:
        raise RelayError("invalid_api_key", _UNKNOWN)
    why = key.usable(relay.clock.now_us() / 1_000_000)
    if why is not None:
        raise RelayError("invalid_api_key", _REASONS[why])
    if key.networks and not key.allows_address(remote_ip):
        raise RelayError("network_not_allowed", f"This key can't be used from {remote_ip}.")
    user = directory.cached_user(key.user_id)
    if user is None:
        user = await _looked_up(relay, partial(directory.user, key.user_id))
    if user is None:
        raise RelayError("invalid_api_key", _UNKNOWN)
    if not user.is_usable:
        raise RelayError("user_disabled", "The owner of this key is disabled.")
    if pinned is not None and user.role < ROLE_ADMIN:
        raise RelayError("channel_not_allowed", "Only admins can choose a channel with their key.")
    if key.group and key.group != user.group:
        user = _in_group(relay, user, key.group)
    return key, user, pinned


def _in_group(relay: Relay, user: User, group: str) -> User:
    """Return the owner of a key as a member of the group that the key is used in."""
    if not may_use(group, user.group, str(relay.directory.options.get("UserUsableGroups"))):
        message = f"The group `{group}` of this key is no longer open to its owner; choose another."
        raise RelayError("group_not_allowed", message)
    return replace(user, group=group)


async def _looked_up(relay: Relay, look_up: Callable[[], Awaitable[T | None]]) -> T | None:
    """Ask the database, but do not wait for one that is away. Raises DatabaseAway."""
    relay.books.check_reachable()
    try:
        async with asyncio.timeout(LOOK_UP_S):
            return await look_up()
    except TimeoutError:
        raise DatabaseAway("the database takes too long", retry_after_s=2) from None


def passed_headers(endpoint: Endpoint, headers: HTTPHeaders) -> dict[str, str]:
    """Return the client's headers that an upstream of its dialect gets; only ASCII is sent on."""
    found = {name: headers.get(name, "") for name in endpoint.passes}
    return {name: value for name, value in found.items() if value and value.isascii()}


def refuse_model(key: Key, model: str) -> None:
    """Raise RelayError 403 where a key is not for a model."""
    if not key.allows_model(model):
        raise RelayError(
            "model_not_allowed", f"This key can't use the model `{model}`.", param="model"
        )


async def admit(
    relay: Relay,
    endpoint: Endpoint,
    headers: HTTPHeaders,
    remote_ip: str,
    raw: bytes,
    request_id: str,
    model_in_path: str | None = None,
) -> Exchange:
    """Admit a request. Raises RelayError 400, 401, 403 or 503."""
    started_s = relay.clock.monotonic_s()
    who = await enter(relay, headers, remote_ip)
    ask = asks.read(endpoint, raw, model_in_path)
    return begin(relay, who, ask, headers, request_id, started_s)


async def enter(relay: Relay, headers: HTTPHeaders, remote_ip: str) -> tuple[Key, User, int | None]:
    """Identify who asks, while requests are taken at all. Raises RelayError 401, 403 or 503."""
    if not relay.accepting:
        raise shutting_down()
    return await identify(relay, headers, remote_ip)


def shutting_down() -> RelayError:
    """Return what to say to who asks while the server stops."""
    return RelayError("shutting_down", "This server is stopping; please try again.")


def begin(
    relay: Relay,
    who: tuple[Key, User, int | None],
    ask: Ask,
    headers: HTTPHeaders,
    request_id: str,
    started_s: float,
) -> Exchange:
    """Begin the exchange of a request that was read. Raises RelayError 403."""
    key, user, pinned = who
    refuse_model(key, ask.model)
    task = asyncio.current_task()
    assert task is not None
    return Exchange(
        request_id=request_id,
        ask=ask,
        key=key,
        user=user,
        started_s=started_s,
        pinned=pinned,
        task=task,
        policy=policy.for_interruption(relay, ask.model),
        prices=relay.books.prices.table(),
        headers=passed_headers(ask.endpoint, headers),
        traceparent=None if relay.spans is None else headers.get("traceparent"),
    )
