"""The one table of faults."""

from tests.gateway.relay.faults.bodies import BODIES
from tests.gateway.relay.faults.heads import HEADS
from tests.gateway.relay.faults.streams import STREAMS
from tests.gateway.relay.faults.usages import USAGES

FAULTS = (*HEADS, *BODIES, *STREAMS, *USAGES)
