"""What the test of a channel means for it: switched off, switched on, told, or nothing.

Failures are judged by the table of dead.py alone. Slowness (option ChannelDisableThreshold) counts
only for kinds of tests whose time says something. What a person switched off stays off.
"""

import logging
from collections.abc import Callable
from typing import Any

from gateway.channels.disable import Decision, Switch, decide
from gateway.channels.probe import Trial
from gateway.directory.channels import Channel

AUTOMATIC_OFF = "AutomaticDisableChannelEnabled"
AUTOMATIC_ON = "AutomaticEnableChannelEnabled"
SLOW_AFTER_S = "ChannelDisableThreshold"

OK, SLOW, FAILED = "ok", "slow", "failed"
SWITCHED_OFF, SWITCHED_ON = "switched off", "switched on"

Option = Callable[[str], Any]

log = logging.getLogger("tollgate.channels")


class Judge:
    """Draws the consequences of tests. Raises StoreError."""

    def __init__(self, switch: Switch, option: Option) -> None:
        """`option` returns the value of an option by its name."""
        self._switch = switch
        self._option = option

    def verdict(self, trial: Trial) -> str:
        """Say how a test ended: ok, slow or failed."""
        if not trial.ok:
            return FAILED
        limit_s = int(self._option(SLOW_AFTER_S))
        return SLOW if limit_s and trial.timed and trial.seconds > limit_s else OK

    async def judge(self, channel: Channel, trial: Trial) -> tuple[str, ...]:
        """Do what follows from a test of a round; return its labels."""
        verdict = self.verdict(trial)
        if verdict == OK:
            return (OK, *await self.praise(channel))
        if verdict == SLOW:
            return (SLOW, *await self._slow(channel, trial))
        failure, automatic = trial.failure, bool(self._option(AUTOMATIC_OFF))
        if failure is not None and decide(failure, automatic=automatic) is Decision.DISABLE:
            if await self._switch.disable(channel, failure):
                return FAILED, SWITCHED_OFF
        return (FAILED,)

    async def praise(self, channel: Channel) -> tuple[str, ...]:
        """Switch a channel on that works, if a machine switched it off and may switch it on."""
        if self._option(AUTOMATIC_ON) and await self._switch.revive(channel, "a test succeeded"):
            return (SWITCHED_ON,)
        return ()

    async def _slow(self, channel: Channel, trial: Trial) -> tuple[str, ...]:
        limit_s = int(self._option(SLOW_AFTER_S))
        why = f"a test took {trial.seconds:.1f} s, more than {limit_s} s"
        if self._option(AUTOMATIC_OFF) and await self._switch.rest(channel, why):
            return (SWITCHED_OFF,)
        return ()
