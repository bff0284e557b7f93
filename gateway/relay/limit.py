"""Step 1, still: the limits of requests and tokens a minute and of requests at once.

Those of the key, its owner, the owner's group, the model and the channel are taken together in one
decision. A channel that is at its limit is passed over, as if it rested; the client is refused when
all of them are, or when a limit of its own is reached. What costs nothing (lists of models,
counting tokens, kept responses) counts as a request too, of its key, its owner and their group.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from gateway.directory.channels import Channel
from gateway.directory.keys import Key
from gateway.directory.users import User
from gateway.limits import rules
from gateway.limits.limits import Grant, Judged, Refusal
from gateway.limits.rule import CONCURRENCY, REQUESTS, TOKENS, Rule
from gateway.relay.context import Exchange, Relay
from gateway.relay.errors import RelayError
from gateway.relay.reserve import most_input, most_output, price
from gateway.relay.route import another
from ledger.errors import PriceMissing

_WHOSE = {
    rules.KEY: "this key",
    rules.USER: "your account",
    rules.GROUP: "your group",
    rules.MODEL: "this model",
}
_WHAT = {
    REQUESTS: "{limit} requests per minute",
    TOKENS: "{limit} tokens per minute",
    CONCURRENCY: "{limit} requests at once",
}


async def limit(relay: Relay, x: Exchange) -> None:
    """Take all limits of a request, turning to other channels where that helps.

    Raises RelayError 429, and then nothing is counted.
    """
    own = rules.of_request(relay.directory.options, x.key, x.user, x.ask.model)
    full: dict[int, Judged] = {}
    while True:
        assert x.channel is not None
        channel = rules.of_channel(x.channel)
        if channel is None and not own:
            return
        asked = own if channel is None else [*own, channel]
        taken = await relay.limits.take(asked, _most_tokens(relay, x, x.channel, asked))
        if isinstance(taken, Grant):
            x.grant, x.channel_grant = taken.split(len(own))
            x.standing = _headers(list(zip(x.grant.rules, x.grant.standings, strict=True)))
            return
        refusing = taken.refusing
        theirs = [each for each in refusing if each[0].kind != rules.CHANNEL]
        if theirs:
            raise _refused(relay, x.ask.model, theirs[0], taken)
        full[x.channel.id] = refusing[0]
        found = another(relay, x, full) if x.pinned is None else None
        if found is None:
            soonest = min(full.values(), key=lambda each: each[1].wait_ms)
            raise _refused(relay, x.ask.model, soonest, taken)
        x.channel = found


async def limit_channel(relay: Relay, x: Exchange, channel: Channel) -> bool:
    """Take the limits of a channel that a request turns to after another one failed it.

    False when they do not allow it. Those of the former channel are given back.
    """
    rule = rules.of_channel(channel)
    grant = None
    if rule is not None:
        taken = await relay.limits.take([rule], _most_tokens(relay, x, channel, [rule]))
        if isinstance(taken, Refusal):
            return False
        grant = taken
    if x.channel_grant is not None:
        x.channel_grant.end()
    x.channel_grant = grant
    return True


async def limit_free(
    relay: Relay, key: Key, user: User, *, lasting: bool = False
) -> tuple[Grant | None, Mapping[str, str]]:
    """Count a request that costs nothing; return what it took, and headers that tell of it.

    One that is `lasting` is also one of the requests at once, until its grant ends. It has no
    tokens, so those of others never refuse it. Raises RelayError 429, and then nothing is counted.
    """
    own = rules.of_client(relay.directory.options, key, user)
    narrow = [replace(r, tokens=0, concurrency=r.concurrency if lasting else 0) for r in own]
    asked = [rule for rule in narrow if rule.requests or rule.concurrency]
    if not asked:
        return None, {}
    taken = await relay.limits.take(asked)
    if isinstance(taken, Refusal):
        raise _refused(relay, "", taken.refusing[0], taken)
    return taken, _headers(list(zip(taken.rules, taken.standings, strict=True)))


async def limit_turn(relay: Relay, x: Exchange, tokens: int) -> Grant:
    """Take the limits of one turn of a session that is under way, of at most so many tokens: it is
    a request of its own, but none beside the session's. Raises RelayError 429."""
    asked = _of_turn(relay, x)
    if not asked:
        return relay.limits.owed(asked)
    taken = await relay.limits.take(asked, tokens)
    if isinstance(taken, Grant):
        return taken
    raise _refused(relay, x.ask.model, taken.refusing[0], taken)


