"""What one signs in with, beside the password: access tokens, sessions, the second factor.

All of it is for a sign-in, or an access token of scope "full": what may replace credentials could
otherwise make itself any others.
"""

from typing import Any, ClassVar

from admin.audit import audit
from admin.auth.principal import mark_of
from admin.auth.roles import check_may_act
from admin.base import ApiHandler, Takes
from admin.errors import ApiError
from admin.schemas.credentials import AccessTokenBody, CodeBody, PasswordBody
from gateway.directory.access_tokens import NEVER, AccessToken
from gateway.directory.sessions import SignIn
from gateway.directory.users import ROLE_ADMIN, ROLE_COMMON


class AccessTokensHandler(ApiHandler):
    """/api/user/tokens: one's access tokens for scripts."""

    access: ClassVar[dict[str, int]] = dict.fromkeys(("GET", "POST"), ROLE_COMMON)
    takes: ClassVar[Takes] = {"POST": AccessTokenBody}
    needs_full: ClassVar[tuple[str, ...]] = ("POST",)

    async def get(self) -> None:
        """Answer one's tokens, without their texts; the newest first."""
        tokens = await self.context.directory.access_tokens.of_user(self.me.id)
        self.ok([_token_json(token) for token in tokens])

    async def post(self) -> None:
        """Make a token; its text is in this answer and never again."""
        sent, me = self.body(), self.me
        expires_s = sent.get("expires_at") or NEVER
        if expires_s != NEVER and expires_s <= self.context.now_s():
            raise ApiError(400, "expires_at: this is in the past")
        tokens = self.context.directory.access_tokens
        token, text = await tokens.create(me.id, sent["name"], sent["scope"], expires_s)
        await self._audit("access_token.create", token)
        self.ok({**_token_json(token), "token": text})

    async def _audit(self, action: str, token: AccessToken) -> None:
        said = {"name": token.name, "scope": token.scope}
        await audit(self.context.books, self.actor, action, f"access_token:{token.id}", None, said)


class AccessTokenHandler(ApiHandler):
    """/api/user/tokens/:id."""

    access: ClassVar[dict[str, int]] = {"DELETE": ROLE_COMMON}
    needs_full: ClassVar[tuple[str, ...]] = ("DELETE",)

    async def delete(self, token_id: str) -> None:
        """Revoke a token at once, on every node."""
        token = await self.context.directory.access_tokens.revoke(self.me.id, token_id)
        before = {"name": token.name, "scope": token.scope}
        subject = f"access_token:{token.id}"
        await audit(self.context.books, self.actor, "access_token.revoke", subject, before)
        self.ok()


class SessionsHandler(ApiHandler):
    """/api/user/sessions: where one is signed in."""

    access: ClassVar[dict[str, int]] = dict.fromkeys(("GET", "DELETE"), ROLE_COMMON)
    needs_full: ClassVar[tuple[str, ...]] = ("GET", "DELETE")

    @property
    def _this(self) -> str:
        return self.principal.session_id if self.principal else ""

    async def get(self) -> None:
        """Answer one's sessions, those seen last first; `current` marks the one that asks."""
        mark = mark_of(self.context, self.me)
        found = await self.context.directory.sessions.of_user(self.me.id, mark)
        self.ok([_session_json(session, self._this) for session in found])

    async def delete(self) -> None:
        """End all sessions but the one that asks."""
        await self.context.directory.sessions.end_others(self.me.id, self._this)
        await audit(self.context.books, self.actor, "session.end_others", self.me.account)
        self.ok()


class SessionHandler(ApiHandler):
    """/api/user/sessions/:id."""

    access: ClassVar[dict[str, int]] = {"DELETE": ROLE_COMMON}
    needs_full: ClassVar[tuple[str, ...]] = ("DELETE",)

    async def delete(self, session_id: str) -> None:
        """End a session at once, on every node."""
        await self.context.directory.sessions.end(self.me.id, session_id)
        await audit(self.context.books, self.actor, "session.end", self.me.account)
        self.ok()


