"""Users: who may sign in, and whom keys and charges belong to.

Balances are not here: they are projections of the books. A deleted user keeps the id, so that
the books stay readable, and gives up the name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from gateway.directory import checks, limit_tables, passwords
from gateway.directory.checks import Check
from gateway.directory.documents import Document, Documents
from gateway.directory.randomness import hex_token, letters
from gateway.directory.vault import Vault
from ledger.periods import Budget, checked_zone
from ledger.store import Store

ROLE_COMMON, ROLE_ADMIN, ROLE_ROOT = 1, 10, 100
STATUS_ENABLED, STATUS_DISABLED, STATUS_DELETED = 1, 2, 3
REMIND_AS_ALL = -1
ROOT_ID = 1

_IDENTITIES = ("github_id", "wechat_id", "lark_id", "oidc_id")
_CREDENTIALS = ("password_hash", *_IDENTITIES)

# A change of these signs the user out everywhere.
_SESSION_ENDING = {"role", "status"}


@dataclass(frozen=True, slots=True)
class User:
    """A user as stored. Times ending in _s are unix seconds.

    `budgets` limit what may be spent in a day, week or month of `budget_timezone` ("" is UTC).
    `rpm`, `tpm` and `concurrency` are limits of all keys together (see limit_tables.py).
    `remind_quota` is the balance in quota below which the user is written to: REMIND_AS_ALL is that
    of the option QuotaRemindThreshold, 0 is never.
    `mailbox` names the mailbox that the user has proved to read, which no two users share.
    """

    id: int
    username: str
    password_hash: str = field(repr=False, default="")
    display_name: str = ""
    role: int = ROLE_COMMON
    status: int = STATUS_ENABLED
    email: str = ""
    mailbox: str = ""
    group: str = "default"
    aff_code: str = ""
    inviter_id: int = 0
    access_token_hash: str = field(repr=False, default="")
    github_id: str = ""
    wechat_id: str = ""
    lark_id: str = ""
    oidc_id: str = ""
    session_epoch: int = 1
    welcomed: bool = True
    budgets: tuple[Budget, ...] = ()
    budget_timezone: str = ""
    rpm: int = 0
    tpm: int = 0
    concurrency: int = 0
    remind_quota: int = REMIND_AS_ALL
    created_s: int = 0
    deleted: bool = False
    changed_us: int = 0

    @property
    def account(self) -> str:
        """The user's account in the books."""
        return f"user:{self.id}"

    @property
    def is_usable(self) -> bool:
        """Whether the user may sign in and spend."""
        return self.status == STATUS_ENABLED and not self.deleted


_FIELDS = [f.name for f in fields(User) if f.name not in ("id", "budgets")]


_mail_text = checks.text(50, spaces=False)


def _mail(value: Any) -> str:
    """An address in lower case, as all are kept: people type theirs this way and that."""
    lowered: str = _mail_text(value).lower()
    return lowered


