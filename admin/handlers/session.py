"""Signing in and out."""

from typing import Any, ClassVar

from admin.auth.principal import mark_of
from admin.auth.session import COOKIE, MAX_AGE_DAYS, seal
from admin.base import ANYONE, ApiHandler, Takes
from admin.errors import ApiError
from admin.people import check_person
from admin.schemas.users import LoginBody
from gateway.directory.users import User

#: Says what is missing still, to programs that ask for it: a "code" of the second factor.
NEEDS = "X-Tollgate-Needs"


async def sign_in(handler: ApiHandler, user: User) -> None:
    """Give the browser a cookie for a user who has proved who they are."""
    context = handler.context
    request, mark = handler.request, mark_of(context, user)
    agent = request.headers.get("User-Agent", "")
    sessions = context.directory.sessions
    secret = await sessions.begin(user.id, mark, request.remote_ip or "", agent)
    value = seal(context.session_secret, secret, context.now_s)
    handler.set_cookie(
        COOKIE,
        value,
        expires_days=MAX_AGE_DAYS,
        httponly=True,
        samesite="Lax",
        secure=handler.request.protocol == "https",
    )


def answer_user(user: User) -> dict[str, Any]:
    """What a sign-in answers of the user."""
    return {
        "id": user.id,
        "username": user.username,
        "display_name": user.display_name,
        "role": user.role,
        "status": user.status,
        "group": user.group,
    }


class LoginHandler(ApiHandler):
    """POST /api/user/login: user name (else e-mail) and password."""

    access: ClassVar[dict[str, int]] = {"POST": ANYONE}
    takes: ClassVar[Takes] = {"POST": LoginBody}

    async def post(self) -> None:
        """Check the password at a bounded rate; answer the user and set the cookie."""
        sent = self.body()
        subjects = (f"address {self.request.remote_ip}", f"account {sent['username'].lower()}")
        wait_s = await self.context.throttle.enter(subjects)
        if wait_s is not None:
            headers = {"Retry-After": str(wait_s)}
            raise ApiError(429, "too many attempts; try again later", headers=headers)
        await check_person(self, strict=False)
        if not self.context.directory.options.get("PasswordLoginEnabled"):
            raise ApiError(403, "signing in by password is switched off")
        users = self.context.directory.users
        user = await users.by_password(sent["username"], sent["password"])
        if user is None:
            raise ApiError(401, "the user name or the password is wrong")
        if not user.is_usable:
            self.context.throttle.forgive(subjects)
            raise ApiError(403, "this account is disabled")
        await self._second_factor(user, sent.get("code", ""))
        self.context.throttle.forgive(subjects)
        await sign_in(self, user)
        self.ok(answer_user(user))

    async def _second_factor(self, user: User, code: str) -> None:
        """Ask for a code of whoever has an authenticator. Raises ApiError 401."""
        factors = self.context.directory.second_factors
        if not await factors.is_on(user.id):
            return
        needs = {NEEDS: "code"}
        if not code:
            said = "a code of your authenticator is needed too (field `code`)"
            raise ApiError(401, said, headers=needs)
        if not await factors.check(user.id, code):
            raise ApiError(401, "the code is wrong, or was used already", headers=needs)


class LogoutHandler(ApiHandler):
    """GET /api/user/logout: end the session and forget the cookie."""

    access: ClassVar[dict[str, int]] = {"GET": ANYONE, "POST": ANYONE}
    changes_on_get: ClassVar[bool] = True

    async def get(self) -> None:
        """End the session and clear the cookie; harmless when there is none."""
        principal = self.principal
        if principal is not None and principal.session_id:
            await self.context.directory.sessions.end(principal.user.id, principal.session_id)
        self.clear_cookie(COOKIE)
        self.ok()

    post = get
