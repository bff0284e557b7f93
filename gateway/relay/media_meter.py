"""Step 4 for images and audio: what was made, as it is priced.

Where the price is by the piece (image, character, second), pieces are charged and nothing else.
Where it is by the token, the upstream's report is; without one, tokens are estimated from what was
delivered. The number of pieces is noted in any case: what a channel costs may depend on it.
"""

from gateway.dialects.table import DIALECTS
from gateway.formats.usage import Usage, frame_text
from gateway.media.answers import Made, made_by
from gateway.media.asks import TOKENS_PER_SECOND
from gateway.relay import policy, reserve
from gateway.relay.attempt import Delivery
from gateway.relay.context import Exchange, Relay
from gateway.relay.measured import Measured
from gateway.relay.media_stream import MediaMeter
from gateway.relay.reserve import counted_input
from ledger.quote import Quote

# Speech, where nothing is reported: tokens for a letter, and for a character that is a word.
_TOKENS_PER_LETTER, _TOKENS_PER_IDEOGRAPH = 1.4, 5.2
_IDEOGRAPHS = 0x2E80


def price_as_made(relay: Relay, x: Exchange, delivery: Delivery) -> None:
    """Price an image by what its answer says was made, where the request left it open."""
    if x.ask.known is not None and isinstance(delivery.parsed, dict):
        _price(relay, x, made_by(delivery.parsed, b""))


async def measure_whole(relay: Relay, x: Exchange, delivery: Delivery) -> Measured:
    """Measure an answer that came in one piece."""
    return await measure(relay, x, made_by(delivery.parsed, delivery.content))


async def measure_interrupted(relay: Relay, x: Exchange, made: Made, outcome: str) -> Measured:
    """Measure an answer that did not come to its end, by the declared rule."""
    rule = x.policy if outcome in policy.INTERRUPTED else ""
    if rule == policy.FREE:
        measured = Measured({}, "counted")
    elif rule == policy.INPUT:
        measured = await measure(relay, x, Made())
    else:
        return await measure(relay, x, made)
    if x.spent and made.delivered:
        measured.delivered = await measure(relay, x, made)
    return measured


def made_so_far(meter: object) -> Made:
    """Return what a stream made until now; nothing where there was none."""
    return meter.made() if isinstance(meter, MediaMeter) else Made()


async def measure(relay: Relay, x: Exchange, made: Made) -> Measured:
    """Return the usage that is charged for what was made."""
    known = x.ask.known
    assert known is not None
    quote = _price(relay, x, made)
    rates = quote.factors["rates"]
    report, said = made.report, DIALECTS[x.ask.endpoint.dialect]
    tokens = said.classes(report) if report is not None else None
    count, source = _pieces(x, made)
    if known.unit in rates:
        usage: Usage = {known.unit: count}
    elif tokens is not None:
        usage, source = {**tokens, known.unit: count}, "upstream"
    else:
        usage, source = {**await _tokens(relay, x, made, count), known.unit: count}, "estimated"
    measured = Measured(usage, source, frame_text(report))
    if tokens is not None and known.unit in rates and x.spent:
        measured.delivered = Measured({**tokens, known.unit: count}, "upstream")
    if "calls" in rates:
        usage["calls"] = 1
    return measured


def _pieces(x: Exchange, made: Made) -> tuple[int, str]:
    """Return how many pieces are charged, and how that is known."""
    known = x.ask.known
    assert known is not None
    if known.unit == "images":
        if made.count is None:
            return (known.count, "estimated") if made.delivered else (0, "counted")
        return min(made.count, known.count), "counted"
    if known.unit == "seconds" and made.count is not None:
        return made.count, "upstream"
    return known.count, known.source


async def _tokens(relay: Relay, x: Exchange, made: Made, count: int) -> Usage:
    """Estimate tokens that nobody reported."""
    known = x.ask.known
    assert known is not None
    usage: Usage = {"input": (await counted_input(relay, x)).tokens}
    if known.unit == "images":
        usage["image_output"] = known.tokens_out * count // known.count
    elif known.unit == "characters":
        usage["audio_output"] = _spoken(str(x.ask.body["input"])) if made.delivered else 0
    else:
        usage["audio_input"] = count * TOKENS_PER_SECOND
        usage["output"] = await relay.counter.count(x.served_model, made.texts)
    return usage


def _spoken(text: str) -> int:
    wide = sum(ord(character) >= _IDEOGRAPHS for character in text)
    return int(wide * _TOKENS_PER_IDEOGRAPH + (len(text) - wide) * _TOKENS_PER_LETTER) + 1


def _price(relay: Relay, x: Exchange, made: Made) -> Quote:
    known = x.ask.known
    assert known is not None and x.channel is not None and x.quote is not None
    if known.unit == "images" and None in (known.size, known.quality) and made.delivered:
        known.made(made.size, made.quality)
        x.quote = reserve.price(relay, x, x.channel)
    return x.quote
