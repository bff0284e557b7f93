"""Options on a real database."""

import pytest

from gateway.directory.directory import Directory
from gateway.directory.errors import Invalid
from gateway.directory.option_guards import GUARDS
from gateway.directory.option_table import OPTIONS
from ledger.store import Store


def test_every_default_is_acceptable() -> None:
    for option in OPTIONS.values():
        assert option.parse(option.show(option.default)) == option.default, option.name


async def test_defaults_are_one_apis(directory: Directory) -> None:
    get = directory.options.get
    assert (get("SystemName"), get("RetryTimes"), get("QuotaPerUnit")) == ("Tollgate", 0, 500_000)
    assert get("PasswordLoginEnabled") is True and get("GitHubOAuthEnabled") is False
    with pytest.raises(KeyError):
        get("NoSuchOption")


@pytest.mark.parametrize(
    "name, raw, value",
    [
        ("SystemName", " My Gate ", "My Gate"),
        ("Notice", "# Hello\n\nworld", "# Hello\n\nworld"),
        ("PasswordLoginEnabled", "false", False),
        ("DisplayInCurrencyEnabled", False, False),
        ("RetryTimes", "3", 3),
        ("AutomaticDisableChannelEnabled", "true", True),
        ("AutomaticEnableChannelEnabled", "false", False),
        ("QuotaForNewUser", 100_000, 100_000),
        ("ServerAddress", "https://gate.example/", "https://gate.example"),
        ("TopUpLink", "https://shop.example/?id=1", "https://shop.example/?id=1"),
        ("GitHubOAuthEnabled", "false", False),
        ("LogConsumeEnabled", "true", True),
        ("SMTPPort", "587", 587),
        ("EmailDomainWhitelist", "@Example.com, b.test", "example.com,b.test"),
        ("NoticeReceivers", "A@b.test;c@d.test,", "a@b.test;c@d.test"),
        ("OidcWellKnown", "https://id.test/.well-known/x", "https://id.test/.well-known/x"),
        ("GitHubClientId", "Iv1.abc", "Iv1.abc"),
    ],
)
async def test_values_are_set_in_their_type(directory: Directory, name, raw, value) -> None:
    assert await directory.options.set(name, raw) == value
    assert directory.options.get(name) == value
    shown = directory.options.listed()[name]
    assert shown == (str(value).lower() if isinstance(value, bool) else str(value))


@pytest.mark.parametrize(
    "name, raw, words",
    [
        ("NoSuchOption", "1", "no such option"),
        ("ModelRatio", "{}", "no such option"),
        ("GitHubOAuthEnabled", "true", "client of GitHub first"),
        ("SMTPFrom", "nobody", "e-mail address"),
        ("SMTPPort", "70000", "between"),
        ("EmailDomainWhitelist", "nonsense", "domain"),
        ("NoticeReceivers", "a@b.test;nobody", "e-mail address"),
        ("EmailVerificationEnabled", "true", "mail server first"),
        ("TurnstileCheckEnabled", True, "TurnstileSiteKey, TurnstileSecretKey"),
        ("NoticeUrlTemplate", "https://api.test/plain", "must contain"),
        ("NoticeUrlTemplate", "https://{title}.test/{text}", "host"),
        ("NoticeUrlTemplate", "https://api.test/{title}/{token}", "only"),
        ("NoticeUrlTemplate", "file:///{title}", "http"),
        ("ChannelDisableThreshold", "-1", "between"),
        ("LogConsumeEnabled", "false", "books"),
        ("QuotaPerUnit", "1000000", "500,000"),
        ("PreConsumedQuota", "0", "estimated"),
        ("Theme", "berry", "THEME chooses"),
        ("RetryTimes", "-1", "between"),
        ("RetryTimes", "1.5", "whole number"),
        ("RetryTimes", "9" * 60, "whole number"),
        ("RetryTimes", True, "whole number"),
        ("PasswordLoginEnabled", "maybe", "true or false"),
        ("PasswordLoginEnabled", 1, "true or false"),
        ("SystemName", "", "empty"),
        ("SystemName", 5, "text"),
        ("TopUpLink", "javascript:alert(1)", "http"),
        ("QuotaForNewUser", "-5", "between"),
    ],
)
async def test_bad_values_are_refused_and_change_nothing(
    directory: Directory, store: Store, name, raw, words
) -> None:
    before = directory.options.listed()
    with pytest.raises(Invalid, match=words) as caught:
        await directory.options.set(name, raw)
    assert caught.value.field == name
    assert directory.options.listed() == before and await store.count("options", {}) == 0


