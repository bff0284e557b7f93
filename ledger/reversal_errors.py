"""Why a reversal is refused.

Owns the errors of ledger/reversals.py and ledger/reversal_runs.py. Promises that nothing was
changed when one is raised, and that its message can be shown to whoever asked.
"""

from ledger.errors import LedgerError
from ledger.events import Document


class ReversalError(LedgerError):
    """A reversal is refused; the message says why. Nothing was changed."""

    code = "reversal_refused"


class InvalidRequest(ReversalError):
    """What was asked for is incomplete or contradicts itself."""

    code = "invalid_request"


class NothingToReverse(ReversalError):
    """No such event or reversal, or no charge that matches and was not given back."""

    code = "nothing_to_reverse"


class AlreadyReversed(ReversalError):
    """The event was reversed before, by another request."""

    code = "already_reversed"


class AlreadyDecided(ReversalError):
    """Somebody has approved or rejected this reversal."""

    code = "already_decided"


class SecondPersonNeeded(ReversalError):
    """Whoever proposed a reversal can't approve it."""

    code = "second_person_needed"


class CohortChanged(ReversalError):
    """The charges are no longer those that were shown. `numbers` are the new ones."""

    code = "cohort_changed"

    def __init__(self, numbers: Document) -> None:
        super().__init__(
            f"the charges have changed: now {numbers['count']} of together {numbers['total']} USD"
            f" (digest {numbers['digest']}); look again before you approve"
        )
        self.numbers = numbers


class NotEnoughLeft(ReversalError):
    """A recharge can't be taken back whole: its credit is spent."""

    code = "not_enough_left"
