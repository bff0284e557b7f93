"""Step 1, still: price the request, take a place in the books' queue and hold credit.

The hold is an upper estimate. The first guess costs nothing: a token is at least one byte, so the
body's length bounds the input. Only when the credit does not cover that guess are tokens counted;
and when it does not cover the whole answer either, the answer is asked to be shorter.
"""

from functools import lru_cache

from gateway.dialects.asks import CONVERSATIONS
from gateway.dialects.table import DIALECTS
from gateway.directory.channels import Channel
from gateway.directory.keys import Key
from gateway.directory.users import User
from gateway.formats import images, openai, text
from gateway.relay.context import Exchange, Relay
from gateway.tokens import Counted
from ledger.budgets import Running
from ledger.credit import Hold
from ledger.errors import InsufficientCredit, PriceMissing
from ledger.quote import Quote

# An answer that can't have at least this many tokens is not worth beginning.
SHORTEST_ANSWER = 16


async def reserve(relay: Relay, x: Exchange) -> None:
    """Price a request and hold its cost. Raises PriceMissing, InsufficientCredit,
    BooksUnavailable, StoreError."""
    assert x.channel is not None
    x.place = relay.books.place()
    x.quote = await _priced(relay, x, x.channel)
    if x.quote.is_free:
        return
    accounts = [x.user.account] if x.key.unlimited else [x.user.account, x.key.account]
    limited = x.user.budgets or x.key.budgets
    running = relay.books.budgets.in_force(x.user, x.key) if limited else ()
    x.tokens_in = most_input(x.ask, x.channel)
    x.tools = DIALECTS[x.ask.endpoint.dialect].most_searches(x.ask.body)
    amount = estimate(x, x.quote, most_output(relay, x) * x.ask.choices)
    x.hold = _hold_at_once(relay, accounts, running, amount)
    if x.hold is None:
        await _hold_slowly(relay, x, accounts, running, amount)
    if relay.books.lots.any(x.user.account):
        await relay.books.lots.prepare(x.user.account, amount)


def estimate(x: Exchange, quote: Quote, tokens_out: int) -> int:
    """Bound the cost of a request that may generate so many tokens, in nano-dollars.

    Images and audio that are sold by the piece are known exactly. Where texts are sold by the
    character, none is shorter than a byte. Raises InvalidEvent for a price that no balance could
    ever cover.
    """
    known, rates = x.ask.known, quote.factors["rates"]
    if known is not None and known.unit in rates:
        once = {"calls": 1} if "calls" in rates else {}
        return quote.charge_nano({known.unit: known.count, **once})
    tokens = quote.estimate_nano(x.tokens_in, tokens_out, x.tools)
    units = dict(x.ask.units)
    if known is None and "characters" in rates:
        units["characters"] = len(x.ask.raw)
    return tokens + quote.charge_nano(units) if units else tokens


async def _priced(relay: Relay, x: Exchange, channel: Channel) -> Quote:
    """Price a request; before it is refused, see whether a price was published a moment ago."""
    try:
        return price(relay, x, channel)
    except PriceMissing:
        relay.books.check_reachable()
        await relay.books.prices.refresh()
        x.prices = relay.books.prices.table()
        return price(relay, x, channel)


def _hold_at_once(
    relay: Relay, accounts: list[str], running: tuple[Running, ...], amount: int
) -> Hold | None:
    """Hold from what this process has in hand, or return None."""
    if running:
        if not all(known.ready for known in running):
            return None
        accounts = [*accounts, *(term.account for known in running for term in known.terms)]
    return relay.books.credit.try_hold(accounts, amount)


def price(relay: Relay, x: Exchange, channel: Channel) -> Quote:
    """Return the price of the model that really serves, or else of the model that was asked for.

    Always from the table of admission. Raises PriceMissing naming the model asked for.
    """
    if x.asked_by:
        return _for_nothing(listed(x, channel))
    prices, model, group = x.prices, x.ask.model, x.user.group
    variant = None if x.ask.known is None else x.ask.known.variant
    served = channel.upstream_model(model)
    if served != model:
        try:
            return prices.quote(served, group, channel.type, variant=variant)
        except PriceMissing:
            pass
    free = relay.settings.allow_unpriced_models
    return prices.quote(model, group, channel.type, variant=variant, allow_unpriced=free)


def listed(x: Exchange, channel: Channel) -> Quote:
    """Return the list price of the model that really serves; one without a price is no fault."""
    served = channel.upstream_model(x.ask.model)
    return x.prices.quote(served, "", channel.type, allow_unpriced=True)


@lru_cache(maxsize=64)
def _for_nothing(quote: Quote) -> Quote:
    return quote.scaled("0")


