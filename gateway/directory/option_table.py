"""Every option of One API, as data: its type, its default, and whether it does anything yet.

An option whose feature is not in this version can only be set to its default: a switch that is
accepted and does nothing would be a lie. The ratio options live in the price book instead.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gateway.directory import (
    checks,
    groups,
    limit_tables,
    mail_addresses,
    moderation,
    notice_urls,
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
_NAME = checks.text(500, spaces=False)
_HOST = checks.text(253, spaces=False)
_PAGE = checks.text(200_000, lines=True)
_WEB = checks.web_address(1_000, query=True)
_AMOUNT = checks.integer(0, 10**15)
_ANY = checks.integer(-checks.INT63_MAX, checks.INT63_MAX)

_BOOKS = "every charge is an event in the books, so it cannot be switched off"
_UNIT = "500,000 quota are 1 USD in these books, always"
_HOLD = "what is held before a request is estimated from the request itself"
_COUNT = "what the upstream does not report is always counted exactly"
_THEME = "the setting THEME chooses it when the gateway starts"
_SITEVERIFY = "https://challenges.cloudflare.com/turnstile/v0/siteverify"
_DOMAINS = (
    "gmail.com,163.com,126.com,qq.com,outlook.com,hotmail.com,icloud.com,yahoo.com,foxmail.com"
)


def _secrets(*names: str) -> list[Option]:
    return [Option(name, "", _SHORT, is_secret=True) for name in names]


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
    *(
        Option(name, False, checks.boolean)
        for name in ("GitHubOAuthEnabled", "OidcEnabled", "WeChatAuthEnabled")
    ),
    *(Option(name, "", _NAME) for name in ("GitHubClientId", "LarkClientId", "OidcClientId")),
    # Where they are, for GitHub Enterprise and Lark. Not options of One API's.
    Option("GitHubAddress", "https://github.com", checks.web_address(500)),
    Option("GitHubApiAddress", "https://api.github.com", checks.web_address(500)),
    Option("LarkAddress", "https://open.feishu.cn", checks.web_address(500)),
    *(
        Option(f"Oidc{name}", "", _WEB)
        for name in ("WellKnown", "AuthorizationEndpoint", "TokenEndpoint", "UserinfoEndpoint")
    ),
    Option("WeChatServerAddress", "", checks.web_address(500)),
    Option("WeChatAccountQRCodeImageURL", "", _WEB),
    *_secrets("GitHubClientSecret", "LarkClientSecret", "OidcClientSecret", "WeChatServerToken"),
    # Who may sign up, and what for (docs/people.md).
    Option("EmailVerificationEnabled", False, checks.boolean),
    Option("EmailDomainRestrictionEnabled", False, checks.boolean),
    Option("EmailDomainWhitelist", _DOMAINS, mail_addresses.domains),
    Option("QuotaForInviter", 0, _AMOUNT),
    Option("QuotaForInvitee", 0, _AMOUNT),
    # How many invitations a day are rewarded to one inviter, 0 for any. Not an option of One API's.
    Option("InviteRewardsPerDay", 20, checks.integer(0, 1_000)),
    Option("TurnstileCheckEnabled", False, checks.boolean),
    Option("TurnstileSiteKey", "", _NAME),
    *_secrets("TurnstileSecretKey"),
    # Where Turnstile's tokens are checked. Not an option of One API's.
    Option("TurnstileVerifyUrl", _SITEVERIFY, _WEB),
    # Mail out, and other ways for notices. The names below without SMTP, MessagePusher and
    # QuotaRemind are not One API's.
    Option("SMTPServer", "", _HOST),
    Option("SMTPPort", 587, checks.integer(1, 65_535)),
    Option("SMTPAccount", "", _SHORT),
    Option("SMTPFrom", "", mail_addresses.sender),
    *_secrets("SMTPToken"),
    # Quota below which a user is written to, once each time, 0 for never.
    Option("QuotaRemindThreshold", 1000, _AMOUNT),
    Option("NoticeReceivers", "", mail_addresses.receivers),
    Option("MessagePusherAddress", "", _WEB),
    Option("NoticeWebhookUrl", "", _WEB),
    *_secrets("MessagePusherToken", "NoticeWebhookSecret"),
    # Often holds the key of a device or a bot, so it is a secret.
    Option("NoticeUrlTemplate", "", notice_urls.template, is_secret=True),
    # Off when the upstream says that its key is dead, or a test finds it slow; on again when a test
    # succeeds.
    Option("AutomaticDisableChannelEnabled", False, checks.boolean),
    Option("AutomaticEnableChannelEnabled", False, checks.boolean),
    # Requests and tokens a minute and requests at once, by group and by model (docs/limits.md).
    # Groups that all users may choose for their keys; the name is that of One API's forks.
    Option("UserUsableGroups", "{}", groups.checked),
    Option("GroupLimits", "{}", limit_tables.table(of_groups=True)),
    Option("ModelLimits", "{}", limit_tables.table(of_groups=False)),
    # Seconds that a test may take before its channel counts as slow; 0 is any time.
    Option("ChannelDisableThreshold", 5, checks.integer(0, 3_600)),
]

OPTIONS: dict[str, Option] = {option.name: option for option in _ROWS}