class Users(Documents[User]):
    """The users. Passwords and access tokens are stored as hashes only."""

    kind = "user"
    collection = "users"
    searched = ("username", "email", "display_name")
    filtered = ("group", "role", "status", "email", "inviter_id", "username")
    checks: ClassVar[Mapping[str, Check]] = {
        "username": checks.text(30, shortest=1, spaces=False),
        "display_name": checks.text(20),
        "role": checks.one_of((ROLE_COMMON, ROLE_ADMIN, ROLE_ROOT)),
        "status": checks.one_of((STATUS_ENABLED, STATUS_DISABLED)),
        "email": _mail,
        "mailbox": checks.text(60, spaces=False),
        "group": checks.text(32, shortest=1),
        "inviter_id": checks.integer(0, checks.INT63_MAX),
        "github_id": checks.text(100),
        "wechat_id": checks.text(100),
        "lark_id": checks.text(100),
        "oidc_id": checks.text(255),
        "remind_quota": checks.integer(REMIND_AS_ALL, checks.INT63_MAX),
        "budgets": checks.budgets,
        "budget_timezone": checked_zone,
        **limit_tables.CHECKS,
    }

    def __init__(
        self,
        store: Store,
        applied: Callable[[User], None],
        bcrypt_rounds: int = passwords.DEFAULT_ROUNDS,
    ) -> None:
        super().__init__(store, applied)
        self._rounds = bcrypt_rounds

    @staticmethod
    def read(doc: Document) -> User:
        """Turn a stored document into a user."""
        budgets = checks.stored_budgets(doc)
        known = {name: doc[name] for name in _FIELDS if name in doc}
        return User(id=doc["_id"], budgets=budgets, **known)

    async def create(
        self,
        username: str,
        password: str | None,
        *,
        user_id: int | None = None,
        welcomed: bool = True,
        access_token: str | None = None,
        **changes: Any,
    ) -> User:
        """Store a new user; `changes` are further fields. Raises Invalid, Conflict.

        Without a password the user signs in through another service, until one is set.
        Gives neither key nor credit: signup.new_user does all of it.
        """
        cleaned = checks.clean(self.checks, {"username": username, **changes})
        cleaned["display_name"] = cleaned.get("display_name") or cleaned["username"][:20]
        stored = {
            "role": ROLE_COMMON,
            "status": STATUS_ENABLED,
            "email": "",
            "group": "default",
            "inviter_id": 0,
            **cleaned,
            "password_hash": await self._hashed(password),
            "access_token_hash": Vault.digest(access_token) if access_token else "",
            "aff_code": letters(8),
            "session_epoch": 1,
            "welcomed": welcomed,
        }
        return await self._insert(stored, user_id)

    async def _hashed(self, password: str | None) -> str:
        return "" if password is None else await passwords.hash_password(password, self._rounds)

    async def update(self, object_id: int, changes: Mapping[str, Any]) -> User:
        """Change the given fields; a new role or status ends the user's sessions.

        An address given without its mailbox is one that nobody has proved. Raises Invalid (nothing
        was changed), Conflict, NotFound.
        """
        cleaned = checks.clean(self.checks, changes)
        if "email" in cleaned:
            cleaned.setdefault("mailbox", "")
        ends = not _SESSION_ENDING.isdisjoint(cleaned)
        return await self._change(object_id, cleaned, _END_SESSIONS if ends else None)

    async def set_password(self, user_id: int, password: str) -> User:
        """Replace the password and end the user's sessions. Raises Invalid, NotFound."""
        hashed = await passwords.hash_password(password, self._rounds)
        return await self._change(user_id, {"password_hash": hashed}, _END_SESSIONS)

    async def rebind(self, user: User, field: str, identity: str) -> User:
        """Replace who a user is elsewhere ("" for nobody), if no binding and no password changed
        since the user was read. Raises Conflict where another user is that, NotFound."""
        same = {name: getattr(user, name) for name in _CREDENTIALS}
        cleaned = checks.clean(self.checks, {field: identity})
        query = {name: value or {"$in": ["", None]} for name, value in same.items()}
        return await self._change(user.id, cleaned, **query)

    async def make_access_token(self, user_id: int) -> str:
        """Replace the user's access token and return it: it can never be read again."""
        token = hex_token()
        await self._change(user_id, {"access_token_hash": Vault.digest(token)})
        return token

    async def mark_welcomed(self, user_id: int) -> User:
        """Note that the user has got the first key and the sign-up credit."""
        return await self._change(user_id, {"welcomed": True})

    async def delete(self, object_id: int) -> User:
        """Mark as deleted and give up the name, the bindings and the access token.

        Sessions end; the user's keys stop working with the user. Raises NotFound.
        """
        gone = {
            "deleted": True,
            "status": STATUS_DELETED,
            "username": f"deleted_{object_id}_{letters(8)}",
            "access_token_hash": "",
            "mailbox": "",
            **dict.fromkeys(_IDENTITIES, ""),
        }
        return await self._change(object_id, gone, _END_SESSIONS)

    async def by_username(self, username: str) -> User | None:
        """Find a user by the exact name."""
        return await self._find({"username": username}) if username.isprintable() else None

    async def by_access_token(self, token: str) -> User | None:
        """Find the usable user whose access token this is."""
        user = await self._find({"access_token_hash": Vault.digest(token)}) if token else None
        return user if user and user.is_usable else None

    async def by_password(self, name: str, password: str) -> User | None:
        """Find a user by name, else by an e-mail address that one user alone has, and password.

        Takes as long for a name that nobody has. The user may be disabled: see is_usable.
        """
        user = await self.by_username(name) or await self._by_email(name)
        fits = await passwords.check_password(password, user.password_hash if user else None)
        return user if fits else None

    async def by_mail(self, mail: str, mailbox: str) -> User | None:
        """Find the user who proved to read a mailbox, else the only one who has the address."""
        return await self._find({"mailbox": mailbox}) or await self._by_email(mail)

    async def by_aff_code(self, code: str) -> User | None:
        """Find the usable user whose invitation code this is."""
        user = await self._find({"aff_code": code}) if code.isprintable() and code else None
        return user if user and user.is_usable else None

    async def by_identity(self, field: str, identity: str) -> User | None:
        """Find the user who is this person elsewhere (`field`, as github_id); also a disabled
        one."""
        return await self._find({field: identity}) if identity else None

    async def has_mailbox(self, mailbox: str) -> bool:
        """Whether somebody proved to read this mailbox."""
        return await self._find({"mailbox": mailbox}) is not None

    async def _by_email(self, email: str) -> User | None:
        if "@" not in email or not email.isprintable():
            return None
        docs = await self._store.find_list(
            self.collection,
            {"email": {"$in": [email, email.lower()]}, "deleted": False},
            limit=2,
        )
        return self.read(docs[0]) if len(docs) == 1 else None

    async def _find(self, query: Document) -> User | None:
        doc = await self._store.find_one(self.collection, {**query, "deleted": False})
        return self.read(doc) if doc else None

    async def unwelcomed(self, created_before_s: int) -> list[User]:
        """Return users whose sign-up was interrupted before that time (unix seconds)."""
        query = {"welcomed": False, "deleted": False, "created_s": {"$lt": created_before_s}}
        return [self.read(doc) for doc in await self._store.find_list(self.collection, query)]

    async def group_names(self) -> list[str]:
        """Return the groups that users are in."""
        return sorted(await self.counts("group"))


_END_SESSIONS: Document = {"$inc": {"session_epoch": 1}}