def most_input(ask: openai.Ask, channel: Channel) -> int:
    """Bound the input tokens from above without counting them."""
    if ask.known is not None:
        return ask.known.tokens_in
    pictures = ask.raw.count(ask.endpoint.image) if ask.endpoint.image else 0
    dearest = images.most(channel.upstream_model(ask.model)) if pictures else 0
    said = len(ask.raw) + ask.said_again + ask.kept_tokens + channel.patch_bytes
    return said + len(_system(ask, channel).encode()) + pictures * dearest


def _system(ask: openai.Ask, channel: Channel) -> str:
    """Return the system prompt that the channel forces on what is asked: on conversations only."""
    return channel.system_prompt if ask.endpoint.task in CONVERSATIONS else ""


def most_output(relay: Relay, x: Exchange, channel: Channel | None = None) -> int:
    """Bound the output tokens per choice: what was asked for, if the channel's vendor heeds it, or
    the model's own limit."""
    if not x.ask.endpoint.has_output:
        return 0
    if x.ask.known is not None:
        return x.ask.known.tokens_out
    assert x.quote is not None
    ceiling = x.quote.max_output_tokens
    if x.ask.max_output is not None and heeded(relay, channel or x.channel):
        return min(x.ask.max_output, ceiling) if ceiling else x.ask.max_output
    default = max(relay.settings.default_max_tokens, x.ask.max_output or 0)
    return min(ceiling, default) if ceiling else default


def heeded(relay: Relay, channel: Channel | None) -> bool:
    """Whether a channel's answers are as short as a request asks for."""
    vendor = None if channel is None else relay.catalogue.find(channel.type)
    return vendor is None or vendor.heeds_limits


async def counted_input(relay: Relay, x: Exchange) -> Counted:
    """Count or estimate the input tokens, in a thread."""
    assert x.channel is not None
    found = DIALECTS[x.ask.endpoint.dialect].countable(x.ask.body)
    system_prompt = _system(x.ask, x.channel)
    if system_prompt:
        found.texts.append(system_prompt)
        found.tokens += text.PER_MESSAGE
    counted = await relay.counter.measure(x.served_model, found.texts)
    tokens = counted.tokens + found.fixed(x.served_model) + x.ask.kept_tokens
    exact = counted.exact and not found.images
    for said, times in found.repeated:
        again = await relay.counter.measure(x.served_model, [said])
        tokens, exact = tokens + times * again.tokens, exact and again.exact
    return Counted(tokens, exact)


async def _hold_slowly(
    relay: Relay, x: Exchange, accounts: list[str], running: tuple[Running, ...], amount: int
) -> None:
    budgets, quote = relay.books.budgets, x.quote
    assert quote is not None
    try:
        x.hold = await budgets.hold(accounts, running, amount, wait_s=0)
        return
    except InsufficientCredit:
        if x.ask.known is not None:  # nothing here can be asked for in part
            wait_s = relay.settings.hold_wait_s
            x.hold = await budgets.hold(accounts, running, amount, wait_s=wait_s)
            return
        assert x.channel is not None
        counted = (await counted_input(relay, x)).tokens + x.channel.patch_bytes
        x.tokens_in = min(x.tokens_in, counted)
    output, choices = most_output(relay, x), x.ask.choices
    precise = estimate(x, quote, output * choices)
    shorter = x.ask.stream or heeded(relay, x.channel)  # streams are cut here
    floor = estimate(x, quote, (min(SHORTEST_ANSWER, output) if shorter else output) * choices)
    wait_s = relay.settings.hold_wait_s
    x.hold = await budgets.hold(accounts, running, precise, floor_nano=floor, wait_s=wait_s)
    if x.hold.amount_nano < precise:
        affordable = quote.affordable_output_tokens(x.hold.amount_nano, x.tokens_in, x.tools)
        x.clamp = max(1, affordable // choices)


async def afford_some(relay: Relay, key: Key, user: User, model: str, channel: Channel) -> None:
    """See whether there is any credit for a model that costs something, before its request is read.

    Raises InsufficientCredit, BooksUnavailable, StoreError.
    """
    free, group = relay.settings.allow_unpriced_models, user.group
    prices, served = relay.books.prices.table(), channel.upstream_model(model)
    name = served if prices.row(served, channel.type) is not None else model
    try:
        if prices.quote(name, group, channel.type, allow_unpriced=free).is_free:
            return
    except PriceMissing:  # one may have been published a moment ago
        return
    accounts = [user.account] if key.unlimited else [user.account, key.account]
    hold = await relay.books.credit.hold(accounts, 1, wait_s=relay.settings.hold_wait_s)
    hold.release()
