"""Users and their keys, as the directory stores them, under the ids that they had."""

from collections.abc import Mapping
from typing import Any

from gateway.directory import checks, limit_tables
from gateway.directory.documents import Document
from gateway.directory.errors import Invalid
from gateway.directory.keys import (
    NEVER,
    STATUS_DISABLED,
    STATUS_ENABLED,
    STATUS_EXHAUSTED,
    check_secret,
)
from gateway.directory.users import ROLE_ADMIN, ROLE_COMMON, ROLE_ROOT, ROOT_ID, STATUS_DELETED
from gateway.directory.vault import Vault
from gateway.moving.report import Report
from gateway.moving.source import Row
from gateway.moving.values import LAST_SECOND, seconds, text, whole, yes

_IDENTITIES = ("github_id", "wechat_id", "lark_id", "oidc_id")
_MODELS = checks.optional_names(200, most=1_000)


def is_deleted(row: Row) -> bool:
    """Whether a user or key is deleted: One API marks users by status, new-api by a time."""
    return row.get("deleted_at") is not None


_ONCE = ("username", "aff_code", "access_token", "email", *_IDENTITIES)
_SO = {"email": "sign in by name", "username": "the id is put behind it"}


class People:
    """Reads users, lowest id first, so that of two with one identity elsewhere the older has it."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._seen: dict[str, dict[str, int]] = {name: {} for name in _ONCE}

    def user(self, row: Row) -> Document:
        """Turn a row into a user."""
        user_id = whole(row["id"])
        gone = is_deleted(row) or whole(row.get("status")) == STATUS_DELETED
        role, status = self._standing(row, user_id)
        name = text(row["username"]).strip() or f"user_{user_id}"
        if gone and not name.startswith("deleted_"):
            name = f"deleted_{user_id}_{name}"
        while not self._once("username", name, user_id):
            name = f"{name}_{user_id}"
        doc: Document = {
            "_id": user_id,
            "username": name,
            "password_hash": text(row.get("password")),
            "display_name": text(row.get("display_name")) or name[:20],
            "role": role,
            "status": STATUS_DELETED if gone else status,
            "email": text(row.get("email")).strip().lower(),
            "mailbox": "",
            "group": text(row.get("group")).strip() or "default",
            "aff_code": self._own(row, "aff_code", user_id),
            "inviter_id": whole(row.get("inviter_id")),
            "session_epoch": 1,
            "welcomed": True,
            "created_s": seconds(row.get("created_at")),
            "deleted": gone,
            "access_token_hash": "",
            **dict.fromkeys(_IDENTITIES, ""),
        }
        if gone:
            return doc
        token = self._own(row, "access_token", user_id)
        doc["access_token_hash"] = Vault.digest(token) if token else ""
        doc.update({each: self._own(row, each, user_id) for each in _IDENTITIES})
        self._once("email", doc["email"], user_id)
        if not doc["password_hash"].startswith("$2"):
            self._report.note(f"user {user_id}: has no bcrypt password; it must be reset")
        self._other_bindings(row, user_id)
        return doc

    def _standing(self, row: Row, user_id: int) -> tuple[int, int]:
        role, status = whole(row.get("role"), ROLE_COMMON), whole(row.get("status"), STATUS_ENABLED)
        if role not in (ROLE_COMMON, ROLE_ADMIN, ROLE_ROOT):
            self._report.note(f"user {user_id}: role {role} is a disabled common user here")
            return ROLE_COMMON, STATUS_DISABLED
        if user_id == ROOT_ID and role != ROLE_ROOT:
            self._report.note(f"user {ROOT_ID}: role {role} there; the first user is root here")
            role = ROLE_ROOT
        if status not in (STATUS_ENABLED, STATUS_DISABLED, STATUS_DELETED):
            self._report.note(f"user {user_id}: status {status} is disabled here")
            status = STATUS_DISABLED
        return role, status

    def _own(self, row: Row, name: str, user_id: int) -> str:
        """Return a text that one user has; "" for all others."""
        found = text(row.get(name)).strip()
        return found if self._once(name, found, user_id) else ""

    def _once(self, name: str, value: str, user_id: int) -> bool:
        first = self._seen[name].setdefault(value, user_id) if value else user_id
        if first != user_id:
            ends = _SO.get(name, f"it stays with user {first}")
            self._report.note(f"user {user_id}: {name} is also that of user {first}; {ends}")
        return first == user_id

    def _other_bindings(self, row: Row, user_id: int) -> None:
        for name in ("telegram_id", "linux_do_id", "discord_id"):
            if text(row.get(name)).strip():
                self._report.leave(f"user {user_id}", f"{name} is no way to sign in here")
        if whole(row.get("aff_quota")) > 0:
            amount = whole(row["aff_quota"])
            self._report.leave(
                f"user {user_id}", f"{amount} quota of invitations that were not moved to quota"
            )


def key(row: Row, vault: Vault, report: Report) -> tuple[Document, str] | None:
    """Turn a row of tokens into a key and its secret; None, and a line, where it can't work."""
    key_id = whole(row["id"])
    try:
        # MySQL and PostgreSQL pad char(48).
        secret = check_secret(text(row["key"]))
    except Invalid as error:
        report.leave(f"key {key_id}", str(error))
        return None
    status = whole(row.get("status"), STATUS_ENABLED)
    scope = _scope(row, key_id, report)
    if scope is None or not STATUS_ENABLED <= status <= STATUS_EXHAUSTED:
        status, scope = STATUS_DISABLED, scope or {"models": None, "subnets": []}
    expired_s = whole(row.get("expired_time"), NEVER)
    doc: Document = {
        "_id": key_id,
        "user_id": whole(row["user_id"]),
        "name": text(row.get("name")),
        "status": status,
        "created_s": whole(row.get("created_time")),
        "accessed_s": whole(row.get("accessed_time")),
        "expired_s": NEVER if expired_s < 0 else min(expired_s, LAST_SECOND),
        "unlimited": yes(row.get("unlimited_quota")),
        **scope,
        **dict.fromkeys(limit_tables.NAMES, 0),
        "group": _group(row, key_id, report),
        "deleted": is_deleted(row),
        "hash": Vault.digest(secret),
        "secret_enc": vault.encrypt(secret),
    }
    return doc, secret


def _scope(row: Row, key_id: int, report: Report) -> Mapping[str, Any] | None:
    models = text(row.get("models"))
    if "model_limits" in row:
        models = text(row["model_limits"]) if yes(row.get("model_limits_enabled")) else ""
    networks = text(row.get("subnet")) or text(row.get("allow_ips")).replace("\n", ",")
    try:
        return {"models": _MODELS(models), "subnets": checks.subnets(networks)}
    except ValueError as error:
        report.note(f"key {key_id}: comes disabled, since what it may do is not clear: {error}")
        return None


def _group(row: Row, key_id: int, report: Report) -> str:
    group = text(row.get("group")).strip()
    if group == "auto":
        report.note(f"key {key_id}: group auto is no group here; it is used in its owner's group")
        return ""
    return group
