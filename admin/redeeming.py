"""Turning a redemption code into credit, once.

The ledger decides: the event's id carries the code, so of any number of attempts in any number of
processes one is recorded. Everything checked before is courtesy, except that a code is worth
something only if the ledger knows that its batch was issued.
"""

from typing import Any

from admin.errors import ApiError
from admin.times import US_PER_S
from gateway.directory.codes import Code
from gateway.directory.directory import Directory
from gateway.directory.users import User
from ledger.books import Books
from ledger.errors import KeyReused
from ledger.events import Draft
from ledger.lot_names import body_of

DAY_S = 86_400
USED = "this code has been used"


def redeemed_id(code_id: int) -> str:
    """The id of the event that redeems a code."""
    return f"redeem:{code_id}"


def issued_id(batch: int) -> str:
    """The id of the event that issues a batch of codes."""
    return f"issue:{batch}"


async def redeem(directory: Directory, books: Books, user: User, secret: str) -> tuple[int, str]:
    """Credit a code to a user; returns the nano-dollars credited and the id of the event.

    Raises ApiError 404 for an unknown code, 409 for one that is used or switched off.
    """
    code = await directory.codes.by_secret(secret)
    if code is None:
        raise ApiError(404, "there is no such code")
    wanted = [issued_id(code.batch), redeemed_id(code.id)]
    events = await books.store.find_ids("events", wanted, projection={"_id": 1})
    known = {event["_id"] for event in events}
    if redeemed_id(code.id) in known:
        raise ApiError(409, USED)
    if not code.is_usable or issued_id(code.batch) not in known:
        raise ApiError(409, "this code is switched off")
    now_s = books.clock.now_us() // US_PER_S
    if code.expires_s and code.expires_s <= now_s:
        raise ApiError(409, "this code has expired")
    place = await directory.code_places.take(code, user.id) if code.per_user else ""
    if place is None:
        said = f"you have redeemed {code.per_user} of these codes, and more are not allowed"
        raise ApiError(409, said)
    try:
        receipt = await books.record(_draft(code, user, now_s))
    except KeyReused:  # somebody else was faster
        if place:
            await directory.code_places.give_back(place, code)
        raise ApiError(409, USED) from None
    if receipt.replayed:  # the user's own, of which the place is
        raise ApiError(409, USED)
    return code.value_nano, receipt.event_id


def _draft(code: Code, user: User, now_s: int) -> Draft:
    body: dict[str, Any] = {"code": code.id, "name": code.name, "creator": code.creator_id}
    if code.valid_days or code.source != "paid":
        expires_s = now_s + code.valid_days * DAY_S if code.valid_days else None
        body["lot"] = body_of(redeemed_id(code.id), code.source, expires_s)
    return Draft(
        redeemed_id(code.id),
        "redemption.redeemed",
        user.account,
        code.value_nano,
        user.account,
        body,
    )
