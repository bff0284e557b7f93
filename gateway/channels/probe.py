"""Trying a channel out: one small request, straight through its provider, charged to nobody."""

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

import orjson

from gateway.channels.upstream_keys import read_keys
from gateway.dialects.table import DIALECTS
from gateway.directory.catalogue import Catalogue
from gateway.directory.channels import Channel
from gateway.directory.directory import Directory
from gateway.directory.errors import SecretsLocked
from gateway.formats import openai
from gateway.providers.base import Answer, Call, CallFailed, Provider
from gateway.relay import errors
from gateway.relay.passage import as_openai
from gateway.relay.route import wire_of
from ledger.clock import Clock

LONGEST_S = 60.0
MAX_BYTES = 1 << 20
PREFERRED_MODEL = "gpt-3.5-turbo"


class Trial(NamedTuple):
    """How it went: the reply's text or the error, and how long it took."""

    ok: bool
    message: str
    seconds: float
    model: str


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

    async def test(self, channel: Channel, model: str | None) -> Trial:
        """Ask a channel for one answer, by default from a well-known model or its first one."""
        model = model or _usual_model(channel)
        began_s = self._clock.monotonic_s()
        try:
            async with asyncio.timeout(LONGEST_S):
                ok, message = await self._ask(channel, model)
        except TimeoutError:
            ok, message = False, f"no answer in {LONGEST_S:.0f} s"
        except (CallFailed, SecretsLocked, LookupError) as error:
            ok, message = False, str(error) or type(error).__name__
        return Trial(ok, message, self._clock.monotonic_s() - began_s, model)

    async def _ask(self, channel: Channel, model: str) -> tuple[bool, str]:
        if not model:
            return False, "the channel has no models"
        vendor = self._catalogue.vendor(channel.type)
        endpoint = openai.EMBEDDINGS if "embed" in model else openai.CHAT
        said: object = self._prompt
        if endpoint is openai.CHAT:
            said = [{"role": "user", "content": self._prompt}]
        wire = wire_of(vendor, endpoint) or endpoint
        served, dialect = channel.upstream_model(model), DIALECTS[wire.dialect]
        body = orjson.dumps(dialect.request_from_chat({"model": served, endpoint.field: said}))
        first, *_ = read_keys(channel.id, self._directory.secret_of(channel))
        call = Call(channel, vendor, first.secret, wire, body, stream=False, model=served)
        answer = await self._providers[vendor.protocol].call(call)
        try:
            parsed = errors.parse(await _read(answer))
        finally:
            await answer.aclose()
        if not 200 <= answer.status < 300:
            status, said = as_openai(wire, answer.status, parsed)
            problem = errors.of_upstream(status, answer.headers, said)
            return False, f"status {answer.status}: {first.hidden_in(problem.message)}"
        if not isinstance(parsed, dict) or not any(name in parsed for name in dialect.delivers):
            return False, "the answer is not in the format of this type of channel"
        return True, " ".join(dialect.texts(parsed))[:1_000]


def _usual_model(channel: Channel) -> str:
    if PREFERRED_MODEL in channel.models:
        return PREFERRED_MODEL
    return channel.models[0] if channel.models else ""


async def _read(answer: Answer) -> bytes:
    content = b""
    async for piece in answer.body:
        content += piece
        if len(content) > MAX_BYTES:
            raise CallFailed("upstream_bad_answer", "the answer is too long for a test")
    return content
