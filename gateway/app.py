"""The composition root: settings → store → ledger → directory → relay → admin → one application.

The only place that sees everything. What is opened here is closed here, in the opposite order, also
when opening stops half way.
"""

import random
import ssl
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from admin.auth.throttle import LIMIT, WINDOW_S
from admin.context import AdminContext
from admin.texts import framed_origins
from admin.urls import routes as admin_routes
from gateway import __version__
from gateway.channels.accounts import ChannelBalances
from gateway.channels.care import Care
from gateway.channels.disable import Switch
from gateway.channels.health import Rules
from gateway.channels.judge import Judge
from gateway.channels.model_diffs import ModelDiffs
from gateway.channels.probe import Probe
from gateway.channels.testing import ChannelTests
from gateway.channels.trial_cost import TrialBooks
from gateway.channels.vendor_rounds import Asking
from gateway.channels.watch import Watch
from gateway.console import Elsewhere
from gateway.directory.bootstrap import FirstStart, first_start
from gateway.directory.care import CareRecords
from gateway.directory.catalogue import Catalogue
from gateway.directory.directory import Directory
from gateway.directory.notices import MAIL, PUSHER, URL, WEBHOOK
from gateway.directory.operators import Operators
from gateway.directory.vault import Vault
from gateway.http import Application
from gateway.identity.services import identity_services
from gateway.jobs import JobContext, Jobs
from gateway.leader import Leader
from gateway.limits.door import Doors
from gateway.limits.limits import Limits
from gateway.limits.opening import open_limits, share_rests
from gateway.notices.mail import Mail
from gateway.notices.sender import Sender
from gateway.notices.ways import MessagePusher, UrlTemplate, Webhook
from gateway.observer import Observer
from gateway.providers.base import Provider
from gateway.providers.gemini import GeminiProvider
from gateway.providers.native_http import NativeProvider
from gateway.providers.natives import OWN
from gateway.providers.openai import OpenAIProvider
from gateway.providers.pages import VendorPages
from gateway.providers.sandbox import SandboxProvider
from gateway.providers.transport import UpstreamTransport
from gateway.providers.ways import Way, Ways
from gateway.proxied import TrustedProxies
from gateway.relay.context import Relay
from gateway.relay.fetch import ImageFetcher
from gateway.relay.route import models_for
from gateway.secret_key import secret_key
from gateway.settings import Settings
from gateway.spans import Spans
from gateway.tokens import TokenCounter
from gateway.turnstile import Turnstile
from gateway.urls import all_routes, ops_routes
from gateway.web import Web
from ledger.books import Books
from ledger.clock import Clock
from ledger.embedded import EmbeddedDatabase
from ledger.half import refuse_half_restored
from ledger.indexes import INDEXES
from ledger.price_first import seed
from ledger.reversal_runs import Runner
from ledger.signing import Signer
from ledger.store import Store
from ledger.verify_runs import Verifier

AGENT = f"tollgate/{__version__}"
# The options whose text may be an address that is framed.
FRAMED = ("About", "HomePageContent")
CONF_DIR = Path(__file__).parent.parent / "conf"
PRICES = CONF_DIR / "prices.yaml"


@dataclass(eq=False)
class Running:
    """Everything that is open. `first` is what the first start has to tell, once."""

    settings: Settings
    application: Application
    ops: Application | None
    relay: Relay
    observer: Observer
    care: Care
    directory: Directory
    books: Books
    embedded: EmbeddedDatabase | None
    first: FirstStart | None
    opened: AsyncExitStack

    async def close(self) -> None:
        """Close everything, last opened first."""
        await self.opened.aclose()


async def build(settings: Settings, embedded_url: str | None = None) -> Running:
    """Open everything that the settings ask for.

    `embedded_url` is where the embedded database listens when another process runs it.
    Raises LedgerError, DirectoryError, ValueError or OSError, with a message for the operator;
    nothing stays open then.
    """
    async with AsyncExitStack() as opened:
        running = await _open(settings, opened, embedded_url)
        running.opened = opened.pop_all()
        return running


async def _open(
    settings: Settings, opened: AsyncExitStack, embedded_url: str | None = None
) -> Running:
    clock, rng = Clock(), random.Random()
    embedded, store = await _open_store(settings, opened, embedded_url)
    vault = Vault(secret_key(settings))
    books = await _open_books(settings, opened, store, clock)
    await seed(books.prices, books, PRICES, clock.now_us())
    catalogue = Catalogue.load(CONF_DIR / "providers.yaml")
    # The embedded database wakes its listeners at every write to anything, so polling is cheaper.
    directory = Directory(store, vault, clock, catalogue, listen=settings.mongo_url is not None)
    await directory.start()
    opened.push_async_callback(directory.stop)
    first = await first_start(
        directory,
        books,
        root_password=settings.initial_root_password,
        root_token=settings.initial_root_token,
        root_access_token=settings.initial_root_access_token,
    )
    limits = await open_limits(settings.redis_url, settings.mongo_db, clock, opened)
    ways = Ways(_usual_way(settings), directory.channels.proxy_of)
    transport = UpstreamTransport(ways.usual)
    opened.push_async_callback(transport.aclose)
    counter = TokenCounter(settings.tiktoken_cache_dir or settings.data_dir / "tiktoken")
    providers = _providers(transport, ways, counter, clock)
    catalogue.check_protocols(providers)
    relay = _relay(
        settings, opened, books, directory, catalogue, rng, counter, providers, limits, ways
    )
    share_rests(relay, opened)
    relay.spans = _spans(settings, opened, clock)
    return _serving(settings, opened, relay, vault, limits, transport, ways, embedded, first)


