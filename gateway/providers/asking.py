"""How an upstream with ways of its own is asked: where, with what headers, in how many steps.

Native (native.py) adds how a protocol is said and read. Hosted (below) is for what hosts models in
a dialect that clients speak too, elsewhere and signed otherwise: bodies are the dialect's but for
what the host changes, so that they pass as they are between a client and a host of its dialect.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import httpx

from gateway.directory.channels import Channel
from gateway.providers.base import Answer, Call
from gateway.providers.openai import authentication
from gateway.providers.tokens import Tokens
from gateway.providers.ways import Way

# How an answer's bytes come: as server-sent events, as a JSON object on each line, as Amazon's
# event stream, or as one object that is all of the answer.
EVENTS, LINES, AWS, WHOLE = "events", "lines", "aws", "whole"


@dataclass(frozen=True, slots=True)
class Codes:
    """What a vendor's own labels mean, as data; never what messages say.

    `in_band` are the statuses that errors inside a 200 amount to, by their code. `dead` are answers
    that mean dead credentials or a dead account: status, field, value (gateway/channels/dead.py).
    `users` are codes that say the request breaks a rule, whatever the status; `absent` say that
    the model is not there.
    """

    in_band: Mapping[str, int] = field(default_factory=dict)
    dead: tuple[tuple[int, str, str], ...] = ()
    users: frozenset[str] = frozenset()
    absent: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Means:
    """What a vendor's code may use to sign a call or to fetch a token: sending a request on its
    channel's way, the time (Unix seconds), tokens that are kept until they expire, and the way
    itself (CallFailed where it is not to be read), for other carriers than HTTP."""

    send: Callable[[httpx.Request, Channel], Awaitable[Answer]]
    now_s: Callable[[], float]
    tokens: Tokens
    way: Callable[[Channel], Way]


class Asking:
    """One protocol's way of asking. What is not overridden is as with most vendors.

    `framing` is how its streams come: server-sent events, or something that native_http.py makes
    into them.
    """

    name: str
    framing: str = EVENTS
    codes: Codes = Codes()

    async def address(self, call: Call, means: Means) -> str:
        """Return where a call goes: the channel's base and the catalogue's path for the task.

        Raises LookupError where the vendor has none, CallFailed where a token was not had.
        """
        endpoint = call.endpoint
        base = call.channel.base_url
        return call.vendor.url(base, endpoint.path, endpoint.task, call.model, call.config)

    async def headers(self, call: Call, means: Means) -> Mapping[str, str]:
        """Return the headers that authenticate a call, in lower case. Raises CallFailed."""
        return dict(authentication(call.vendor, call.secret))

    def sent(self, call: Call) -> bytes:
        """Return the bytes of the body. Raises CallFailed."""
        assert isinstance(call.body, bytes)
        return call.body

    async def exchange(self, request: httpx.Request, call: Call, means: Means) -> Answer:
        """Send a request that is ready, all its headers in place, and return the answer.

        Overridden where the headers depend on all the rest (signatures), where there are further
        steps (a task to be asked for its result), or another carrier. Raises CallFailed.
        """
        return await means.send(request, call.channel)


class Hosted(Asking):
    """A host of models that are asked in the dialect of their makers.

    `dialect` is one that clients speak, by its name in gateway/dialects/table.py; the catalogue's
    paths name its task. Answers, errors and the events of streams are to be the dialect's own: what
    the host wraps them in is taken off in `exchange` or by a framing. `fetches` says whether it
    fetches images by their addresses; where not, the gateway does when it converts a body.
    """

    dialect: str
    fetches: bool = True