def owe_turn(relay: Relay, x: Exchange) -> Grant:
    """Return what counts the tokens of a turn that nobody asked for."""
    return relay.limits.owed(_of_turn(relay, x))


def _of_turn(relay: Relay, x: Exchange) -> list[Rule]:
    assert x.channel is not None
    found = rules.of_request(relay.directory.options, x.key, x.user, x.ask.model)
    channel = rules.of_channel(x.channel)
    found += [] if channel is None else [channel]
    return [replace(rule, concurrency=0) for rule in found if rule.requests or rule.tokens]


def _most_tokens(relay: Relay, x: Exchange, channel: Channel, asked: Sequence[Rule]) -> int:
    """Bound a request's tokens from above, without counting any."""
    if x.ask.endpoint.in_turns or not any(rule.tokens for rule in asked):
        return 0
    try:
        x.quote = price(relay, x, channel)
    except PriceMissing:
        return most_input(x.ask, channel)  # it is refused in a moment, or has one by then
    known = x.ask.known
    if known is not None and known.unit in x.quote.factors["rates"]:
        return 0  # images and audio that are sold by the piece
    return most_input(x.ask, channel) + most_output(relay, x) * x.ask.choices


def _refused(relay: Relay, model: str, judged: Judged, refusal: Refusal) -> RelayError:
    rule, standing = judged
    relay.limits.refused(rule.kind, standing.refused)
    if rule.kind == rules.CHANNEL:  # the numbers are the operator's own business
        said = f"Every channel that serves `{model}` is at its limit"
    else:
        most = {REQUESTS: rule.requests, TOKENS: rule.tokens, CONCURRENCY: rule.concurrency}
        what = _WHAT[standing.refused].format(limit=most[standing.refused])
        said = f"The limit of {_WHOSE[rule.kind]} is reached: {what}"
    wait_s = max(1, math.ceil(standing.wait_ms / 1000))
    told = [each for each in refusal.judged if each[0].kind != rules.CHANNEL]
    return RelayError(
        "rate_limit_exceeded",
        f"{said}. Please try again in {wait_s} s.",
        headers={"Retry-After": str(wait_s), **_headers(told)},
    )


def _headers(judged: Sequence[Judged]) -> dict[str, str]:
    """Say how the client stands, in OpenAI's headers: under the limit that is nearest its end."""
    headers: dict[str, str] = {}
    in_requests = [each for each in judged if each[0].requests]
    if in_requests:
        rule, now = min(in_requests, key=lambda each: each[0].requests - each[1].requests)
        left = max(0, rule.requests - now.requests)
        headers |= _triple("Requests", rule.requests, left, now.reset_requests_ms)
    in_tokens = [each for each in judged if each[0].tokens]
    if in_tokens:
        rule, now = min(in_tokens, key=lambda each: each[0].tokens - each[1].tokens)
        left = max(0, rule.tokens - now.tokens)
        headers |= _triple("Tokens", rule.tokens, left, now.reset_tokens_ms)
    return headers


def _triple(what: str, most: int, left: int, reset_ms: int) -> dict[str, str]:
    return {
        f"X-Ratelimit-Limit-{what}": str(most),
        f"X-Ratelimit-Remaining-{what}": str(left),
        f"X-Ratelimit-Reset-{what}": duration(reset_ms),
    }


def duration(milliseconds: int) -> str:
    """Write a time as OpenAI does, such as 120ms, 1s and 6m0s; whole seconds, rounded up."""
    if 0 < milliseconds < 1_000:
        return f"{milliseconds}ms"
    minutes, seconds = divmod(math.ceil(milliseconds / 1_000), 60)
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"