def test_secret_options_are_not_listed(directory: Directory) -> None:
    listed = directory.options.listed()
    for name in ("SMTPToken", "GitHubClientSecret", "TurnstileSecretKey", "WeChatServerToken"):
        assert OPTIONS[name].is_secret and name not in listed
    assert "TurnstileSiteKey" in listed


async def test_a_value_of_another_version_counts_as_the_default(
    directory: Directory, store: Store
) -> None:
    later_us = await store.server_now_us() + 1_000_000
    for name, value in (("RetryTimes", "many"), ("FromTheFuture", 1), ("Theme", "air")):
        await store.insert_one("options", {"_id": name, "value": value, "changed_us": later_us})
    await directory.refresh()
    assert directory.options.get("RetryTimes") == 0 and directory.options.get("Theme") == "default"


ONE_API = """
PasswordLoginEnabled PasswordRegisterEnabled EmailVerificationEnabled GitHubOAuthEnabled OidcEnabled
WeChatAuthEnabled TurnstileCheckEnabled RegisterEnabled EmailDomainRestrictionEnabled
AutomaticDisableChannelEnabled AutomaticEnableChannelEnabled ApproximateTokenEnabled
LogConsumeEnabled DisplayInCurrencyEnabled DisplayTokenStatEnabled ChannelDisableThreshold
QuotaForNewUser QuotaForInviter QuotaForInvitee QuotaRemindThreshold PreConsumedQuota QuotaPerUnit
RetryTimes SMTPPort EmailDomainWhitelist SMTPServer SMTPFrom SMTPAccount SMTPToken Notice About
HomePageContent Footer SystemName Logo ServerAddress Theme GitHubClientId GitHubClientSecret
LarkClientId LarkClientSecret OidcClientId OidcClientSecret OidcWellKnown OidcAuthorizationEndpoint
OidcTokenEndpoint OidcUserinfoEndpoint WeChatServerAddress WeChatServerToken
WeChatAccountQRCodeImageURL MessagePusherAddress MessagePusherToken TurnstileSiteKey
TurnstileSecretKey TopUpLink ChatLink
""".split()


def test_every_option_of_one_api_is_there_and_guards_name_options() -> None:
    assert set(ONE_API) <= set(OPTIONS)
    secrets = {name for name, option in OPTIONS.items() if option.is_secret}
    assert {name for name in ONE_API if name.endswith(("Token", "Secret", "SecretKey"))} <= secrets
    for switch, guard in GUARDS.items():
        assert {switch, *guard.needed} <= set(OPTIONS)


async def test_a_switch_keeps_what_it_needs(directory: Directory, store: Store) -> None:
    options = directory.options
    await options.set("TurnstileSiteKey", "site")
    await options.set("TurnstileSecretKey", "very secret")
    (stored,) = await store.find_list("options", {"_id": "TurnstileSecretKey"})
    assert "very secret" not in str(stored)
    await options.set("TurnstileCheckEnabled", "true")
    with pytest.raises(Invalid, match="turn that off first"):
        await options.set("TurnstileSecretKey", "")
    assert options.get("TurnstileSecretKey") == "very secret"
    await options.set("TurnstileCheckEnabled", False)
    await options.set("TurnstileSecretKey", "")
    with pytest.raises(Invalid, match="domains"):
        await options.set("EmailDomainWhitelist", "")
        await options.set("EmailDomainRestrictionEnabled", True)
