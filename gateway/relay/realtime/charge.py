"""Charging a part of a realtime session: a response, or a transcript of what it heard."""

from gateway.relay import costs
from gateway.relay.context import Exchange, Relay
from gateway.relay.measured import Measured
from gateway.relay.realtime.holds import hold_some
from gateway.relay.settle import settle

#: The status of the handshake that all parts of a session share.
SWITCHING = 101


async def charge(relay: Relay, part: Exchange, measured: Measured, outcome: str) -> None:
    """Record what a part cost and let go of what it held, recorded or not. Raises LedgerError."""
    quote = part.quote
    assert quote is not None
    if "calls" in quote.factors["rates"] and measured.usage:
        measured.usage["calls"] = 1
    try:
        costs.note(part, SWITCHING, None, delivered=True)
        if part.hold is None and not quote.is_free:
            await hold_some(relay, part, quote.charge_nano(measured.usage))
        await settle(relay, part, measured, outcome)
    finally:
        part.release()
