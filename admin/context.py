"""What the management API needs from outside, passed in by the composition root."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from admin.auth.throttle import ByAddress, Throttle
from admin.care import Care
from admin.payments.stripe_api import Sender
from admin.robot import Robot
from gateway.directory.directory import Directory
from gateway.directory.identities import IdentityService
from ledger.books import Books
from ledger.clock import Clock
from ledger.reversal_runs import Runner
from ledger.signing import Signer
from ledger.verify_runs import Verifier

ModelsFor = Callable[[str], list[str]]


@dataclass(frozen=True, slots=True)
class AdminContext:
    """Dependencies of every handler.

    `session_secret` signs cookies; `start_time_s` is unix seconds.
    `care` looks after channels. `signer` signs the seals, if there is one.
    `models_for` lists the models that a group can use, also through other groups' channels.
    `throttle` bounds attempts to sign in, `asking` mails to one mailbox, `door` requests to /api by
    address, where that is set. `robot` tells people from programs.
    `archive_dir` is where archives of closed periods are kept. `prices_file` holds the prices that
    come with the product besides those of its package. `sender` sends to payment providers; without
    one, those that must be asked can't be used. `identities` vouch for people, by name.
    """

    directory: Directory
    books: Books
    clock: Clock
    session_secret: str
    version: str
    start_time_s: int
    care: Care
    throttle: Throttle
    asking: Throttle
    robot: Robot
    reversing: Runner
    verifying: Verifier
    models_for: ModelsFor
    door: ByAddress | None = None
    signer: Signer | None = None
    archive_dir: Path | None = None
    prices_file: Path = Path("conf/prices.yaml")
    sender: Sender | None = None
    identities: Mapping[str, IdentityService] = field(default_factory=dict)
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("tollgate.admin"))

    def now_s(self) -> float:
        """Wall-clock time in unix seconds."""
        return self.clock.now_us() / 1_000_000
