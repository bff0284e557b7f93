"""Replacing a forgotten password, by a link that is sent to the address."""

from typing import ClassVar

from admin.audit import audit
from admin.base import ANYONE, ApiHandler, Takes
from admin.errors import ApiError
from admin.handlers.joining import check_mail_works
from admin.people import Pace, bound, check_stranger
from admin.schemas.people import MailQuery, ResetBody
from gateway.directory import mail_words
from gateway.directory.mail_addresses import address, mailbox
from gateway.directory.notices import MAIL
from gateway.directory.passwords import check_rules
from gateway.directory.proofs import LIFETIME_S, PASSWORD
from gateway.directory.randomness import letters

_MADE = 12
_VOID = "token: this link is wrong, used or too old; ask for a new one"


class ResetMailHandler(ApiHandler):
    """GET /api/reset_password?email=: send a link. Never says whether the address is known."""

    access: ClassVar[dict[str, int]] = {"GET": ANYONE}
    takes: ClassVar[Takes] = {"GET": MailQuery}
    changes_on_get: ClassVar[bool] = True

    async def get(self) -> None:
        """Put the mail into the post box if there is such a user, and say the same if not."""
        query, pace = self.query(), Pace()
        await check_stranger(self)
        directory, get = self.context.directory, self.context.directory.options.get
        check_mail_works(directory.options)
        mail = address(query["email"])
        box = mailbox(mail)
        await bound(self.context.asking, (f"reset {box}",))
        token = await directory.proofs.token(box)
        user = await directory.users.by_mail(mail, box)
        if user is not None and user.is_usable:
            words = mail_words.reset(get("SystemName"), get("ServerAddress"), mail, token)
            await directory.notices.put(MAIL, user.email, words, valid_s=LIFETIME_S)
        await pace.keep()
        self.ok()


class ResetHandler(ApiHandler):
    """POST /api/user/reset."""

    access: ClassVar[dict[str, int]] = {"POST": ANYONE}
    takes: ClassVar[Takes] = {"POST": ResetBody}

    async def post(self) -> None:
        """Set the password given, or make one and answer it; all sessions of the user end."""
        sent = self.body()
        await bound(self.context.throttle, (f"address {self.request.remote_ip}",))
        directory, password = self.context.directory, sent.get("password")
        if password is not None:
            check_rules(password)
        mail = address(sent["email"])
        box = mailbox(mail)
        if not await directory.proofs.spend(PASSWORD, box, sent["token"]):
            raise ApiError(400, _VOID)
        user = await directory.users.by_mail(mail, box)
        if user is None or not user.is_usable:
            raise ApiError(400, _VOID)
        made = letters(_MADE) if password is None else None
        await directory.users.set_password(user.id, password or made or "")
        await audit(self.context.books, user.account, "user.password_reset", user.account)
        self.ok(made)
