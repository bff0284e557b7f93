"""What anybody may read: the status and the texts of the start page."""

from typing import ClassVar

from admin.base import ANYONE, ApiHandler
from admin.texts import framed_url, safe_html
from gateway.directory.options import Options
from ledger.money import NANO_PER_QUOTA, NANO_PER_USD

QUOTA_PER_USD = NANO_PER_USD // NANO_PER_QUOTA

#: Fields of the status that are options, by name.
_OPTIONS = {
    "email_verification": "EmailVerificationEnabled",
    "github_oauth": "GitHubOAuthEnabled",
    "github_client_id": "GitHubClientId",
    "lark_client_id": "LarkClientId",
    "system_name": "SystemName",
    "logo": "Logo",
    "wechat_qrcode": "WeChatAccountQRCodeImageURL",
    "wechat_login": "WeChatAuthEnabled",
    "server_address": "ServerAddress",
    "register": "RegisterEnabled",
    "password_login": "PasswordLoginEnabled",
    "password_register": "PasswordRegisterEnabled",
    "email_domain_restriction": "EmailDomainRestrictionEnabled",
    "quota_for_new_user": "QuotaForNewUser",
    "quota_for_invitee": "QuotaForInvitee",
    "quota_for_inviter": "QuotaForInviter",
    "quota_remind_threshold": "QuotaRemindThreshold",
    "turnstile_check": "TurnstileCheckEnabled",
    "turnstile_site_key": "TurnstileSiteKey",
    "top_up_link": "TopUpLink",
    "chat_link": "ChatLink",
    "display_in_currency": "DisplayInCurrencyEnabled",
    "oidc": "OidcEnabled",
    "oidc_client_id": "OidcClientId",
    "oidc_well_known": "OidcWellKnown",
    "oidc_authorization_endpoint": "OidcAuthorizationEndpoint",
    "oidc_token_endpoint": "OidcTokenEndpoint",
    "oidc_userinfo_endpoint": "OidcUserinfoEndpoint",
}


class StatusHandler(ApiHandler):
    """GET /api/status: what a sign-in page needs to know."""

    access: ClassVar[dict[str, int]] = {"GET": ANYONE}

    async def get(self) -> None:
        """Answer version, start time and the public options."""
        options = self.context.directory.options
        self.ok(
            {
                "version": self.context.version,
                "start_time": self.context.start_time_s,
                "quota_per_unit": QUOTA_PER_USD,
                **{field: options.get(name) for field, name in _OPTIONS.items()},
                "footer_html": safe_html(str(options.get("Footer"))),
                "email_domains": _domains(options),
                "mail": bool(options.get("SMTPServer")),
                "sign_in_through": [n for n, each in self.context.identities.items() if each.is_on],
            }
        )


def _domains(options: Options) -> list[str]:
    """The domains that are accepted; none where any is."""
    restricted = options.get("EmailDomainRestrictionEnabled")
    return options.get("EmailDomainWhitelist").split(",") if restricted else []


class TextHandler(ApiHandler):
    """GET /api/notice, /api/about, /api/home_page_content: what the operator wrote.

    `data` is the text as it was written, as One API has it; `html` is what a page may show of it,
    and `url` the address where it is only one, to be framed.
    """

    access: ClassVar[dict[str, int]] = {"GET": ANYONE}

    async def get(self, name: str) -> None:
        """Answer the option that the route stands for."""
        options = {"notice": "Notice", "about": "About", "home_page_content": "HomePageContent"}
        text = str(self.context.directory.options.get(options[name]))
        url = framed_url(text)
        self.ok(text, html="" if url else safe_html(text), url=url)