def _serving(
    settings: Settings,
    opened: AsyncExitStack,
    relay: Relay,
    vault: Vault,
    limits: Limits,
    transport: UpstreamTransport,
    ways: Ways,
    embedded: EmbeddedDatabase | None,
    first: FirstStart | None,
) -> Running:
    """Compose what runs beside the relay, and begin it: care, jobs, management."""
    care = _care(relay, VendorPages(transport, AGENT, ways))
    opened.push_async_callback(care.aclose)
    web = Web(transport, AGENT)
    jobs = _jobs(relay, care, _sender(relay.directory, web))
    observer = Observer(relay, jobs, care)
    observer.start()
    opened.callback(observer.stop)
    jobs.start()
    opened.push_async_callback(jobs.close)
    reversing = Runner(relay.books)
    opened.push_async_callback(reversing.close)
    verifying = Verifier(relay.books.store)
    opened.push_async_callback(verifying.close)
    signing_in = (LIMIT, WINDOW_S)
    doors = Doors.of(limits, signing_in, settings.api_rate_limit, settings.web_rate_limit)
    # It lends the transport, which is closed where it was opened.
    sender = httpx.AsyncClient(transport=transport, headers={"user-agent": AGENT}, trust_env=False)
    admin = admin_routes(
        _admin_context(settings, relay, care, vault, reversing, verifying, doors, web, sender)
    )
    options = relay.directory.options
    elsewhere = Elsewhere(
        robots=lambda: bool(options.get("TurnstileCheckEnabled")),
        frames=lambda: framed_origins(str(options.get(each)) for each in FRAMED),
    )
    observed = ops_routes(relay, observer, own_port=False)
    separate, limit, rng = settings.ops_port is not None, settings.max_body_bytes, relay.rng
    return Running(
        settings=settings,
        application=Application(
            all_routes(relay, admin, observed, doors.web, elsewhere),
            limit,
            rng,
            done=observer.request_done,
            proxies=TrustedProxies(settings.trusted_proxies) if settings.trusted_proxies else None,
        ),
        ops=Application(ops_routes(relay, observer, own_port=True), limit, rng)
        if separate
        else None,
        relay=relay,
        observer=observer,
        care=care,
        directory=relay.directory,
        books=relay.books,
        embedded=embedded,
        first=first,
        opened=opened,
    )


async def _open_books(
    settings: Settings, opened: AsyncExitStack, store: Store, clock: Clock
) -> Books:
    books = await Books.open(
        store,
        clock,
        max_pending=settings.max_pending_events,
        spill_dir=settings.data_dir / "spill",
        spill_max_bytes=settings.spill_max_bytes,
        min_free_disk_bytes=settings.min_free_disk_bytes,
    )
    opened.push_async_callback(books.close)
    return books


def _relay(
    settings: Settings,
    opened: AsyncExitStack,
    books: Books,
    directory: Directory,
    catalogue: Catalogue,
    rng: random.Random,
    counter: TokenCounter,
    providers: Mapping[str, Provider],
    limits: Limits,
    ways: Ways,
) -> Relay:
    fetcher = ImageFetcher(
        timeout_s=settings.user_content_timeout_s,
        allowed=settings.user_content_networks,
        proxy_url=settings.user_content_proxy,
    )
    opened.push_async_callback(fetcher.aclose)
    relay = Relay(
        settings=settings,
        clock=books.clock,
        rng=rng,
        books=books,
        directory=directory,
        catalogue=catalogue,
        counter=counter,
        fetcher=fetcher,
        providers=providers,
        owners=catalogue.owners,
        watch=Watch(_rules(settings)),
        switch=Switch(directory.channels, books, Operators(directory).switched),
        limits=limits,
        ways=ways,
    )
    opened.push_async_callback(relay.aclose)
    return relay


def _spans(settings: Settings, opened: AsyncExitStack, clock: Clock) -> Spans | None:
    """Return what draws traces, if that is asked for; nothing of it is loaded otherwise."""
    if settings.otel_endpoint is None:
        return None
    try:
        from gateway.otel import OtelSpans
    except ImportError as error:
        raise ValueError(
            "OTEL_EXPORTER_OTLP_ENDPOINT needs the extra otel: pip install 'tollgate[otel]'"
            f" ({error})"
        ) from None
    spans = OtelSpans(
        clock,
        settings.otel_endpoint,
        service=settings.otel_service,
        headers=dict(settings.otel_headers),
        ratio=settings.otel_ratio,
    )
    opened.push_async_callback(spans.close)
    return spans


