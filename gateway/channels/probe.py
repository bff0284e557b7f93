"""Trying a channel out: one small request, straight through its provider, charged to nobody.

The channel's upstream keys are tried in turn for as long as the failure is the key's, so that one
dead key among good ones is no failure of the channel.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import orjson

from gateway.channels.blame import blame
from gateway.channels.failure import Failure, of_answer, of_call
from gateway.channels.kinds import CHAT, TABLE, Kind, kind_of
from gateway.channels.replies import NotTheAnswer, Reply, read_reply
from gateway.channels.upstream_keys import OF_THE_KEY, UpstreamKey, read_keys
from gateway.directory.catalogue import Catalogue
from gateway.directory.channels import Channel
from gateway.directory.directory import Directory
from gateway.directory.errors import SecretsLocked
from gateway.directory.vendor import Vendor
from gateway.providers.base import Call, CallFailed, Provider
from gateway.relay.outgoing import in_protocol, overridden
from gateway.relay.route import wire_of
from ledger.clock import Clock

LONGEST_S = 60.0
#: Of more upstream keys only so many are tried, and the channel is not judged by them.
MOST_KEYS = 20
_MESSAGE = 1_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to ask for; what is None is as the channel says."""

    model: str | None = None
    stream: bool | None = None
    kind: str | None = None


class Attempt(NamedTuple):
    """One request that was sent, or tried to be. `worked` says that the upstream may bill it."""

    status: int | None
    error: str
    worked: bool
    reply: Reply | None = None


@dataclass(slots=True)
class Trial:
    """How a test went: the reply in a few words or the error, and how long the answer took.

    `failure` is what the channel may be judged by, None where it did not fail or where upstream
    keys were left untried. `attempts` are the requests that were sent, the last one last.
    """

    ok: bool
    message: str
    seconds: float
    model: str
    kind: str = CHAT
    stream: bool = False
    timed: bool = True
    failure: Failure | None = None
    attempts: list[Attempt] = field(default_factory=list)


class Probe:
    """Sends test requests. Never raises for what an upstream does."""

    def __init__(
        self,
        directory: Directory,
        catalogue: Catalogue,
        providers: Mapping[str, Provider],
        clock: Clock,
        prompt: str,
    ) -> None:
        self._directory = directory
        self._catalogue = catalogue
        self._providers = providers
        self._clock = clock
        self._prompt = prompt

    async def test(self, channel: Channel, wanted: Wanted = Wanted()) -> Trial:
        """Ask a channel for one answer, by default as the channel itself says."""
        trial = Trial(False, "", 0.0, wanted.model or "")
        try:
            vendor = self._catalogue.vendor(channel.type)
            trial.model = trial.model or usual_model(channel, vendor)
            vendor = vendor.of(channel.upstream_model(trial.model))
            self._plan(channel, vendor, wanted, trial)
            async with asyncio.timeout(LONGEST_S):
                await self._ask_keys(channel, vendor, trial)
        except TimeoutError:
            trial.message = f"no answer in {LONGEST_S:.0f} s"
            trial.failure = of_call(vendor, "upstream_timeout")
            trial.seconds = LONGEST_S
            trial.attempts.append(Attempt(None, trial.message, worked=True))
        except (SecretsLocked, LookupError, ValueError) as error:
            trial.message = str(error) or type(error).__name__
        return trial

    def _plan(self, channel: Channel, vendor: Vendor, wanted: Wanted, trial: Trial) -> None:
        """Decide what to ask for. Raises LookupError."""
        if vendor.retired:
            raise LookupError(vendor.retired["en"])
        if not trial.model:
            raise LookupError("the channel has no models")
        kind = kind_of(wanted.kind or channel.test_kind, trial.model, vendor)
        stream = channel.test_stream if wanted.stream is None else wanted.stream
        trial.kind, trial.timed = kind.name, kind.timed
        trial.stream = stream and kind.name == CHAT

    async def _ask_keys(self, channel: Channel, vendor: Vendor, trial: Trial) -> None:
        keys = read_keys(channel.id, self._directory.secret_of(channel))
        for key in keys[:MOST_KEYS]:
            await self._ask(channel, vendor, TABLE[trial.kind], trial, key)
            if trial.failure is None or blame(trial.failure) not in OF_THE_KEY:
                return
        if len(keys) > MOST_KEYS:
            trial.failure = None

    async def _ask(
        self, channel: Channel, vendor: Vendor, kind: Kind, trial: Trial, key: UpstreamKey
    ) -> None:
        """Ask with one key, and write down how that went."""
        call, began_s = self._call(channel, vendor, kind, trial, key), self._clock.monotonic_s()
        try:
            answer = await self._providers[vendor.protocol].call(call)
            try:
                reply = await read_reply(answer, kind, call.endpoint, self._prompt, self._now_s())
            finally:
                await answer.aclose()
            attempt = Attempt(reply.status, reply.error, reply.worked, reply)
            trial.failure = None
            if reply.error:
                now_s = self._now_s()
                trial.failure = of_answer(vendor, reply.status, answer.headers, reply.parsed, now_s)
        except CallFailed as error:
            attempt = Attempt(None, str(error), error.worked)
            trial.failure = of_call(vendor, error.code)
        except NotTheAnswer as error:
            attempt = Attempt(error.status, str(error), worked=True)
            trial.failure = of_call(vendor, "upstream_bad_answer")
        trial.seconds = self._clock.monotonic_s() - began_s
        trial.ok = trial.failure is None
        said = attempt.reply.said if trial.ok and attempt.reply else attempt.error
        trial.message = key.hidden_in(said)[:_MESSAGE]
        trial.attempts.append(attempt._replace(error=key.hidden_in(attempt.error)[:300]))

    def _call(
        self, channel: Channel, vendor: Vendor, kind: Kind, trial: Trial, key: UpstreamKey
    ) -> Call:
        wire = wire_of(vendor, kind.endpoint)
        if wire is None:
            raise LookupError(f"{vendor.name} has no route for {kind.name}")
        served = channel.upstream_model(trial.model)
        body = kind.write(served, self._prompt)
        if isinstance(body, bytes):
            if kind.name == CHAT:
                body = _streamed(body) if trial.stream else body
            body = overridden(in_protocol(wire, orjson.loads(body), channel), channel)
        config = self._directory.config_of(channel)
        sent = (channel, vendor, key.secret, wire, body, trial.stream)
        return Call(*sent, model=served, config=config)

    def _now_s(self) -> float:
        return self._clock.now_us() / 1_000_000


def usual_model(channel: Channel, vendor: Vendor) -> str:
    """Return the model that a channel is tested with, "" when it has none."""
    if channel.test_model:
        return channel.test_model
    if vendor.test_model in channel.models:
        return vendor.test_model
    return channel.models[0] if channel.models else ""


def _streamed(chat: bytes) -> bytes:
    """Ask for a stream."""
    options = {"stream": True, "stream_options": {"include_usage": True}}
    return orjson.dumps({**orjson.loads(chat), **options})