class SecondFactorHandler(ApiHandler):
    """/api/user/totp: codes of an authenticator, asked for at every sign-in."""

    access: ClassVar[dict[str, int]] = dict.fromkeys(("GET", "POST", "PUT", "DELETE"), ROLE_COMMON)
    takes: ClassVar[Takes] = {"POST": PasswordBody, "PUT": CodeBody, "DELETE": CodeBody}
    needs_full: ClassVar[tuple[str, ...]] = ("POST", "PUT", "DELETE")

    async def get(self) -> None:
        """Answer whether it is on, and how many recovery codes are left."""
        factors = self.context.directory.second_factors
        on, left = await factors.is_on(self.me.id), await factors.left(self.me.id)
        self.ok({"enabled": on, "recovery_codes_left": left})

    async def post(self) -> None:
        """Begin: answer a secret for the authenticator, which counts once PUT has confirmed it."""
        password, me, directory = self.body()["password"], self.me, self.context.directory
        await self._attempt()
        if await directory.users.by_password(me.username, password) is None:
            raise ApiError(403, "the password is wrong")
        issuer = directory.options.get("SystemName") or "Tollgate"
        made = await directory.second_factors.begin(me.id, me.username, issuer)
        self.ok({"secret": made.secret, "uri": made.address})

    async def put(self) -> None:
        """Switch it on with a first code; answer the recovery codes, shown this once."""
        code, me = self.body()["code"], self.me
        await self._attempt()
        codes = await self.context.directory.second_factors.confirm(me.id, code)
        if codes is None:
            raise ApiError(403, "the code is wrong; is the authenticator's clock right?")
        await audit(self.context.books, self.actor, "second_factor.on", me.account)
        self.ok({"recovery_codes": codes})

    async def delete(self) -> None:
        """Switch it off, with a code of the authenticator or a recovery code."""
        code, me, factors = self.body()["code"], self.me, self.context.directory.second_factors
        await self._attempt()
        if not await factors.check(me.id, code):
            raise ApiError(403, "the code is wrong, or was used already")
        await factors.switch_off(me.id)
        await audit(self.context.books, self.actor, "second_factor.off", me.account)
        self.ok()

    async def _attempt(self) -> None:
        """Bound how often one may guess. Raises ApiError 429."""
        wait_s = await self.context.throttle.enter((f"second factor of {self.me.account}",))
        if wait_s is not None:
            headers = {"Retry-After": str(wait_s)}
            raise ApiError(429, "too many attempts; try again later", headers=headers)


class UsersSecondFactorHandler(ApiHandler):
    """/api/user/:id/totp: for users who lost their authenticator and their recovery codes."""

    access: ClassVar[dict[str, int]] = {"DELETE": ROLE_ADMIN}
    needs_full: ClassVar[tuple[str, ...]] = ("DELETE",)

    async def delete(self, user_id: str) -> None:
        """Switch a user's second factor off; make sure first who asks for it."""
        user = await self.context.directory.users.get(int(user_id))
        check_may_act(self.me, user)
        if not await self.context.directory.second_factors.switch_off(user.id):
            raise ApiError(404, "this user has no second factor")
        await audit(self.context.books, self.actor, "second_factor.off", user.account)
        self.ok()


def _token_json(token: AccessToken) -> dict[str, Any]:
    return {
        "id": token.id,
        "name": token.name,
        "scope": token.scope,
        "created_time": token.created_s,
        "used_time": token.used_s,
        "expires_time": token.expires_s,
    }


def _session_json(session: SignIn, current: str) -> dict[str, Any]:
    return {
        "id": session.id,
        "address": session.address,
        "agent": session.agent,
        "created_time": session.created_s,
        "seen_time": session.seen_s,
        "current": session.id == current,
    }
