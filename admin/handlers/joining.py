"""People coming in: a code for an address, registration, binding an address."""

from typing import Any, ClassVar

from admin.audit import audit
from admin.base import ANYONE, ApiHandler, Takes
from admin.errors import ApiError
from admin.people import Pace, bound, check_stranger
from admin.schemas.people import BindQuery, MailQuery, RegisterBody
from gateway.directory import mail_words
from gateway.directory.checks import clean
from gateway.directory.errors import Conflict, Invalid
from gateway.directory.mail_addresses import address, admitted, mailbox
from gateway.directory.notices import MAIL
from gateway.directory.options import Options
from gateway.directory.passwords import check_rules
from gateway.directory.proofs import ADDRESS, LIFETIME_S
from gateway.directory.signup import new_user
from gateway.directory.users import ROLE_COMMON

VOID = "verification_code: it is wrong, used or too old; ask for a new one"


def check_mail_works(options: Options) -> None:
    """Raise 409 where the gateway sends no mail."""
    if not options.get("SMTPServer"):
        raise ApiError(409, "this gateway sends no mail: ask whoever runs it")


def mail_of(options: Options, text: str) -> str:
    """Return an address that may come in. Raises Invalid."""
    return admitted(
        address(text),
        restricted=options.get("EmailDomainRestrictionEnabled"),
        allowed=options.get("EmailDomainWhitelist"),
    )


class VerificationHandler(ApiHandler):
    """GET /api/verification?email=: send a code. Says the same whether or not it is known."""

    access: ClassVar[dict[str, int]] = {"GET": ANYONE}
    takes: ClassVar[Takes] = {"GET": MailQuery}
    changes_on_get: ClassVar[bool] = True

    async def get(self) -> None:
        """Put the mail into the post box; who has an account with the address is told so."""
        query, pace = self.query(), Pace()
        await check_stranger(self)
        directory, options = self.context.directory, self.context.directory.options
        check_mail_works(options)
        mail = mail_of(options, query["email"])
        box, system = mailbox(mail), options.get("SystemName")
        await bound(self.context.asking, (f"code {box}",))
        made = await directory.proofs.code(box)
        words = mail_words.code(system, made)
        if await directory.users.has_mailbox(box):
            words = mail_words.known(system, options.get("ServerAddress"))
        await directory.notices.put(MAIL, mail, words, valid_s=LIFETIME_S)
        await pace.keep()
        self.ok()


class RegisterHandler(ApiHandler):
    """POST /api/user/register."""

    access: ClassVar[dict[str, int]] = {"POST": ANYONE}
    takes: ClassVar[Takes] = {"POST": RegisterBody}

    async def post(self) -> None:
        """Create a user with what new users get; of many who ask for one name, one gets it."""
        sent = self.body()
        await check_stranger(self)
        directory, books = self.context.directory, self.context.books
        for name in ("RegisterEnabled", "PasswordRegisterEnabled"):
            if not directory.options.get(name):
                raise ApiError(403, "registration is switched off here")
        await self._check_free(sent)
        fields = await self._fields(sent)
        user = await new_user(directory, books, sent["username"], sent["password"], **fields)
        after = {"username": user.username, "email": user.email, "inviter_id": user.inviter_id}
        await audit(books, user.account, "user.register", user.account, None, after)
        self.ok()

    async def _check_free(self, sent: dict[str, Any]) -> None:
        """Refuse what could not be stored before a code is spent. Raises Invalid, Conflict."""
        users = self.context.directory.users
        check_rules(sent["password"])
        own = {name: sent[name] for name in ("username", "display_name")}
        if await users.by_username(clean(users.checks, own)["username"]):
            raise Conflict("user", "username")

    async def _fields(self, sent: dict[str, Any]) -> dict[str, Any]:
        """The address, once it is proved, and the inviter; a code that nobody has invites nobody.

        Without verification an address would be a claim, so it is not kept.
        """
        directory, fields = self.context.directory, dict[str, Any]()
        if sent["display_name"]:
            fields["display_name"] = sent["display_name"]
        inviter = await directory.users.by_aff_code(sent["aff_code"] or "")
        if inviter is not None:
            fields["inviter_id"] = inviter.id
        if directory.options.get("EmailVerificationEnabled"):
            for name in ("email", "verification_code"):
                if not sent[name]:
                    raise Invalid(name, "must not be empty")
            mail = mail_of(directory.options, sent["email"])
            fields.update(await proved(self, mail, sent["verification_code"]))
        return fields


class BindHandler(ApiHandler):
    """GET /api/oauth/email/bind?email=&code=: the address becomes one's own."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_COMMON}
    takes: ClassVar[Takes] = {"GET": BindQuery}
    changes_on_get: ClassVar[bool] = True

    async def get(self) -> None:
        """Keep the address, once it is proved."""
        query, me = self.query(), self.me
        await bound(self.context.throttle, (f"address {self.request.remote_ip}",))
        directory = self.context.directory
        fields = await proved(self, mail_of(directory.options, query["email"]), query["code"])
        await directory.users.update(me.id, fields)
        before, after = {"email": me.email}, {"email": fields["email"]}
        await audit(self.context.books, self.actor, "user.bind", me.account, before, after)
        self.ok()


async def proved(handler: ApiHandler, mail: str, code: str) -> dict[str, str]:
    """Spend a code; return the fields of a user who reads this address. Raises ApiError 400."""
    box = mailbox(mail)
    if not await handler.context.directory.proofs.spend(ADDRESS, box, code):
        raise ApiError(400, VOID)
    return {"email": mail, "mailbox": box}
