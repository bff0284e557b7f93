"""How each vendor shows what is left of an account: one table of small probes.

A probe reads pages of its vendor and returns an exact amount; the currency is the one that the
vendor names, "" where it names none. Each says where the fact is from. The catalogue says which one
is a vendor's (`balance`); others show no balance to the keys with which they are used.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from gateway.directory.channels import Channel
from gateway.directory.vendor import Vendor
from gateway.providers.base import CallFailed
from gateway.providers.pages import Page, VendorPages
from gateway.relay.errors import normalise

USD, CNY = "USD", "CNY"
#: What some resellers count in; what a point is worth is between them and the operator.
POINTS = "points"

_SITES = ((".cn", CNY), (".moonshot.ai", USD), (".siliconflow.com", USD))
_CENTS = Decimal(100)
_BILLED_DAYS = 99
_MOST_DIGITS = 30


class Amount(NamedTuple):
    """What is left, in a currency."""

    value: Decimal
    currency: str


class BalanceUnknown(Exception):
    """A vendor did not say what is left; the message is for the operator."""


@dataclass(frozen=True, slots=True)
class Account:
    """One upstream key of a channel, whose account is looked at."""

    pages: VendorPages
    channel: Channel
    vendor: Vendor
    secret: str
    today: date

    @property
    def base(self) -> str:
        """The channel's address, or its vendor's, without /v1 at its end."""
        base = (self.channel.base_url or self.vendor.base_url).rstrip("/")
        return base.removesuffix("/v1")

    @property
    def origin(self) -> str:
        """The host of that, with its scheme."""
        parts = urlsplit(self.base)
        return f"{parts.scheme}://{parts.netloc}"

    async def page(
        self, path: str, *, base: str | None = None, headers: Mapping[str, str] | None = None
    ) -> Page:
        """Read a page. Raises BalanceUnknown."""
        url = (self.base if base is None else base) + path
        try:
            return await self.pages.get(self.channel, self.vendor, self.secret, url, headers)
        except CallFailed as error:
            raise BalanceUnknown(str(error)) from None

    async def read(self, path: str, **options: Any) -> dict[str, Any]:
        """Read a page that must be good. Raises BalanceUnknown."""
        return good(await self.page(path, **options))


Probe = Callable[[Account], Awaitable[Amount]]


def good(page: Page) -> dict[str, Any]:
    """Return a page's object. Raises BalanceUnknown with the vendor's own words."""
    parsed = page.parsed
    said = normalise(parsed)["message"]
    if not 200 <= page.status < 300:
        raise BalanceUnknown(f"status {page.status}{f': {said}' if said else ''}")
    if not isinstance(parsed, dict):
        raise BalanceUnknown("the answer is no JSON object")
    if parsed.get("error"):
        raise BalanceUnknown(said or "the answer is an error")
    return parsed


def number(found: Any, *path: str) -> Decimal:
    """Return an exact number somewhere in an answer. Raises BalanceUnknown."""
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    if isinstance(found, bool) or not isinstance(found, int | str | Decimal):
        raise BalanceUnknown(f"the answer has no {'.'.join(path)}")
    try:
        value = Decimal(found)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or abs(value.adjusted()) > _MOST_DIGITS:
        raise BalanceUnknown(f"{'.'.join(path)} is no amount")
    return value


async def _subscription(account: Account) -> Amount:
    """OpenAI's old dashboard, which gateways of the One API family serve as well: a limit, and
    what was used in hundredths. The period is the month, or all that is kept without a card."""
    paths = "/dashboard/billing/subscription", "/dashboard/billing/usage"
    limits = await account.read(f"/v1{paths[0]}")
    begins = account.today.replace(day=1)
    if not limits.get("has_payment_method"):
        begins = account.today - timedelta(days=_BILLED_DAYS)
    ends = account.today + timedelta(days=1)
    used = await account.read(f"/v1{paths[1]}?start_date={begins}&end_date={ends}")
    left = number(limits, "hard_limit_usd") - number(used, "total_usage") / _CENTS
    return Amount(left, USD)


def _grants(field: str) -> Probe:
    """Return a probe of credit grants (One API's reference), resellers' form of a balance."""

    async def probe(account: Account) -> Amount:
        return Amount(number(await account.read("/dashboard/billing/credit_grants"), field), "")

    return probe


async def _openai_sb(account: Account) -> Amount:
    path = f"/sb-api/user/status?api_key={quote(account.secret, safe='')}"
    return Amount(number(await account.read(path), "data", "credit"), POINTS)


async def _aiproxy(account: Account) -> Amount:
    """Its console is on another host than its API, unless the channel names its own."""
    base = account.origin if account.channel.base_url else "https://aiproxy.io"
    headers = {"api-key": account.secret}
    found = await account.read("/api/report/getUserOverview", base=base, headers=headers)
    if found.get("success") is False:
        raise BalanceUnknown(normalise(found)["message"] or "the vendor refused to say")
    return Amount(number(found, "data", "totalPoints"), POINTS)


async def _siliconflow(account: Account) -> Amount:
    """SiliconFlow, "Get user account info". Its site abroad bills in dollars."""
    found = await account.read("/v1/user/info")
    if found.get("code") != 20000:
        raise BalanceUnknown(normalise(found)["message"] or f"code {found.get('code')}")
    return Amount(number(found, "data", "totalBalance"), _by_site(account))


async def _deepseek(account: Account) -> Amount:
    """DeepSeek API, "Get User Balance": one entry for each currency, yuan first as in One API."""
    found = await account.read("/user/balance")
    listed = found.get("balance_infos")
    entries = (
        [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    )
    if not entries:
        raise BalanceUnknown("the answer has no balance_infos")
    entries.sort(key=lambda each: each.get("currency") != CNY)
    filled = [each for each in entries if number(each, "total_balance")]
    entry = (filled or entries)[0]
    return Amount(number(entry, "total_balance"), str(entry.get("currency") or "")[:20])


async def _openrouter(account: Account) -> Amount:
    """OpenRouter, "Get remaining credits"; keys that may not see that have a limit of their own
    ("Get current API key")."""
    page = await account.page("/v1/credits")
    if page.status in (401, 403):
        own = good(await account.page("/v1/key"))
        return Amount(number(own, "data", "limit_remaining"), USD)
    found = good(page)
    return Amount(
        number(found, "data", "total_credits") - number(found, "data", "total_usage"), USD
    )


async def _moonshot(account: Account) -> Amount:
    """Moonshot, "Check Balance": yuan in China, dollars elsewhere."""
    found = await account.read("/v1/users/me/balance")
    return Amount(number(found, "data", "available_balance"), _by_site(account))


async def _stepfun(account: Account) -> Amount:
    """StepFun, "accounts"."""
    return Amount(number(await account.read("/v1/accounts"), "balance"), "")


async def _novita(account: Account) -> Amount:
    """Novita, "User Balance Info": ten-thousandths of a dollar."""
    found = await account.read("/openapi/v1/billing/balance/detail", base=account.origin)
    return Amount(number(found, "availableBalance") / 10_000, USD)


def _by_site(account: Account) -> str:
    """Return the currency of a vendor with one site in China and one abroad, "" elsewhere."""
    host = urlsplit(account.base).hostname or ""
    return next((currency for end, currency in _SITES if host.endswith(end)), "")


# By the names under which the catalogue has them.
PROBES: dict[str, Probe] = {
    "subscription": _subscription,
    "total_available": _grants("total_available"),
    "total_remaining": _grants("total_remaining"),
    "openai_sb": _openai_sb,
    "aiproxy": _aiproxy,
    "openrouter": _openrouter,
    "moonshot": _moonshot,
    "stepfun": _stepfun,
    "deepseek": _deepseek,
    "novita": _novita,
    "siliconflow": _siliconflow,
}


def today_of(now_us: int) -> date:
    """Return the day of a time in microseconds, in UTC."""
    return datetime.fromtimestamp(now_us // 1_000_000, UTC).date()
