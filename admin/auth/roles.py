"""Who may act on whom: an admin on users below, root on everybody, nobody on root."""

from admin.errors import ApiError
from gateway.directory.users import ROLE_ROOT, User


def check_may_act(me: User, target: User) -> None:
    """Raise 403 unless `me` ranks above `target` or is root."""
    if me.role != ROLE_ROOT and target.role >= me.role:
        raise ApiError(403, "you may not act on a user whose role is as high as yours")


def check_not_root(target: User, what: str) -> None:
    """Raise 403 when something is done to the root account that would lock everybody out."""
    if target.role == ROLE_ROOT:
        raise ApiError(403, f"the root account cannot be {what}")
