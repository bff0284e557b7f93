"""The base of every /api handler: who asks, may they, and in which envelope it is answered."""

import secrets
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, ClassVar

import orjson
from marshmallow import ValidationError
from tornado.iostream import StreamClosedError
from tornado.web import RequestHandler

from admin.auth.csrf import SAFE_METHODS, is_foreign
from admin.auth.principal import Principal, identify
from admin.context import AdminContext
from admin.errors import ApiError, Problem, problem_of
from admin.schemas.base import Body, Query, parse_json
from admin.words import asked_for
from gateway.directory.access_tokens import FULL, READ
from gateway.directory.users import ROLE_ADMIN, ROLE_COMMON, ROLE_ROOT, User

MAX_BODY_BYTES = 1 << 20
ANYONE = 0
#: What methods read, by their names: a body, a query, or both.
Takes = Mapping[str, type[Body | Query] | tuple[type[Query], type[Body]]]
_FLUSH_BYTES = 64 << 10
_WHO = {ROLE_COMMON: "users", ROLE_ADMIN: "admins", ROLE_ROOT: "root"}


class ApiHandler(RequestHandler):
    """A resource of the management API.

    `access` names the methods that it has and the least role for each; other methods are 405.
    `takes` are the schemas of what each method reads; the OpenAPI document is made of them.
    `needs_full` are the methods for which an access token needs the scope "full": what ends or
    replaces credentials. `changes_on_get` marks GET routes that change something, so that other
    sites can't trigger them.
    `max_body_bytes` is for the few that take files, `downloads` are the kinds of files they answer.
    `bare_answers`: what is answered is the document itself. `by_address` says whether requests are
    counted by address.
    """

    access: ClassVar[dict[str, int]] = {}
    takes: ClassVar[Takes] = {}
    needs_full: ClassVar[tuple[str, ...]] = ()
    changes_on_get: ClassVar[bool] = False
    max_body_bytes: ClassVar[int] = MAX_BODY_BYTES
    downloads: ClassVar[tuple[str, ...]] = ()
    bare_answers: ClassVar[bool] = False
    by_address: ClassVar[bool] = True

    def initialize(self, context: AdminContext) -> None:
        """Take the dependencies; called by Tornado for each request."""
        self.context = context
        self.principal: Principal | None = None

    def set_default_headers(self) -> None:
        """Answers are private, and each carries the id under which it is logged."""
        # Tornado calls this again when it turns to an error; the id stays.
        self.request_id: str = getattr(self, "request_id", None) or secrets.token_hex(16)
        self.set_header("X-Request-Id", self.request_id)
        self.set_header("X-Oneapi-Request-Id", self.request_id)
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")

    async def prepare(self) -> None:
        """Refuse wrong methods, crowds, big bodies, foreign pages and those who may not, in this
        order."""
        method = self.request.method or ""
        if method not in self.access:
            allow = {"Allow": ", ".join(sorted(self.access))}
            raise ApiError(405, f"{method} is not a method of {self.request.path}", headers=allow)
        await self._at_the_door()
        dropped = getattr(self.request, "body_dropped", False)  # the server kept none of it
        if dropped or len(self.request.body) > self.max_body_bytes:
            raise ApiError(413, f"the body is larger than {self.max_body_bytes} bytes")
        self.context.books.check_reachable()
        self.principal = await identify(self.context, self.request)
        by_token = self.principal is not None and self.principal.by_token
        guarded = self.changes_on_get or method not in SAFE_METHODS
        if guarded and not by_token and is_foreign(self.request):
            raise ApiError(403, "this request was started by another site")
        least = self.access[method]
        if least == ANYONE:
            return
        if self.principal is None:
            raise ApiError(401, "sign in, or send a valid access token")
        if self.principal.user.role < least:
            raise ApiError(403, f"this is for {_WHO[least]} only")
        self._check_scope(method)
        await self.context.books.settled()  # so that balances are exact

    def _check_scope(self, method: str) -> None:
        """Refuse what an access token's scope does not cover."""
        scope = self.principal.scope if self.principal else FULL
        changes = self.changes_on_get or method not in SAFE_METHODS
        if method in self.needs_full and scope != FULL:
            raise ApiError(403, 'this needs an access token of scope "full", or a sign-in')
        if changes and scope == READ:
            raise ApiError(403, 'this access token may only read: its scope is "read"')

    @property
    def sees_secrets(self) -> bool:
        """Whether keys and codes may be shown: not to an access token that may only read."""
        return self.principal is not None and self.principal.scope != READ

    async def _at_the_door(self) -> None:
        """Refuse an address that asks too often (setting GLOBAL_API_RATE_LIMIT)."""
        door, address = self.context.door, self.request.remote_ip or ""
        if door is None or not self.by_address:
            return
        wait_s = await door.enter((address,))
        if wait_s is not None:
            headers = {"Retry-After": str(wait_s)}
            raise ApiError(429, door.words(address, wait_s), headers=headers)

    @property
    def me(self) -> User:
        """The user who asks. Only where `access` demands a role."""
        if self.principal is None:
            raise ApiError(401, "sign in, or send a valid access token")
        return self.principal.user

    @property
    def actor(self) -> str:
        """The user who asks, as events name them."""
        return f"user:{self.me.id}"

    @classmethod
    def reads(cls, method: str) -> tuple[type[Body | Query], ...]:
        """Return the schemas of what a method reads."""
        takes = cls.takes.get(method, ())
        return takes if isinstance(takes, tuple) else (takes,)

    def body(self) -> dict[str, Any]:
        """Read the JSON body by the method's schema. Raises ValidationError naming what is
        wrong."""
        schema = next(s for s in self.reads(self.request.method or "") if issubclass(s, Body))()
        sent = self.request.body
        return schema.read({} if schema.optional and not sent else parse_json(sent))

    def query(self) -> dict[str, Any]:
        """Read the query string by the method's schema. Raises ValidationError naming what is
        wrong."""
        schema = next(s for s in self.reads(self.request.method or "") if issubclass(s, Query))()
        arguments = {}
        for name, values in self.request.query_arguments.items():
            try:
                arguments[name] = values[-1].decode().strip()
            except UnicodeDecodeError:
                raise ValidationError({name: ["Not valid UTF-8."]}) from None
        return schema.read(arguments)

    def ok(self, data: Any = None, *, message: str = "", **extra: Any) -> None:
        """Answer success in One API's envelope; `extra` are fields beside data, such as total."""
        self._send({"success": True, "message": message, "data": data, **extra})

    def failed(self, message: str, data: Any) -> None:
        """Answer a refusal that says how to go on; the status is set before."""
        self._send({"success": False, "message": self.say(message), "data": data})

    def say(self, message: str) -> str:
        """Return a refusal in the language that the client asks for, as far as it is known."""
        self.set_header("Vary", "Accept-Language")
        words = asked_for(self.request.headers.get("Accept-Language", ""))
        said = message if words is None else words.say(message)
        if words is not None and said != message:
            self.set_header("Content-Language", words.language)
        return said

    def bare(self, document: Any) -> None:
        """Answer a document without the envelope, where One API has none."""
        self._send(document)

    async def stream(
        self, lines: AsyncGenerator[Any, None], content_type: str, filename: str | None
    ) -> None:
        """Answer text or bytes as they come, in bounded memory; stops when the client has gone.

        A file that cannot be completed is broken off, so that half of it never passes for all.
        """
        self.set_header("Content-Type", content_type)
        if filename is not None:
            self.set_header("Content-Disposition", f'attachment; filename="{filename}"')
        try:
            async with aclosing(lines):
                async for line in lines:
                    self.write(line)
                    if sum(map(len, self._write_buffer)) >= _FLUSH_BYTES:
                        await self.flush()
        except StreamClosedError:
            self.context.log.info("the client left an export early")
        except Exception:
            if not self._headers_written:
                raise
            self.context.log.exception("an export broke off (request id %s)", self.request_id)
            self.detach().close()

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer any failure in the envelope."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        if error is not None:
            problem = problem_of(error, self.say)
        else:
            problem = Problem(status_code, self.say(self._reason))
        if problem is None:
            said = self.say(f"something went wrong here (request id: {self.request_id})")
            problem = Problem(500, said)
        self.set_status(problem.status)
        for name, value in problem.headers.items():
            self.set_header(name, value)
        self.refuse(problem)

    def refuse(self, problem: Problem) -> None:
        """Write a failure; overridden where One API answers in another shape."""
        self._send({"success": False, "message": problem.message})

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Log faults of ours with their trace; a refused request is nobody's fault."""
        if value is not None and problem_of(value) is None:
            where = f"{self.request.method} {self.request.path}"
            self.context.log.error(
                "%s failed (request id %s)", where, self.request_id, exc_info=(typ, value, tb)
            )

    def _send(self, document: Any) -> None:
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(orjson.dumps(document))
