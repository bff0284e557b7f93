"""The second factor of whoever another service vouched for: a ticket first, then the code."""

import hmac

from admin.auth.principal import mark_of
from admin.base import ApiHandler
from admin.errors import ApiError
from admin.people import bound
from gateway.directory.sign_in_tickets import LIFETIME_S
from gateway.directory.users import User

_VOID = "ticket: it is wrong, used or too old; begin again"


async def ask_second(handler: ApiHandler, user: User) -> None:
    """Answer 401 with a ticket, which POST /api/user/login/second takes with the code."""
    context = handler.context
    ticket = await context.directory.tickets.make(user.id, mark_of(context, user))
    handler.set_status(401)
    handler.failed(
        "a code of your authenticator is needed too (POST /api/user/login/second)",
        {"ticket": ticket, "expires_in": LIFETIME_S},
    )


async def check_second(handler: ApiHandler, text: str, code: str) -> User:
    """Return whose ticket it is, once the code fits; the ticket is void then.

    Guesses are counted by ticket, by address, and with those at the account's password. Raises
    ApiError 401, 403, 429.
    """
    context, address = handler.context, f"address {handler.request.remote_ip}"
    await bound(context.throttle, (address,))
    ticket = await context.directory.tickets.attempt(text)
    user = await context.directory.user(ticket.user_id) if ticket is not None else None
    if ticket is None or user is None:
        raise ApiError(401, _VOID)
    account = f"account {user.username.lower()}"
    await bound(context.throttle, (account,))
    if not hmac.compare_digest(mark_of(context, user), ticket.mark):
        raise ApiError(401, _VOID)
    if not user.is_usable:
        raise ApiError(403, "this account is disabled")
    if not await context.directory.second_factors.check(user.id, code):
        raise ApiError(401, "the code is wrong, or was used already")
    if not await context.directory.tickets.end(text):
        raise ApiError(401, _VOID)
    context.throttle.forgive((address,))
    context.throttle.forgive((account,))
    return user
