"""The first start: root's key, root's opening credit, and root.

Every step has a fixed id, so that it can be repeated after a crash and tried by two processes at
once. Root comes last: where root exists, all was done, and exactly one process knows the password
to print.
"""

from dataclasses import dataclass, field
from typing import Any

from gateway.directory.directory import Directory
from gateway.directory.documents import reserve_up_to
from gateway.directory.errors import Conflict
from gateway.directory.keys import check_secret
from gateway.directory.passwords import check_rules
from gateway.directory.randomness import letters
from gateway.directory.signup import DEFAULT_KEY, Recorder, finish_signups
from gateway.directory.users import ROLE_ROOT, ROOT_ID
from ledger.events import Draft
from ledger.money import nano_from_quota

ROOT_NAME = "root"
ROOT_KEY_ID = 1
ROOT_QUOTA = 500_000_000_000_000


@dataclass(frozen=True, slots=True)
class FirstStart:
    """What to print once. `password` is None when the operator chose it; `key` lacks its "sk-"."""

    username: str
    password: str | None = field(repr=False)
    key: str = field(repr=False)


async def first_start(
    directory: Directory,
    books: Recorder,
    *,
    root_password: str | None = None,
    root_token: str | None = None,
    root_access_token: str | None = None,
) -> FirstStart | None:
    """See to it that root exists with a key and credit; None when another call created root.

    The settings matter to the first start only. Also finishes interrupted sign-ups. Raises Invalid
    for a password or token that cannot be used (nothing was written), StoreError, BooksUnavailable.
    """
    await finish_signups(directory, books)
    if await directory.store.find_one("users", {"_id": ROOT_ID}):
        return None
    password = check_rules(root_password or letters(16))
    if root_token is not None:
        root_token = check_secret(root_token)
    await _make_key(directory, root_token)
    await _open_account(directory, books)
    if not await _make_root(directory, password, root_access_token):
        return None
    key = await directory.keys.get(ROOT_KEY_ID)
    shown = None if root_password else password
    return FirstStart(ROOT_NAME, shown, directory.keys.secret_of(key))


async def _make_key(directory: Directory, secret: str | None) -> None:
    await reserve_up_to(directory.store, "keys", ROOT_KEY_ID)
    if await directory.store.find_one("keys", {"_id": ROOT_KEY_ID}):
        return
    try:
        await directory.keys.create(ROOT_ID, DEFAULT_KEY, secret=secret, key_id=ROOT_KEY_ID)
    except Conflict:
        return  # another process starts for the first time at this moment


async def _open_account(directory: Directory, books: Recorder) -> None:
    event_id = f"open:user:{ROOT_ID}"
    if await directory.store.find_one("events", {"_id": event_id}):
        return
    await books.record(
        Draft(
            id=event_id,
            type="balance.opened",
            account=f"user:{ROOT_ID}",
            amount_nano=nano_from_quota(ROOT_QUOTA),
            actor="system",
            body={"reason": "first start"},
        )
    )


async def _make_root(directory: Directory, password: str, access_token: str | None) -> bool:
    """Tell whether it was this call that created root."""
    await reserve_up_to(directory.store, "users", ROOT_ID)
    fields: dict[str, Any] = {"display_name": "Root User", "role": ROLE_ROOT}
    try:
        await directory.users.create(
            ROOT_NAME, password, user_id=ROOT_ID, access_token=access_token, **fields
        )
    except Conflict:
        return False
    return True
