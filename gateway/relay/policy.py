"""What is charged where an answer does not end well: rules that are declared by model.

Three options, each a JSON object of models and rules (gateway/directory/policies.py):
`InterruptionPolicy` where the client hangs up or the upstream breaks off in mid-answer (else the
setting DISCONNECT_POLICY), `EmptyAnswerPolicy` where an answer came to its end and delivered
nothing, `UpstreamErrorPolicy` where the upstream failed before it delivered anything and reported
usage all the same. The event's `outcome` says what happened, its `policy` which rule was declared.
"""

from typing import TYPE_CHECKING

from gateway.directory import policies
from gateway.relay.context import Relay
from ledger.quote import INPUT_CLASSES

if TYPE_CHECKING:
    from gateway.formats.usage import Usage

COMPLETE = "complete"
CLIENT_CLOSED = "client_closed"
UPSTREAM_CUT = "upstream_cut"
UPSTREAM_TIMEOUT = "upstream_timeout"
# The answer came to its end and there was nothing in it.
EMPTY = "empty"
# The upstream failed before it delivered anything, and is paid for all the same.
UPSTREAM_ERROR = "upstream_error"

INTERRUPTED = frozenset((CLIENT_CLOSED, UPSTREAM_CUT, UPSTREAM_TIMEOUT))
INPUT, FREE, REPORTED = "input", "free", "reported"
_SENT = frozenset((*INPUT_CLASSES, "characters"))


def for_interruption(relay: Relay, model: str) -> str:
    """Return the rule for a client that hangs up and an upstream that breaks off."""
    found = _chosen(relay, "InterruptionPolicy", model)
    return relay.settings.disconnect_policy if found is None else found


def for_empty(relay: Relay, model: str) -> str:
    """Return the rule for an answer that delivered nothing."""
    return _chosen(relay, "EmptyAnswerPolicy", model) or REPORTED


def for_error(relay: Relay, model: str) -> str:
    """Return the rule for an upstream that failed and reported usage."""
    return _chosen(relay, "UpstreamErrorPolicy", model) or FREE


def _chosen(relay: Relay, option: str, model: str) -> str | None:
    return policies.choose(relay.directory.options.get(option), model)


def reduced(usage: "Usage", rule: str) -> "Usage":
    """Return what is charged of a usage: all of it, its input, or nothing."""
    if rule == FREE:
        return {}
    if rule == INPUT:
        return {name: count for name, count in usage.items() if name in _SENT}
    return usage
