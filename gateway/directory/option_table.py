"""Every option of One API, as data: its type, its default, and whether it does anything yet.

An option whose feature is not in this version can only be set to its default: a switch that is
accepted and does nothing would be a lie. The ratio options live in the price book instead.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gateway.directory import (
    checks,
    limit_tables,
    moderation,
    payment_checks,
    policies,
    words,
)

Value = str | int | bool


@dataclass(frozen=True, slots=True)
class Option:
    """One option. `check` is applied to the parsed value; `fixed` says why it cannot change."""

    name: str
    default: Value
    check: Callable[[Any], Any]
    fixed: str = ""
    is_secret: bool = False

    def parse(self, raw: object) -> Value:
        """Read a value as it came (text, number or boolean). Raises ValueError."""
        if isinstance(self.default, bool):
            parsed: Value = _boolean(raw)
        elif isinstance(self.default, int):
            parsed = _integer(raw)
        elif isinstance(raw, str):
            parsed = raw
        else:
            raise ValueError("must be text")
        value: Value = self.check(parsed)
        if self.fixed and value != self.default:
            raise ValueError(self.fixed)
        return value

    def show(self, value: Value) -> str:
        """Write a value as One API does: everything is text."""
        return str(value).lower() if isinstance(value, bool) else str(value)


def _boolean(raw: object) -> bool:
    if isinstance(raw, bool):
        return raw
    words = {"true": True, "1": True, "false": False, "0": False}
    if isinstance(raw, str) and raw.strip().lower() in words:
        return words[raw.strip().lower()]
    raise ValueError("must be true or false")


def _integer(raw: object) -> int:
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and len(raw) < 25:
        digits = raw.strip()
        if digits.removeprefix("-").isdigit() and digits.isascii():
            return int(digits)
    raise ValueError("must be a whole number")


_SHORT = checks.text(500)
_PAGE = checks.text(200_000, lines=True)
_WEB = checks.web_address(1_000, query=True)
_AMOUNT = checks.integer(0, 10**15)
_ANY = checks.integer(-checks.INT63_MAX, checks.INT63_MAX)

_LOGIN = "signing in through other services is not part of this version"
_MAIL = "sending e-mail is not part of this version"
_REGISTER = "registration is not part of this version"
_BOOKS = "every charge is an event in the books, so it cannot be switched off"
_UNIT = "500,000 quota are 1 USD in these books, always"
_HOLD = "what is held before a request is estimated from the request itself"
_COUNT = "what the upstream does not report is always counted exactly"
_PUSH = "pushing messages is not part of this version"
_ROBOT = "the Turnstile check is not part of this version"
_THEME = "this version has one theme"
_DOMAINS = (
    "gmail.com,163.com,126.com,qq.com,outlook.com,hotmail.com,icloud.com,yahoo.com,foxmail.com"
)


def _later(reason: str, *names: str, default: Value = "") -> list[Option]:
    check = checks.boolean if isinstance(default, bool) else _ANY
    return [
        Option(
            name,
            default,
            _PAGE if isinstance(default, str) else check,
            fixed=reason,
            is_secret=name.endswith(("Token", "Secret", "SecretKey")),
        )
        for name in names
    ]


_ROWS = [
    Option("PasswordLoginEnabled", True, checks.boolean),
    Option("PasswordRegisterEnabled", True, checks.boolean),
    Option("RegisterEnabled", True, checks.boolean),
    Option("DisplayInCurrencyEnabled", True, checks.boolean),
    Option("DisplayTokenStatEnabled", True, checks.boolean),
    Option("QuotaForNewUser", 0, _AMOUNT),
    # Days that the credit of a new user lasts, 0 for ever. Not an option of One API's.
    Option("QuotaForNewUserValidDays", 0, checks.integer(0, 36_500)),
    Option("RetryTimes", 0, checks.integer(0, 20)),
    # What one admin may reverse alone in a day, in USD; above it a second one approves.
    Option("ReversalApprovalUsd", 100, checks.integer(0, 1_000_000_000)),
    # What is charged where an answer does not end well, by model. Not options of One API's.
    Option("InterruptionPolicy", "{}", policies.check("drain", "estimate", "input", "free")),
    Option("EmptyAnswerPolicy", "{}", policies.check("reported", "input", "free")),
    Option("UpstreamErrorPolicy", "{}", policies.check("free", "input", "reported")),
    # Words that are not sent anywhere, one on each line; the names are those of One API's forks.
    Option("CheckSensitiveEnabled", False, checks.boolean),
    Option("SensitiveWords", "", words.check),
    # Asking a moderation model before anything is sent (docs/safety.md). Not options of One API's.
    Option("ModerationEnabled", False, checks.boolean),
    Option("ModerationModel", "omni-moderation-latest", checks.text(200, shortest=1)),
    Option("ModerationGroups", moderation.ALL, moderation.groups),
    Option("ModerationImages", True, checks.boolean),
    Option("ModerationThresholds", "{}", moderation.thresholds),
    Option("ModerationOnFailure", "refuse", checks.one_of(("refuse", "allow"))),
    Option("SystemName", "Tollgate", checks.text(60, shortest=1)),
    Option("ServerAddress", "http://localhost:3000", checks.web_address(500)),
    Option("Notice", "", _PAGE),
    Option("About", "", _PAGE),
    Option("HomePageContent", "", _PAGE),
    Option("Footer", "", _PAGE),
    Option("Logo", "", _WEB),
    Option("TopUpLink", "", _WEB),
    Option("ChatLink", "", _WEB),
    # Payments (docs/payments.md). Not options of One API's.
    Option("PaymentRates", '{"USD": "1"}', payment_checks.rates),
    Option("PaymentWebhookSecret", "", payment_checks.secret, is_secret=True),
    Option("PaymentWebhookOldSecret", "", payment_checks.secret, is_secret=True),
    Option("PaymentShopAddress", "", _WEB),
    Option("TopUpMinUsd", "1", payment_checks.amount_usd),
    Option("TopUpMaxUsd", "10000", payment_checks.amount_usd),
    Option("TopUpOpenOrders", 5, checks.integer(1, 1_000)),
    Option("EpayAddress", "", checks.web_address(500)),
    Option("EpayId", "", checks.text(60, spaces=False)),
    Option("EpayKey", "", payment_checks.secret, is_secret=True),
    Option("EpayMethods", "alipay,wxpay", payment_checks.methods),
    Option("StripeSecretKey", "", payment_checks.secret, is_secret=True),
    Option("StripeWebhookSecret", "", payment_checks.secret, is_secret=True),
    Option("StripeCurrency", "USD", payment_checks.currency),
    Option("StripeApiBase", "https://api.stripe.com", checks.web_address(500)),
    Option("LogConsumeEnabled", True, checks.boolean, fixed=_BOOKS),
    Option("QuotaPerUnit", 500_000, _ANY, fixed=_UNIT),
    Option("PreConsumedQuota", 500, _ANY, fixed=_HOLD),
    Option("ApproximateTokenEnabled", False, checks.boolean, fixed=_COUNT),
    Option("Theme", "default", _SHORT, fixed=_THEME),
    *_later(_LOGIN, "GitHubOAuthEnabled", "OidcEnabled", "WeChatAuthEnabled", default=False),
    *_later(_LOGIN, "GitHubClientId", "GitHubClientSecret", "LarkClientId", "LarkClientSecret"),
    *_later(_LOGIN, "OidcClientId", "OidcClientSecret", "OidcWellKnown"),
    *_later(_LOGIN, "OidcAuthorizationEndpoint", "OidcTokenEndpoint", "OidcUserinfoEndpoint"),
    *_later(_LOGIN, "WeChatServerAddress", "WeChatServerToken", "WeChatAccountQRCodeImageURL"),
    *_later(_MAIL, "EmailVerificationEnabled", default=False),
    *_later(_MAIL, "EmailDomainRestrictionEnabled", default=False),
    *_later(_MAIL, "EmailDomainWhitelist", default=_DOMAINS),
    *_later(_MAIL, "SMTPServer", "SMTPFrom", "SMTPAccount", "SMTPToken"),
    *_later(_MAIL, "SMTPPort", default=587),
    *_later(_MAIL, "QuotaRemindThreshold", default=1000),
    *_later(_REGISTER, "QuotaForInviter", "QuotaForInvitee", default=0),
    # Off when the upstream says that its key is dead, or a test finds it slow; on again when a test
    # succeeds.
    Option("AutomaticDisableChannelEnabled", False, checks.boolean),
    Option("AutomaticEnableChannelEnabled", False, checks.boolean),
    # Requests and tokens a minute and requests at once, by group and by model (docs/limits.md).
    Option("GroupLimits", "{}", limit_tables.table(of_groups=True)),
    Option("ModelLimits", "{}", limit_tables.table(of_groups=False)),
    # Seconds that a test may take before its channel counts as slow; 0 is any time.
    Option("ChannelDisableThreshold", 5, checks.integer(0, 3_600)),
    *_later(_PUSH, "MessagePusherAddress", "MessagePusherToken"),
    *_later(_ROBOT, "TurnstileCheckEnabled", default=False),
    *_later(_ROBOT, "TurnstileSiteKey", "TurnstileSecretKey"),
]

OPTIONS: dict[str, Option] = {option.name: option for option in _ROWS}
