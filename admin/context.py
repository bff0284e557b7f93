"""What the management API needs from outside, passed in by the composition root."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from admin.auth.throttle import Throttle
from gateway.directory.channels import Channel
from gateway.directory.directory import Directory
from ledger.books import Books
from ledger.clock import Clock
from ledger.reversal_runs import Runner
from ledger.signing import Signer


@dataclass(frozen=True, slots=True)
class TestResult:
    """How a test request through a channel went: the reply's text or the error, and the time."""

    __test__ = False

    ok: bool
    message: str
    seconds: float
    model: str


TestChannel = Callable[[Channel, str | None], Awaitable[TestResult]]
ModelsFor = Callable[[str], list[str]]


@dataclass(frozen=True, slots=True)
class AdminContext:
    """Dependencies of every handler.

    `session_secret` signs cookies; `start_time_s` is unix seconds.
    `test_channel` sends one small request through a channel (with its first model, if None is
    given) and never raises for what the upstream does. `signer` signs the seals, if there is one.
    `models_for` lists the models that a group can use, also through other groups' channels.
    `throttle` bounds attempts to sign in, `door` requests to /api by address, where that is set.
    `archive_dir` is where archives of closed periods are kept.
    """

    directory: Directory
    books: Books
    clock: Clock
    session_secret: str
    version: str
    start_time_s: int
    test_channel: TestChannel
    throttle: Throttle
    reversing: Runner
    models_for: ModelsFor
    door: Throttle | None = None
    signer: Signer | None = None
    archive_dir: Path | None = None
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("tollgate.admin"))

    def now_s(self) -> float:
        """Wall-clock time in unix seconds."""
        return self.clock.now_us() / 1_000_000
