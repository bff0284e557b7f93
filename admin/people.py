"""What every door for strangers has: bounded attempts, a check for robots, an even pace."""

import asyncio
import time
from collections.abc import Iterable

from admin.auth.throttle import Throttle
from admin.base import ApiHandler
from admin.errors import ApiError
from admin.robot import COOKIE, REMEMBERED_S, is_known, seal

#: Answers that must not tell who has an account come at whole multiples of this.
STEP_S = 0.25


async def bound(throttle: Throttle, subjects: Iterable[str]) -> None:
    """Count an attempt. Raises ApiError 429."""
    wait_s = await throttle.enter(tuple(subjects))
    if wait_s is not None:
        headers = {"Retry-After": str(wait_s)}
        raise ApiError(429, "too many attempts; try again later", headers=headers)


async def check_stranger(handler: ApiHandler) -> None:
    """Bound attempts by address, as One API does, and refuse robots. Raises ApiError 429, 403."""
    await bound(handler.context.throttle, (f"address {handler.request.remote_ip}",))
    await check_person(handler)


async def check_person(handler: ApiHandler, *, strict: bool = True) -> None:
    """Refuse robots while TurnstileCheckEnabled, by the token in the query (`turnstile`).

    When Turnstile does not answer, a strict check refuses too. Raises ApiError 403, 503.
    """
    context, request = handler.context, handler.request
    if not context.directory.options.get("TurnstileCheckEnabled"):
        return
    secret, address = context.session_secret, request.remote_ip or ""
    morsel = request.cookies.get(COOKIE)
    if morsel is not None and is_known(secret, morsel.value, address, context.now_s):
        return
    found = await context.robot.check(_token(handler), address)
    if found is None and strict:
        raise ApiError(503, "whether you are a robot cannot be checked right now; try again later")
    if found is False:
        raise ApiError(403, "turnstile: the check for robots was not passed; reload the page")
    if found:
        handler.set_cookie(
            COOKIE,
            seal(secret, address, context.now_s),
            max_age=REMEMBERED_S,
            httponly=True,
            samesite="Lax",
            secure=request.protocol == "https",
        )


def _token(handler: ApiHandler) -> str:
    values = handler.request.query_arguments.get("turnstile", [])
    return values[-1].decode("ascii", "replace") if values else ""


class Pace:
    """Lets an answer wait, so that how long it took says nothing of what was found."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()

    async def keep(self) -> None:
        """Wait until the next multiple of STEP_S since this was made."""
        taken_s = time.monotonic() - self._began_s
        await asyncio.sleep(STEP_S - taken_s % STEP_S)
