"""Switching a channel off when its credentials are dead, and on again when it works.

Many requests in several processes see a dead key at the same moment. One of them wins a
compare-and-set of the channel's status, and it alone tells: one line in the log, one event.
What a person switched off stays off, and what a person changed meanwhile is not touched.
"""

import logging
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Protocol

from gateway.channels import dead
from gateway.channels.blame import Blame, blame
from gateway.channels.failure import Failure
from gateway.directory.channels import STATUS_AUTO_DISABLED, STATUS_ENABLED, Channel, Channels
from ledger.errors import LedgerError
from ledger.events import Draft, Receipt
from ledger.writers import SYSTEM_ACTOR

log = logging.getLogger("tollgate.channels")


class Decision(Enum):
    """What a failure means for its channel."""

    NOTHING = "nothing"
    COOL_DOWN = "cool down"
    DISABLE = "disable"


def decide(failure: Failure, *, automatic: bool, keys_left: bool = False) -> Decision:
    """Say what follows from a failure for its channel.

    `automatic` is the option AutomaticDisableChannelEnabled; `keys_left` tells that the channel has
    upstream keys that are not known to be dead.
    """
    if blame(failure) in (Blame.REQUEST, Blame.ABSENT):
        return Decision.NOTHING
    if automatic and not keys_left and dead.find(failure) is not None:
        return Decision.DISABLE
    return Decision.COOL_DOWN


class Recorder(Protocol):
    """The books, as far as they are needed here."""

    async def record(self, draft: Draft) -> Receipt:
        """Make an event durable."""
        ...


Told = Callable[[str, Channel, bool, str], Awaitable[None]]


async def nobody(event_id: str, channel: Channel, off: bool, why: str) -> None:
    """Tell no operator."""


class Switch:
    """Switches channels off and on, for everyone, at most once for each reason.

    `told` learns of each, by the id of its event; it does not raise.
    """

    def __init__(self, channels: Channels, books: Recorder, told: Told = nobody) -> None:
        self._channels = channels
        self._books = books
        self._told = told
        self._busy: set[int] = set()

    async def disable(self, channel: Channel, failure: Failure) -> bool:
        """Switch a channel off for a failure of the table; tells whether this call did it.

        `channel` is as the attempt saw it: after any change to it the failure is old news.
        Raises LookupError for a failure that is not in the table, StoreError.
        """
        row = dead.find(failure)
        if row is None:
            raise LookupError("this failure does not mean dead credentials")
        return await self.rest(channel, dead.told(row))

    async def rest(self, channel: Channel, why: str) -> bool:
        """Switch a channel off for another reason, such as slowness; tells whether this call did.

        `channel` is as it was when the reason was found. Raises StoreError.
        """
        return await self._once(channel, STATUS_ENABLED, STATUS_AUTO_DISABLED, why)

    async def revive(self, channel: Channel, why: str) -> bool:
        """Switch a channel on if a machine switched it off; tells whether this call did it.

        `channel` is as it was when it was found to work. Raises StoreError.
        """
        return await self._once(channel, STATUS_AUTO_DISABLED, STATUS_ENABLED, why)

    async def _once(self, channel: Channel, expected: int, status: int, why: str) -> bool:
        # What a hundred requests see at once is asked of the database once.
        if channel.status != expected or channel.id in self._busy:
            return False
        self._busy.add(channel.id)
        try:
            changed = await self._channels.set_status(
                channel.id, status, expected=expected, as_of=channel
            )
            if changed is None:
                return False
            await self._tell(changed, expected, why)
            return True
        finally:
            self._busy.discard(channel.id)

    async def _tell(self, channel: Channel, before: int, why: str) -> None:
        off = channel.status == STATUS_AUTO_DISABLED
        log.warning("channel %d was switched %s: %s", channel.id, "off" if off else "on", why)
        body = {
            "action": "channel.disable" if off else "channel.enable",
            "object": channel.account,
            "before": {"status": before},
            "after": {"status": channel.status, "reason": why},
        }
        event_id = f"audit:{channel.account}:{channel.status}:{channel.changed_us}"
        draft = Draft(event_id, "audit.recorded", "directory", 0, SYSTEM_ACTOR, body)
        try:
            await self._books.record(draft)
        except LedgerError as error:
            # It is off all the same, and the log says so.
            log.error("the event %s was not recorded: %s", event_id, error)
        await self._told(event_id, channel, off, why)