def _usual_way(s: Settings) -> Way:
    """Return how requests travel through channels that say nothing themselves."""
    return Way(
        proxy=s.relay_proxy,
        connect_s=s.relay_connect_timeout_s,
        first_byte_s=s.relay_first_byte_timeout_s,
        idle_s=s.relay_idle_timeout_s,
        total_s=s.relay_timeout_s,
    )


def _rules(settings: Settings) -> Rules:
    """Return when channels rest; the breaker is an option."""
    size = settings.metric_queue_size if settings.enable_metric else 0
    return Rules(window=size, threshold=settings.metric_success_rate_threshold)


async def _open_store(
    settings: Settings, opened: AsyncExitStack, embedded_url: str | None
) -> tuple[EmbeddedDatabase | None, Store]:
    embedded, url = None, settings.mongo_url or embedded_url
    if url is None:
        embedded = EmbeddedDatabase(settings.data_dir)
        url = await embedded.start()
        opened.push_async_callback(embedded.stop)
    store = await Store.connect(url, settings.mongo_db, settings.driver)
    opened.push_async_callback(store.close)
    await refuse_half_restored(store)
    await store.ensure_indexes(INDEXES)
    return embedded, store


def _providers(
    transport: UpstreamTransport, ways: Ways, counter: TokenCounter, clock: Clock
) -> dict[str, Provider]:
    http = OpenAIProvider(transport, AGENT, ways)
    own = {
        name: NativeProvider(asking, transport, AGENT, ways, lambda: clock.now_us() / 1_000_000)
        for name, asking in OWN.items()
    }
    return {
        **own,
        "openai": http,
        "anthropic": http,
        "gemini": GeminiProvider(transport, AGENT, ways),
        "sandbox": SandboxProvider(counter, clock),
    }


def _care(relay: Relay, pages: VendorPages) -> Care:
    directory, clock, s = relay.directory, relay.clock, relay.settings
    records = CareRecords(directory.store)
    probe = Probe(directory, relay.catalogue, relay.providers, clock, s.test_prompt)
    judge = Judge(relay.switch, directory.options.get)
    costs = TrialBooks(relay.books, relay.counter, s.test_prompt)
    pause_s = s.polling_interval_s
    tests = ChannelTests(directory, records, probe, judge, costs, clock, pause_s)
    asking = Asking(directory, relay.catalogue, records, pages, clock, pause_s)
    health = relay.watch.health
    return Care(
        tests,
        ChannelBalances(asking),
        ModelDiffs(asking),
        pages,
        resting=lambda: health.resting(clock.monotonic_s()),
        rates=health.rates,
    )


def _sender(directory: Directory, web: Web) -> Sender:
    """Return what sends notices, with all ways that there are."""
    option, clock = directory.options.get, directory.clock
    return Sender(
        directory.notices,
        {
            MAIL: Mail(option, ssl.create_default_context),
            PUSHER: MessagePusher(web, option),
            WEBHOOK: Webhook(web, option, lambda: clock.now_us() / 1_000_000),
            URL: UrlTemplate(web, option),
        },
    )


def _jobs(relay: Relay, care: Care, sender: Sender) -> Jobs:
    books, clock = relay.books, relay.clock
    # A writer's slot and epoch are this process's alone, for ever.
    owner = f"{books.writer.slot}:{books.writer.epoch}"
    signer = _signer(relay.settings)
    context = JobContext(books.store, books, relay.directory, relay.settings, clock, signer)
    context.care, context.sender, context.prices_file = care, sender, PRICES
    return Jobs(context, Leader(books.store, clock, owner))


def _signer(settings: Settings) -> Signer | None:
    return Signer.read(settings.signing_key) if settings.signing_key else None


def _admin_context(
    settings: Settings,
    relay: Relay,
    care: Care,
    vault: Vault,
    reversing: Runner,
    verifying: Verifier,
    doors: Doors,
    web: Web,
    sender: httpx.AsyncClient,
) -> AdminContext:
    return AdminContext(
        directory=relay.directory,
        books=relay.books,
        clock=relay.clock,
        session_secret=settings.session_secret or vault.derive("sessions").hex(),
        version=__version__,
        start_time_s=int(time.time()),
        care=care,
        throttle=doors.sign_in,
        asking=doors.mail,
        robot=Turnstile(web, relay.directory.options.get),
        door=doors.api,
        reversing=reversing,
        verifying=verifying,
        models_for=partial(models_for, relay),
        archive_dir=settings.archives,
        prices_file=PRICES,
        sender=sender,
        identities=identity_services(web, relay.directory.options.get, relay.clock.monotonic_s),
    )
