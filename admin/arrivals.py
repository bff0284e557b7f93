"""Somebody whom another service vouches for: an old user, a new one, or one who binds it."""

from typing import Any

from admin.audit import audit
from admin.base import ApiHandler
from admin.errors import ApiError
from gateway.directory.errors import Conflict, DirectoryError
from gateway.directory.identities import FIELDS, Identity
from gateway.directory.mail_addresses import address, mailbox
from gateway.directory.randomness import letters
from gateway.directory.signup import new_user
from gateway.directory.users import User

_TRIES = 4
_LONGEST_NAME = 20


async def bind(handler: ApiHandler, service: str, identity: Identity) -> None:
    """Make this identity that of who is signed in. Raises Conflict where it is another's."""
    me, field = handler.me, FIELDS[service]
    await handler.context.directory.users.rebind(me, field, identity.subject)
    before, after = {field: getattr(me, field)}, {field: identity.subject}
    await audit(handler.context.books, handler.actor, "user.bind", me.account, before, after)


async def arrived(
    handler: ApiHandler, service: str, identity: Identity, aff: str
) -> tuple[User, bool]:
    """Return whose identity it is, and whether the user is new: made now, if registration is
    open. Raises ApiError 403, 409."""
    users, field = handler.context.directory.users, FIELDS[service]
    user = await users.by_identity(field, identity.subject)
    user = user or await _by_old_name(handler, field, identity)
    return (user, False) if user else (await _new(handler, service, identity, aff), True)


async def _by_old_name(handler: ApiHandler, field: str, identity: Identity) -> User | None:
    """Find the user whom One API knew by a name, and keep what does not change hands instead.

    The name alone proves nothing: whoever gave it up left it to others. It counts together with
    the user's address, if the service has verified that too.
    """
    users = handler.context.directory.users
    user = await users.by_identity(field, identity.old_name)
    if user is None:
        return None
    if not user.email or user.email.lower() not in {mail.lower() for mail in identity.mails}:
        said = (
            f"an account here was bound to the name {identity.old_name}, which may have changed "
            "hands; sign in to it in another way and bind it again, or ask whoever runs this"
        )
        raise ApiError(409, said)
    after = await users.rebind(user, field, identity.subject)
    was, now = {field: identity.old_name}, {field: identity.subject}
    await audit(handler.context.books, user.account, "user.bind", user.account, was, now)
    return after


async def _new(handler: ApiHandler, service: str, identity: Identity, aff: str) -> User:
    """Register. Of many at once with one identity, one makes the user and all get it."""
    directory, books = handler.context.directory, handler.context.books
    if not directory.options.get("RegisterEnabled"):
        raise ApiError(403, "registration is switched off here")
    field = FIELDS[service]
    fields = {field: identity.subject, **await _fields(handler, identity, aff)}
    user_id = await directory.store.next_id("users")
    name = f"{service}_{user_id}"
    fields.setdefault("display_name", name)
    for _ in range(_TRIES):
        try:
            user = await new_user(directory, books, name, None, user_id=user_id, **fields)
        except Conflict as error:
            found = await directory.users.by_identity(field, identity.subject)
            if found is not None:
                return found
            if error.field == "username":
                name = f"{service}_{user_id}_{letters(4)}"
            else:  # the mailbox became somebody's meanwhile
                fields = {k: v for k, v in fields.items() if k not in ("email", "mailbox")}
            continue
        after = {"username": user.username, field: identity.subject, "inviter_id": user.inviter_id}
        await audit(books, user.account, "user.register", user.account, None, after)
        return user
    raise ApiError(409, "this account could not be made; try again")


async def _fields(handler: ApiHandler, identity: Identity, aff: str) -> dict[str, Any]:
    """What else is known of a new user: a name, a verified address of nobody else, who invited."""
    users, fields = handler.context.directory.users, dict[str, Any]()
    shown = "".join(letter for letter in identity.name if letter.isprintable()).strip()
    if shown:
        fields["display_name"] = shown[:_LONGEST_NAME]
    inviter = await users.by_aff_code(aff)
    if inviter is not None:
        fields["inviter_id"] = inviter.id
    for mail in identity.mails[:1]:
        try:
            kept = address(mail)
        except DirectoryError:  # not one that is kept here: it is only left out
            continue
        if not await users.has_mailbox(mailbox(kept)):
            fields |= {"email": kept, "mailbox": mailbox(kept)}
    return fields
