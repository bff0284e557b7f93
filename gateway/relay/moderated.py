"""What one process knows of moderation: recent clean verdicts, and how often what came of it."""

import hashlib
import logging
from collections import Counter
from dataclasses import dataclass, field

from gateway.directory.caches import Absent

# Clean verdicts that are remembered, and for how long: a conversation sends all of itself again
# with each turn. Some 150 bytes each; the texts themselves are not kept.
MOST_CLEAN, CLEAN_S = 20_000, 600.0
WARN_EVERY_S = 60.0

log = logging.getLogger("tollgate.relay")


@dataclass(eq=False)
class Moderated:
    """Times are monotonic seconds. `outcomes` counts requests, `asks` questions to the model."""

    clean: Absent[bytes] = field(default_factory=lambda: Absent[bytes](MOST_CLEAN, CLEAN_S))
    outcomes: Counter[str] = field(default_factory=Counter)
    asks: int = 0
    _warned_s: float = float("-inf")
    _unsaid: int = 0

    def warn(self, what: str, then: str, now_s: float) -> None:
        """Log a failure, once in a while; the next line says how many there were between."""
        if now_s - self._warned_s < WARN_EVERY_S:
            self._unsaid += 1
            return
        more = f" ({self._unsaid} more since the last line)" if self._unsaid else ""
        self._warned_s, self._unsaid = now_s, 0
        log.warning("moderation failed, requests are %s: %s%s", then, what, more)


def fingerprint(by: str, kind: str, what: str) -> bytes:
    """Return what stands for a text or image and the rules (`by`) that it was judged by."""
    head = f"{kind}\0{by}\0".encode()
    return hashlib.blake2b(head + what.encode("utf-8", "surrogatepass"), digest_size=16).digest()
