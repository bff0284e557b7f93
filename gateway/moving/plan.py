"""What an import would write, made from the source alone: it can be read before it is done."""

from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.directory.catalogue import Catalogue
from gateway.directory.documents import Document
from gateway.directory.users import ROOT_ID
from gateway.directory.vault import Vault
from gateway.moving import people
from gateway.moving.channels import ChannelReader
from gateway.moving.codes import CodeBatch, read_codes
from gateway.moving.options import known_options, texts_of
from gateway.moving.report import Report
from gateway.moving.source import Row, Source, missing_columns, unknown_columns
from gateway.moving.values import text, whole, whole_or_none, yes
from ledger.events import Draft
from ledger.money import MAX_NANO, nano_from_quota, usd

#: What all balances may come to: half of what a sum of amounts holds, so that life can go on.
MOST_NANO = MAX_NANO // 2
#: Columns that are read, and those of which it is known that they need not be.
KNOWN = {
    "users": (
        "id username password display_name role status email github_id wechat_id lark_id oidc_id"
        " access_token quota used_quota request_count group aff_code inviter_id deleted_at"
        " created_at telegram_id linux_do_id discord_id aff_count aff_quota aff_history"
        " verification_code last_login_at"
    ).split(),
    "tokens": (
        "id user_id key status name created_time accessed_time expired_time remain_quota"
        " unlimited_quota used_quota models subnet model_limits_enabled model_limits allow_ips"
        " group deleted_at"
    ).split(),
    "channels": (
        "id type key status name weight created_time test_time response_time base_url other"
        " balance balance_updated_time models group used_quota model_mapping priority config"
        " system_prompt openai_organization test_model auto_ban status_code_mapping tag setting"
        " settings param_override header_override"
    ).split(),
    "redemptions": (
        "id user_id key status name quota created_time redeemed_time used_user_id deleted_at"
        " expired_time count"
    ).split(),
    "options": ("key", "value"),
}
#: Columns that all versions of both have.
COMMON = {
    "users": "role status email group aff_code inviter_id".split(),
    "tokens": "status name created_time expired_time remain_quota unlimited_quota".split(),
    "channels": "type key status name base_url models group model_mapping priority".split(),
    "redemptions": "key status name quota created_time redeemed_time".split(),
    "options": ("key", "value"),
}


@dataclass(slots=True)
class Plan:
    """Documents and events of an import. `prices` are the ratio options as they came."""

    source: Source
    report: Report
    users: list[Document] = field(default_factory=list)
    keys: list[Document] = field(default_factory=list)
    channels: list[Document] = field(default_factory=list)
    batches: list[CodeBatch] = field(default_factory=list)
    used_codes: list[Document] = field(default_factory=list)
    options: dict[str, str] = field(default_factory=dict)
    prices: dict[str, str] = field(default_factory=dict)
    #: What each account had, in nano-dollars, debts as negative numbers.
    balances: dict[str, int] = field(default_factory=dict)

    def owners(self) -> set[int]:
        """Whose history comes along: that of the users who do, and of root, who is root here."""
        there = {whole(row["id"]) for row in self.source.tables["users"]}
        return {user["_id"] for user in self.users} | ({ROOT_ID} & there)


def make_plan(source: Source, catalogue: Catalogue, vault: Vault) -> Plan:
    """Read all rows. Nothing is asked of the books."""
    report = Report()
    plan = Plan(source, report)
    reader = people.People(report)
    _leave_without_id(source, report)
    for row in source.tables["users"]:
        plan.users.append(reader.user(row))
        _balance(plan, f"user:{whole(row['id'])}", row.get("quota"))
    _keys(plan, vault)
    _fit(plan)
    channels = ChannelReader(source.kind, catalogue, vault, report)
    plan.channels = _all(channels.read, source.tables["channels"])
    plan.batches, plan.used_codes = read_codes(source.tables["redemptions"], vault, report)
    plan.prices = texts_of(source.tables["options"])
    plan.options = known_options(plan.prices, report)
    for what in missing_columns(source, COMMON):
        report.note(f"{what} is not there: it is taken as empty")
    for column in unknown_columns(source, KNOWN):
        report.leave(f"column {column}", "is not known here")
    _count(plan)
    return plan


