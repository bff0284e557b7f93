"""Signing in through other services, and binding them to one's own account.

Source of the routes: One API. Whether a service signs in or binds is decided by who is signed in
when it comes back, who must be the one who began.
"""

from typing import ClassVar

from admin.arrivals import arrived, bind
from admin.audit import audit
from admin.base import ANYONE, ApiHandler, Takes
from admin.errors import ApiError
from admin.handlers.session import answer_user, sign_in
from admin.people import bound
from admin.schemas.oauth import (
    CallbackQuery,
    SecondBody,
    StateQuery,
    WeChatBindQuery,
    WeChatQuery,
)
from admin.second_step import ask_second, check_second
from gateway.directory.access_tokens import FULL
from gateway.directory.errors import NotFound, NotNow
from gateway.directory.identities import FIELDS, WECHAT, Identity, IdentityService
from gateway.directory.oauth_states import LIFETIME_S, Started
from gateway.directory.users import ROLE_COMMON

COOKIE = "oauth_state"
_PATH = "/api/oauth"
_VOID = "this sign-in (its state) is not this browser's, used or too old; begin again"


class OAuthHandler(ApiHandler):
    """What these routes share."""

    def service(self, name: str) -> IdentityService:
        """Return a service that is switched on. Raises ApiError 403."""
        found = self.context.identities.get(name)
        if found is None or not found.is_on:
            raise ApiError(403, f"signing in through {name} is switched off here")
        return found

    #: Whose attempts were counted on the way to here, to be forgiven when all went well.
    entered: tuple[str, ...] = ()

    @property
    def beginning(self) -> str:
        """By what begun sign-ins are counted."""
        return f"sign-ins begun by {self.request.remote_ip}"

    async def attempt(self) -> None:
        """Count who comes with a code. Raises ApiError 429."""
        self.entered = (f"address {self.request.remote_ip}",)
        await bound(self.context.throttle, self.entered)

    def forgive(self) -> None:
        """Take the attempts back: all went well."""
        for subject in self.entered:
            self.context.throttle.forgive((subject,))

    def whose(self) -> int:
        """Return who is signed in, 0 for nobody. Raises ApiError 403 for a limited token."""
        if self.principal is None:
            return 0
        if self.principal.scope != FULL:
            raise ApiError(403, 'this needs an access token of scope "full", or a sign-in')
        return self.principal.user.id


class StateHandler(OAuthHandler):
    """GET /api/oauth/state?provider=&aff=: begin."""

    access: ClassVar[dict[str, int]] = {"GET": ANYONE}
    takes: ClassVar[Takes] = {"GET": StateQuery}
    changes_on_get: ClassVar[bool] = True

    async def get(self) -> None:
        """Answer a state, and beside it what OpenID needs and, for a provider, where to go."""
        query = self.query()
        await bound(self.context.throttle, (self.beginning,))
        name, user_id = query["provider"], self.whose()
        service = self.service(name) if name else None
        made = await self.context.directory.oauth_states.begin(name, user_id, query["aff"])
        address = await service.address(made) if service is not None else None
        self.set_cookie(
            COOKIE,
            made.browser,
            path=_PATH,
            max_age=LIFETIME_S,
            httponly=True,
            samesite="Lax",
            secure=self.request.protocol == "https",
        )
        self.ok(
            made.state,
            nonce=made.nonce,
            code_challenge=made.challenge,
            code_challenge_method="S256",
            expires_in=LIFETIME_S,
            **({"authorize_url": address} if address is not None else {}),
        )


class CallbackHandler(OAuthHandler):
    """GET /api/oauth/:provider?code=&state=: who is signed in binds, others sign in or up."""

    access: ClassVar[dict[str, int]] = {"GET": ANYONE}
    takes: ClassVar[Takes] = {"GET": CallbackQuery}
    changes_on_get: ClassVar[bool] = True

    async def get(self, name: str) -> None:
        """Spend the state and the code; answer the user, or bind."""
        query = self.query()
        await self.attempt()
        service = self.service(name)
        started = await self._started(name, query["state"])
        identity = await service.identity(query["code"], started)
        await come_in(self, name, identity, started.aff)

    async def _started(self, name: str, state: str) -> Started:
        """Spend a state. Raises ApiError 403."""
        morsel = self.request.cookies.get(COOKIE)
        states = self.context.directory.oauth_states
        started = await states.spend(state, morsel.value) if morsel else None
        if started is None or started.service not in ("", name):
            raise ApiError(403, _VOID)
        self.clear_cookie(COOKIE, path=_PATH)
        self.entered += (self.beginning,)
        if started.user_id != self.whose():
            raise ApiError(403, "you have signed in or out meanwhile; begin again")
        return started


