"""Bodies and queries of user routes."""

from typing import Any, ClassVar

from marshmallow import ValidationError, fields, validate

from admin.paging import PageQuery
from admin.schemas.base import (
    A_TIME,
    MAX_QUOTA,
    Body,
    Ignored,
    Json,
    QueryInteger,
    integer,
    limit,
    one_of,
    quota,
    refuse_controls,
    refuse_surrogates,
    text,
)
from admin.schemas.budgets import BudgetList, TimeZone
from admin.times import US_PER_S, parse_us
from gateway.directory.users import REMIND_AS_ALL
from ledger.lot_names import MAX_EXPIRES_S, SOURCES
from ledger.money import parse_usd

#: bcrypt reads 72 bytes; a longer password would silently be cut.
PASSWORD_BYTES = 72
PASSWORD_LEAST = 8
MAX_NAME = 30


def password_length(value: str) -> None:
    """Refuse passwords that are too short, or longer than bcrypt reads."""
    refuse_surrogates(value)
    if len(value) < PASSWORD_LEAST or len(value.encode()) > PASSWORD_BYTES:
        raise ValidationError(f"Must have {PASSWORD_LEAST} to {PASSWORD_BYTES} bytes.")


def password_or_unchanged(value: str) -> None:
    """Accept a password, or an empty text, with which One API's forms leave it as it is."""
    if value:
        password_length(value)


class LoginBody(Body):
    """POST /api/user/login. Lengths are bounded only: a wrong password is no malformed one."""

    username = fields.String(required=True, validate=validate.Length(1, 255))
    password = fields.String(required=True, validate=validate.Length(1, 255))
    code = fields.String(validate=validate.Length(0, 40))


class SelfBody(Body):
    """PUT /api/user/self. Empty texts leave a field as it is; the rest isn't one's own to set."""

    username = text(MAX_NAME)
    password = fields.String(validate=password_or_unchanged)
    display_name = text(MAX_NAME)
    remind_quota = integer(REMIND_AS_ALL, MAX_QUOTA)
    id = Ignored()
    email = Ignored()
    github_id = Ignored()
    wechat_id = Ignored()
    lark_id = Ignored()
    oidc_id = Ignored()
    aff_code = Ignored()
    inviter_id = Ignored()
    verification_code = Ignored()
    access_token = Ignored()
    role = Ignored()
    status = Ignored()
    group = Ignored()
    quota = Ignored()
    used_quota = Ignored()
    request_count = Ignored()
    created_time = Ignored()
    budgets = Ignored()
    budget_timezone = Ignored()
    rpm = Ignored()
    tpm = Ignored()
    concurrency = Ignored()
    lots = Ignored()


class UserCreateBody(Body):
    """POST /api/user/. Beyond One API's three fields: group, quota, role, email."""

    username = text(MAX_NAME, least=1, required=True)
    password = fields.String(required=True, validate=password_length)
    display_name = text(MAX_NAME)
    email = text(254)
    group = text(32)
    quota = quota()
    role = one_of(1, 10)
    budgets = BudgetList(allow_none=True)
    budget_timezone = TimeZone(allow_none=True)
    rpm = limit(allow_none=True)
    tpm = limit(allow_none=True)
    concurrency = limit(allow_none=True)


class UserUpdateBody(Body):
    """PUT /api/user/. Fields left out, and empty texts, stay as they are."""

    id = integer(1, required=True)
    username = text(MAX_NAME)
    password = fields.String(validate=password_or_unchanged)
    display_name = text(MAX_NAME)
    email = text(254)
    group = text(32)
    quota = quota()
    role = integer(0)
    status = integer(0)
    budgets = BudgetList(allow_none=True)
    budget_timezone = TimeZone(allow_none=True)
    rpm = limit(allow_none=True)
    tpm = limit(allow_none=True)
    concurrency = limit(allow_none=True)
    lots = Ignored()
    github_id = Ignored()
    wechat_id = Ignored()
    lark_id = Ignored()
    oidc_id = Ignored()
    aff_code = Ignored()
    inviter_id = Ignored()
    verification_code = Ignored()
    access_token = Ignored()
    used_quota = Ignored()
    request_count = Ignored()
    created_time = Ignored()
    inviter_username = Ignored()
    key_count = Ignored()
    seen_time = Ignored()
    remind_quota = Ignored()


class ManageBody(Body):
    """POST /api/user/manage."""

    username = fields.String(required=True, validate=validate.Length(1, 255))
    action = fields.String(
        required=True,
        validate=validate.OneOf(("disable", "enable", "delete", "promote", "demote")),
    )


class _UsersQuery(PageQuery):
    """What lists and searches of users can be narrowed by."""

    status = QueryInteger(validate=validate.OneOf((1, 2)))
    role = QueryInteger(validate=validate.OneOf((1, 10, 100)))
    group = fields.String(validate=[validate.Length(max=32), refuse_controls])


class UserListQuery(_UsersQuery):
    """GET /api/user/."""

    order = fields.String(validate=validate.OneOf(("quota", "used_quota", "request_count")))


class SearchQuery(PageQuery):
    """GET .../search."""

    keyword = fields.String(load_default="", validate=[validate.Length(max=200), refuse_controls])


class UserSearchQuery(_UsersQuery):
    """GET /api/user/search."""

    keyword = fields.String(load_default="", validate=[validate.Length(max=200), refuse_controls])


class SignedUsd(fields.Field[int]):
    """A decimal text in USD, not zero; loaded as nano-dollars."""

    openapi: ClassVar[Json] = {"type": "string", "description": "USD, such as -12.5"}

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> int:
        if not isinstance(value, str):
            raise ValidationError("Not a decimal in text.")
        try:
            nano = parse_usd(value)
        except ValueError as error:
            raise ValidationError(str(error)) from None
        if not nano:
            raise ValidationError("Must not be zero.")
        return nano


class AdjustBody(Body):
    """POST /api/user/:id/adjust."""

    amount = SignedUsd(required=True)
    reason = text(500, least=1, required=True)


class ExpiryTime(fields.Field[int]):
    """When credit ends: RFC 3339 or unix seconds; loaded as whole unix seconds."""

    openapi: ClassVar[Json] = A_TIME

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValidationError("Not a time.")
        try:
            expires_s = parse_us(str(value)) // US_PER_S
        except ValueError as error:
            raise ValidationError(str(error)) from None
        if not 0 < expires_s <= MAX_EXPIRES_S:
            raise ValidationError("Not a time in which credit could end.")
        return expires_s


class CreditBody(Body):
    """POST /api/topup: an admin credits a user.

    With a source or an end the credit is a lot: gifts are spent before what was paid for.
    """

    user_id = integer(1, required=True)
    quota = integer(1, 10**15, required=True)
    remark = text(500, load_default="")
    source = fields.String(validate=validate.OneOf(SOURCES))
    expires_at = ExpiryTime(allow_none=True)


class RedeemBody(Body):
    """POST /api/user/topup: a user redeems a code."""

    key = fields.String(required=True, validate=[validate.Length(1, 128), refuse_controls])
