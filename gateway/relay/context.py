"""What the relay needs from outside, and what it knows about one request on its way."""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.channels.disable import Switch
from gateway.channels.health import Subject
from gateway.channels.watch import Watch
from gateway.directory.catalogue import Catalogue
from gateway.directory.channels import Channel
from gateway.directory.directory import Directory
from gateway.directory.keys import Key
from gateway.directory.users import User
from gateway.formats.openai import Ask
from gateway.formats.usage import Usage
from gateway.limits.limits import Grant, Limits
from gateway.providers.base import Provider
from gateway.providers.ways import Ways
from gateway.relay.fetch import ImageFetcher
from gateway.relay.moderated import Moderated
from gateway.settings import Settings
from gateway.spans import Spans
from gateway.tasks import end_all
from gateway.tokens import TokenCounter
from ledger.appender import Place
from ledger.books import Books
from ledger.clock import Clock
from ledger.credit import Hold
from ledger.price_table import PriceTable
from ledger.quote import Quote

# How long what runs in the background may take when everything ends.
LAST_WORDS_S = 2.0


@dataclass(eq=False)
class Relay:
    """The relay of one process. `providers` by protocol; `owners` says who made which model.

    `watch` knows the health of the channels, `switch` switches them off and on, `limits` counts
    requests and tokens, `ways` are those by which channels are reached, `moderated` knows what was
    found clean, `spans` draws traces.
    """

    settings: Settings
    clock: Clock
    rng: random.Random
    books: Books
    directory: Directory
    catalogue: Catalogue
    counter: TokenCounter
    fetcher: ImageFetcher
    providers: Mapping[str, Provider]
    owners: Mapping[str, str]
    watch: Watch
    switch: Switch
    limits: Limits
    ways: Ways
    moderated: Moderated = field(default_factory=Moderated)
    spans: Spans | None = None
    accepting: bool = True
    exchanges: set["Exchange"] = field(default_factory=set)
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    background: set[asyncio.Task[None]] = field(default_factory=set)

    def begin(self, exchange: "Exchange") -> None:
        """Count a request as open; it is referenced here until it ends."""
        self.exchanges.add(exchange)
        self.idle.clear()
        if self.spans is not None:
            self.spans.begin(exchange)

    def end(self, exchange: "Exchange") -> None:
        """Count a request as done, giving back what it still holds."""
        exchange.release()
        if self.spans is not None and exchange.span is not None:
            self.spans.end(exchange)
        self.exchanges.discard(exchange)
        if not self.exchanges:
            self.idle.set()

    async def drain(self, timeout_s: float) -> None:
        """Refuse new requests and let open ones finish; those that do not in time are settled
        with what they delivered."""
        self.accepting = False
        for exchange in list(self.exchanges):
            if exchange.winds_up is not None:
                exchange.winds_up()
        if not await self._until_idle(timeout_s):
            for exchange in list(self.exchanges):
                exchange.stop("server_stopped")
            await self._until_idle(timeout_s)

    async def aclose(self) -> None:
        """Let what runs in the background finish, for a moment."""
        await end_all(self.background, LAST_WORDS_S)

    async def _until_idle(self, timeout_s: float) -> bool:
        if self.exchanges:
            try:
                await asyncio.wait_for(self.idle.wait(), timeout_s)
            except TimeoutError:
                return False
        return True


@dataclass(slots=True, eq=False)
class Exchange:
    """One request from admission to settlement.

    `prices` is the table that was in force at admission: all of the charge is made with it, however
    often the request is tried again. `affinity` is what keeps it on the channel of those that it
    belongs with, `only_key` the upstream key that it must be sent with. `headers` are those of the
    client that an upstream of its dialect gets, and `query` what it gets of the address's. `tools`
    is how often each tool that the upstream runs itself may be called, as far as the request says;
    `images` are those that were fetched for it, as data: URLs, by their addresses. `grant` and
    `channel_grant` are what it took of the limits that it is under, `standing` the headers that
    tell of them. `clamp` is the output limit, in tokens per choice, that the credit at hand
    imposes. `spent` are the attempts that cost something (see costs.py), `in_flight` that one is on
    its way, `reported` what the last one reported although it failed. `policy` is the rule for an
    interruption. `stopped` says why the upstream is not read to its end, once it is so. `winds_up`
    is told when the process begins to stop, and when it stops: what would go on for long ends by
    itself then. `asked_by` is who caused what the gateway asks on its operator's behalf, which
    costs nobody anything; "" for all that clients ask. `patience_s` bounds each attempt, 0: as
    long as its channel says. `sent_s` is when an upstream was first asked, `read_s` when its answer
    had been read, both by the monotonic clock. `traceparent` is the client's; `span` and `calling`
    are those of the request and of the attempt under way, where traces are drawn.
    """

    request_id: str
    ask: Ask
    key: Key
    user: User
    started_s: float
    pinned: int | None
    task: asyncio.Task[Any]
    policy: str
    prices: PriceTable
    asked_by: str = ""
    patience_s: float = 0.0
    headers: Mapping[str, str] = field(default_factory=dict)
    query: str = ""
    affinity: bytes | None = None
    only_key: Subject | None = None
    channel: Channel | None = None
    place: Place | None = None
    quote: Quote | None = None
    hold: Hold | None = None
    grant: Grant | None = None
    channel_grant: Grant | None = None
    standing: Mapping[str, str] = field(default_factory=dict)
    tokens_in: int = 0
    tools: Mapping[str, int] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)
    clamp: int | None = None
    attempts: list[dict[str, Any]] = field(default_factory=list)
    spent: list[Any] = field(default_factory=list)
    in_flight: bool = False
    reported: Usage | None = None
    upstream_request_id: str | None = None
    sent_s: float | None = None
    first_token_s: float | None = None
    read_s: float | None = None
    client_gone: bool = False
    stopped: str | None = None
    reading: bool = False
    drain_timer: asyncio.TimerHandle | None = None
    winds_up: Callable[[], None] | None = None
    traceparent: str | None = None
    span: Any = None
    calling: Any = None

    @property
    def event_id(self) -> str:
        """The id of the event that will charge this request."""
        return f"usage:{self.request_id}"

    @property
    def served_model(self) -> str:
        """The name by which the chosen channel's upstream knows the model."""
        assert self.channel is not None
        return self.channel.upstream_model(self.ask.model)

    def stop(self, why: str) -> None:
        """Stop reading the upstream, now or as soon as reading begins."""
        if self.stopped is None:
            self.stopped = why
            if self.winds_up is not None:
                self.winds_up()
            if self.reading:
                self.task.cancel()

    def end_limits(self, tokens: int) -> None:
        """Say that the upstream is done with it, and how many tokens it had in all."""
        for grant in (self.grant, self.channel_grant):
            if grant is not None:
                grant.end(tokens)

    def release(self) -> None:
        """Give back what was reserved and not used."""
        self.end_limits(0)
        if self.drain_timer is not None:
            self.drain_timer.cancel()
        if self.hold is not None:
            self.hold.release()
        if self.place is not None:
            self.place.release()
