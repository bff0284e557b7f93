"""How a realtime session ends: close codes, reasons, and what is said."""

from dataclasses import dataclass

from gateway.relay import errors
from gateway.relay.errors import RelayError
from ledger.errors import InsufficientCredit, LedgerError

NORMAL, GOING_AWAY, NOT_TEXT, REFUSED, BROKEN, TOO_BUSY = 1000, 1001, 1003, 1008, 1011, 1013
_MAX_REASON_BYTES = 123


@dataclass(frozen=True, slots=True)
class End:
    """Why a session ends: the close code, what is said, and the outcome of what is cut short."""

    code: int
    reason: str
    outcome: str
    error: RelayError | None = None


def unaffordable(error: InsufficientCredit) -> End:
    """Return the end of a session whose credit is used up."""
    said = errors.of_ledger(error)
    return End(NORMAL, said.code, "credit_exhausted", said)


def unusable(error: LedgerError | RelayError) -> End:
    """Return the end of a session that may go on no more, or can't be recorded."""
    said = error if isinstance(error, RelayError) else errors.of_ledger(error)
    code = REFUSED if said.status < 500 else TOO_BUSY
    return End(code, said.code, said.code, said)


def sendable(code: int) -> int:
    """Return a close code as the other side may get it: some are only notes, never sent."""
    if code in (1004, 1005, 1006, 1015) or not 1000 <= code < 5000:
        return NORMAL if code == 1005 else BROKEN
    return code


def cut(reason: str) -> str:
    """Return a reason in as many bytes as a close may have."""
    return reason.encode()[:_MAX_REASON_BYTES].decode("utf-8", "ignore")
