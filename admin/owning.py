"""Whose is an account: what users may ask about, and who pays for a key.

Promises that an answer about a foreign account does not tell whether it exists.
"""

from admin.errors import ApiError
from gateway.directory.directory import Directory
from gateway.directory.users import User


async def require_own(directory: Directory, user: User, account: str) -> None:
    """Raise ApiError 403 unless an account is the user's, or belongs to one of the user's keys.

    Keys that were deleted, and periods of budgets and balance lots, count as well.
    """
    kind, _, name = account.partition(":")
    if kind == "budget":
        owner, number = name.split(":")[:2]
        account, kind, name = f"{owner}:{number}", owner, number
    elif kind == "lot":
        account = f"user:{name.partition(':')[0]}"
    if account == user.account:
        return
    if kind == "key" and await owner_of(directory, account) == user.account:
        return
    raise ApiError(403, "account: this is neither your account nor one of your keys")


async def owner_of(directory: Directory, account: str) -> str | None:
    """Return the account of the user who has (or had) a key; None for other accounts."""
    kind, _, number = account.partition(":")
    if kind != "key":
        return None
    key = (await directory.keys.get_many([int(number)])).get(int(number))
    return None if key is None else f"user:{key.user_id}"
