"""A new user: the document, the first key, the sign-up credit, and the reward of who invited.

Writes to two places cannot be one, so they are ordered and repeatable: a user stays marked as not
welcomed until all is done, and `finish_signups` ends what a crash interrupted.
"""

from contextlib import suppress
from typing import Any, Protocol

from gateway.directory.directory import Directory
from gateway.directory.invites import take_place
from gateway.directory.users import User
from ledger.errors import KeyReused
from ledger.events import Draft, Receipt
from ledger.lot_names import body_of
from ledger.money import nano_from_quota

DEFAULT_KEY: dict[str, Any] = {"name": "default", "unlimited": True}
DAY_S = 86_400
_UNFINISHED_AFTER_S = 60
_REASONS = {"signup": "sign-up", "invitee": "was invited", "inviter": "invited somebody"}


class Recorder(Protocol):
    """What is needed of the books."""

    async def record(self, draft: Draft) -> Receipt:
        """Append an event; it is durable and counted when this returns."""
        ...


async def new_user(
    directory: Directory,
    books: Recorder,
    username: str,
    password: str | None,
    *,
    actor: str = "system",
    **changes: Any,
) -> User:
    """Create a user with an unlimited key named "default" and the QuotaForNewUser credit.

    With an `inviter_id`, both get the credit of the options QuotaForInvitee and QuotaForInviter.
    `changes` are further fields of the user; without a password there is none to sign in with;
    `actor` is who created it ("user:1"). Raises Invalid, Conflict (nothing was created),
    StoreError, BooksUnavailable (the rest is done later).
    """
    user = await directory.users.create(username, password, welcomed=False, **changes)
    return await _welcome(directory, books, user, actor)


async def finish_signups(directory: Directory, books: Recorder) -> int:
    """Give users whose sign-up was interrupted what they lack; returns how many there were."""
    before_s = directory.clock.now_us() // 1_000_000 - _UNFINISHED_AFTER_S
    users = await directory.users.unwelcomed(before_s)
    for user in users:
        await _welcome(directory, books, user, "system")
    return len(users)


def _grant(
    kind: str, user: User, account: str, quota: int, actor: str, expires_s: int | None = None
) -> Draft:
    """Credit for a sign-up, once for each kind, to the new user or the inviter."""
    event_id = f"grant:{kind}:{user.id}"
    body: dict[str, Any] = {"reason": _REASONS[kind]}
    if kind != "signup":
        body["other_user"] = user.inviter_id if account == user.account else user.id
    if expires_s is not None:
        body["lot"] = body_of(event_id, "gift", expires_s)
    return Draft(
        id=event_id,
        type=f"grant.{kind}",
        account=account,
        amount_nano=nano_from_quota(quota),
        actor=actor,
        body=body,
    )


def _ends_s(directory: Directory) -> int | None:
    days = int(directory.options.get("QuotaForNewUserValidDays"))
    return directory.clock.now_us() // 1_000_000 + days * DAY_S if days else None


async def _grants(directory: Directory, user: User, actor: str) -> list[Draft]:
    """What a sign-up is worth by the options as they are; rewards only where somebody invited."""
    get, ends_s = directory.options.get, _ends_s(directory)
    drafts = []
    if get("QuotaForNewUser"):
        drafts.append(_grant("signup", user, user.account, get("QuotaForNewUser"), actor, ends_s))
    inviter = await directory.user(user.inviter_id) if user.inviter_id else None
    if inviter is None or not inviter.is_usable:
        return drafts
    if get("QuotaForInvitee"):
        drafts.append(_grant("invitee", user, user.account, get("QuotaForInvitee"), actor, ends_s))
    if get("QuotaForInviter"):
        most = get("InviteRewardsPerDay")
        if await take_place(directory.store, inviter.id, user, most):
            quota = get("QuotaForInviter")
            drafts.append(_grant("inviter", user, inviter.account, quota, actor))
    return drafts


async def _welcome(directory: Directory, books: Recorder, user: User, actor: str) -> User:
    if not (await directory.keys.list(filters={"user_id": user.id})).total:
        await directory.keys.create(user.id, DEFAULT_KEY)
    for draft in await _grants(directory, user, actor):
        # Granted before the interruption, when the option or the actor was another one: it stands.
        with suppress(KeyReused):
            await books.record(draft)
    return await directory.users.mark_welcomed(user.id)