def openings(plan: Plan, actor: str, at_us: int) -> list[Draft]:
    """Return the event of each account that had credit. The id names source and account, so that
    there is one, however often it is recorded."""
    return [
        Draft(
            opening_id(plan.source, account),
            "balance.opened",
            account,
            amount,
            actor,
            {"reason": f"moved in from {plan.source.kind}", "source": plan.source.name[:200]},
            at_us=at_us,
        )
        for account, amount in plan.balances.items()
        if amount > 0
    ]


def opening_id(source: Source, account: str) -> str:
    """The id of the event that opens an account."""
    return f"opened:import:{source.id}:{account}"


def drop(plan: Plan, account: str) -> None:
    """Leave an account's balance out, since its owner is."""
    amount = plan.balances.pop(account, 0)
    plan.report.left_nano += amount
    if amount > 0:
        plan.report.opened_nano -= amount
    else:
        plan.report.debts_nano -= amount


def _keys(plan: Plan, vault: Vault) -> None:
    owners = {user["_id"] for user in plan.users}
    secrets: set[str] = set()
    # Of `sk-x` and `x` the second worked there, and the text of both is `x` here.
    rows = sorted(plan.source.tables["tokens"], key=lambda row: text(row["key"])[:3] == "sk-")
    for row in rows:
        found = people.key(row, vault, plan.report)
        account, limited = f"key:{whole(row['id'])}", not yes(row.get("unlimited_quota"))
        limited = limited and not people.is_deleted(row)
        if limited:
            _balance(plan, account, row.get("remain_quota"))
        if found is not None and found[1] not in secrets and found[0]["user_id"] in owners:
            secrets.add(found[1])
            plan.keys.append(found[0])
            continue
        if found is not None:
            why = "another has the same text" if found[1] in secrets else "its user is not there"
            plan.report.leave(account.replace(":", " "), why)
        drop(plan, account)


def _balance(plan: Plan, account: str, quota: object) -> None:
    amount = _nano(quota, account, plan.report)
    plan.balances[account] = amount
    plan.report.source_nano += amount
    if amount > 0:
        plan.report.opened_nano += amount
        return
    plan.report.debts_nano += amount
    if amount < 0:
        plan.report.note(f"{account}: had {text(quota)} quota; it is opened at 0")


def _fit(plan: Plan) -> None:
    """Leave the largest balances out, as long as all of them are more than sums can hold."""
    total = plan.report.opened_nano
    for account in sorted(plan.balances, key=lambda name: (-plan.balances[name], name)):
        if total <= MOST_NANO:
            return
        total -= plan.balances[account]
        plan.report.leave(
            account,
            f"all balances are more than {usd(MOST_NANO)} USD, which is what the books take at"
            f" once; its {usd(plan.balances[account])} USD are left out: credit it by hand",
        )
        drop(plan, account)


def _leave_without_id(source: Source, report: Report) -> None:
    """Ids below 1 are nobody's: rows that programs wrote by accident."""
    for table in ("users", "tokens", "channels", "redemptions"):
        for row in list(source.tables[table]):
            if whole(row.get("id")) < 1:
                source.tables[table].remove(row)
                report.leave(f"row {text(row.get('id'))[:20]} of {table}", "its id is none")


def _nano(quota: object, account: str, report: Report) -> int:
    try:
        number = whole_or_none(quota)
        if number is None and quota is not None:
            raise ValueError(f"{text(quota)[:40]!r} is no quota; it is opened at 0")
        return nano_from_quota(number or 0)
    except ValueError as error:
        report.leave(account, str(error))
        return 0


def _all(read: Callable[[Row], Document | None], rows: list[Row]) -> list[Document]:
    return [doc for row in rows if (doc := read(row)) is not None]


def _count(plan: Plan) -> None:
    gone = sum(user["deleted"] for user in plan.users)
    plan.report.counts.update(
        {
            f"users, {gone} of them deleted": len(plan.users),
            "keys": len(plan.keys),
            "channels": len(plan.channels),
            "codes that can be redeemed": sum(len(batch.docs) for batch in plan.batches),
            "codes that were used": len(plan.used_codes),
            "options": len(plan.options),
            "accounts with credit": sum(amount > 0 for amount in plan.balances.values()),
        }
    )
