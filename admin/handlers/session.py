"""Signing in and out."""

from typing import ClassVar

from admin.auth.principal import session_of
from admin.auth.session import COOKIE, MAX_AGE_DAYS, seal
from admin.base import ANYONE, ApiHandler
from admin.errors import ApiError
from admin.people import check_person
from admin.schemas.users import LoginBody
from gateway.directory.users import User


def sign_in(handler: ApiHandler, user: User) -> None:
    """Give the browser a cookie for a user who has proved who they are."""
    context = handler.context
    value = seal(context.session_secret, session_of(context, user), context.now_s)
    handler.set_cookie(
        COOKIE,
        value,
        expires_days=MAX_AGE_DAYS,
        httponly=True,
        samesite="Lax",
        secure=handler.request.protocol == "https",
    )


class LoginHandler(ApiHandler):
    """POST /api/user/login: user name (else e-mail) and password."""

    access: ClassVar[dict[str, int]] = {"POST": ANYONE}

    async def post(self) -> None:
        """Check the password at a bounded rate; answer the user and set the cookie."""
        sent = self.body(LoginBody())
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
        self.context.throttle.forgive(subjects)
        if not user.is_usable:
            raise ApiError(403, "this account is disabled")
        sign_in(self, user)
        self.ok(
            {
                "id": user.id,
                "username": user.username,
                "display_name": user.display_name,
                "role": user.role,
                "status": user.status,
                "group": user.group,
            }
        )


class LogoutHandler(ApiHandler):
    """GET /api/user/logout: forget the cookie."""

    access: ClassVar[dict[str, int]] = {"GET": ANYONE, "POST": ANYONE}
    changes_on_get: ClassVar[bool] = True

    async def get(self) -> None:
        """Clear the cookie; harmless when there is none."""
        self.clear_cookie(COOKIE)
        self.ok()

    post = get
