"""What the relay tells of a request to whoever draws traces of it (gateway/otel.py), if any does.

None of these may raise. With tracing off there is nobody to tell, and nothing of it is loaded.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from gateway.directory.vendor import Vendor
    from gateway.relay.context import Exchange


class Spans(Protocol):
    """The life of an exchange in spans: one for the request, one for each attempt."""

    def begin(self, x: "Exchange") -> None:
        """A request was admitted."""

    def attempt(self, x: "Exchange", vendor: "Vendor") -> Mapping[str, str]:
        """It is sent upstream; returns the headers that make the upstream's spans hang on ours."""

    def failed(self, x: "Exchange", status: int | None) -> None:
        """The attempt came to nothing; `status` is the upstream's, if it answered."""

    def settled(
        self,
        x: "Exchange",
        usage: Mapping[str, int],
        charge_nano: int,
        cost_nano: int,
        outcome: str,
    ) -> None:
        """It was charged."""

    def end(self, x: "Exchange") -> None:
        """It is over, with the exception that is being handled, if any."""
