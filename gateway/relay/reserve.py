"""Step 1, still: price the request, take a place in the books' queue and hold credit.

The hold is an upper estimate. The first guess costs nothing: a token is at least one byte, so the
body's length bounds the input. Only when the credit does not cover that guess are tokens counted;
and when it does not cover the whole answer either, the answer is asked to be shorter.
"""

from gateway.dialects.table import DIALECTS
from gateway.directory.channels import Channel
from gateway.formats import openai, text
from gateway.relay.context import Exchange, Relay
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
    amount = x.quote.estimate_nano(x.tokens_in, most_output(relay, x) * x.ask.choices)
    x.hold = _hold_at_once(relay, accounts, running, amount)
    if x.hold is None:
        await _hold_slowly(relay, x, accounts, running, amount)
    if relay.books.lots.any(x.user.account):
        await relay.books.lots.prepare(x.user.account, amount)


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
    prices, model, group = x.prices, x.ask.model, x.user.group
    served = channel.upstream_model(model)
    if served != model:
        try:
            return prices.quote(served, group, channel.type)
        except PriceMissing:
            pass
    free = relay.settings.allow_unpriced_models
    return prices.quote(model, group, channel.type, allow_unpriced=free)


def most_input(ask: openai.Ask, channel: Channel) -> int:
    """Bound the input tokens from above without counting them."""
    images = ask.raw.count(ask.endpoint.image) if ask.endpoint.image else 0
    added = len(channel.system_prompt.encode()) + channel.patch_bytes
    return len(ask.raw) + added + images * text.PER_IMAGE


def most_output(relay: Relay, x: Exchange) -> int:
    """Bound the output tokens per choice: what was asked for, or the model's own limit."""
    if not x.ask.endpoint.has_output:
        return 0
    assert x.quote is not None
    ceiling = x.quote.max_output_tokens
    if x.ask.max_output is not None:
        return min(x.ask.max_output, ceiling) if ceiling else x.ask.max_output
    default = relay.settings.default_max_tokens
    return min(ceiling, default) if ceiling else default


async def counted_input(relay: Relay, x: Exchange) -> int:
    """Count the input tokens, in a thread."""
    assert x.channel is not None
    found = DIALECTS[x.ask.endpoint.dialect].countable(x.ask.body)
    if x.channel.system_prompt:
        found.texts.append(x.channel.system_prompt)
        found.tokens += text.PER_MESSAGE
    return found.tokens + await relay.counter.count(x.served_model, found.texts)


async def _hold_slowly(
    relay: Relay, x: Exchange, accounts: list[str], running: tuple[Running, ...], amount: int
) -> None:
    budgets, quote = relay.books.budgets, x.quote
    assert quote is not None
    try:
        x.hold = await budgets.hold(accounts, running, amount, wait_s=0)
        return
    except InsufficientCredit:
        assert x.channel is not None
        counted = await counted_input(relay, x) + x.channel.patch_bytes
        x.tokens_in = min(x.tokens_in, counted)
    output, choices = most_output(relay, x), x.ask.choices
    precise = quote.estimate_nano(x.tokens_in, output * choices)
    floor = quote.estimate_nano(x.tokens_in, min(SHORTEST_ANSWER, output) * choices)
    wait_s = relay.settings.hold_wait_s
    x.hold = await budgets.hold(accounts, running, precise, floor_nano=floor, wait_s=wait_s)
    if x.hold.amount_nano < precise:
        affordable = quote.affordable_output_tokens(x.hold.amount_nano, x.tokens_in)
        x.clamp = max(1, affordable // choices)