class WeChatHandler(OAuthHandler):
    """GET /api/oauth/wechat?code=: who is signed in binds, others sign in or up."""

    access: ClassVar[dict[str, int]] = {"GET": ANYONE}
    takes: ClassVar[Takes] = {"GET": WeChatQuery}
    changes_on_get: ClassVar[bool] = True

    async def get(self) -> None:
        """Spend the code that a person typed; answer the user, or bind."""
        query = self.query()
        await self.attempt()
        self.whose()
        identity = await self.service(WECHAT).identity(query["code"], None)
        await come_in(self, WECHAT, identity, query["aff"])


class BoundHandler(OAuthHandler):
    """/api/oauth/:provider/bind."""

    access: ClassVar[dict[str, int]] = {"DELETE": ROLE_COMMON}
    needs_full: ClassVar[tuple[str, ...]] = ("DELETE",)

    async def delete(self, name: str) -> None:
        """Unbind, if something else is left to sign in with: a password, another service."""
        me, field, users = self.me, FIELDS[name], self.context.directory.users
        was = getattr(me, field)
        if not was:
            raise ApiError(404, f"{name} is not bound to this account")
        if not self._has_more(field):
            said = "nothing else would be left to sign in with: set a password first"
            raise ApiError(409, said)
        try:
            await users.rebind(me, field, "")
        except NotFound:
            raise NotNow("this account was changed meanwhile; try again") from None
        before, after = {field: was}, {field: ""}
        await audit(self.context.books, self.actor, "user.unbind", me.account, before, after)
        self.ok()

    def _has_more(self, field: str) -> bool:
        """Whether one can sign in without a service, by what is switched on now."""
        if self.me.password_hash and self.context.directory.options.get("PasswordLoginEnabled"):
            return True
        services = self.context.identities
        others = [n for n, f in FIELDS.items() if f != field and getattr(self.me, f)]
        return any(name in services and services[name].is_on for name in others)


class WeChatBoundHandler(BoundHandler):
    """/api/oauth/wechat/bind."""

    access: ClassVar[dict[str, int]] = dict.fromkeys(("GET", "DELETE"), ROLE_COMMON)
    takes: ClassVar[Takes] = {"GET": WeChatBindQuery}
    needs_full: ClassVar[tuple[str, ...]] = ("GET", "DELETE")
    changes_on_get: ClassVar[bool] = True

    async def get(self) -> None:
        """Bind the WeChat account of a code."""
        query = self.query()
        await self.attempt()
        identity = await self.service(WECHAT).identity(query["code"], None)
        await come_in(self, WECHAT, identity, "")

    async def delete(self, name: str = WECHAT) -> None:
        """Unbind, if something else is left to sign in with: a password, another service."""
        await super().delete(name)


class SecondHandler(ApiHandler):
    """POST /api/user/login/second: the code, after a service vouched for who has the ticket."""

    access: ClassVar[dict[str, int]] = {"POST": ANYONE}
    takes: ClassVar[Takes] = {"POST": SecondBody}

    async def post(self) -> None:
        """Check the code of the second factor; answer the user and set the cookie."""
        sent = self.body()
        user = await check_second(self, sent["ticket"], sent["code"])
        await sign_in(self, user)
        self.ok(answer_user(user))


async def come_in(handler: OAuthHandler, name: str, identity: Identity, aff: str) -> None:
    """Bind for who is signed in; else sign in, after the second factor where there is one."""
    context = handler.context
    if handler.principal is not None:
        await bind(handler, name, identity)
        handler.forgive()
        handler.ok(message="bind")
        return
    user, is_new = await arrived(handler, name, identity, aff)
    if not is_new:  # how many may register stays bounded
        handler.forgive()
    if not user.is_usable:
        raise ApiError(403, "this account is disabled")
    if await context.directory.second_factors.is_on(user.id):
        await ask_second(handler, user)
        return
    await sign_in(handler, user)
    handler.ok(answer_user(user))
