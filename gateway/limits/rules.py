"""Which limits a request is under, in the order in which they are told."""

from gateway.directory import limit_tables
from gateway.directory.channels import Channel
from gateway.directory.keys import Key
from gateway.directory.options import Options
from gateway.directory.users import User
from gateway.limits.rule import Rule

KEY, USER, GROUP, MODEL, CHANNEL = "key", "user", "group", "model", "channel"

Limited = Key | User | Channel | limit_tables.Limit


def of_request(options: Options, key: Key, user: User, model: str) -> list[Rule]:
    """Return the limits of a key, its owner, the owner's group and a model; mostly none."""
    found = of_client(options, key, user)
    in_all = _entry(options.get("ModelLimits"), model)
    if in_all is not None:
        _add(found, MODEL, f"model:{model}", in_all)
    return found


def of_client(options: Options, key: Key, user: User) -> list[Rule]:
    """Return the limits of a key, its owner and the owner's group."""
    found: list[Rule] = []
    if key.rpm or key.tpm or key.concurrency:
        found.append(_rule(KEY, key.account, key))
    group = _entry(options.get("GroupLimits"), user.group)
    if user.rpm or user.tpm or user.concurrency or (group is not None and group.each_user):
        found.extend(_of_user(user, group))
    if group is not None:
        _add(found, GROUP, f"group:{user.group}", group)
    return found


def of_channel(channel: Channel) -> Rule | None:
    """Return the limit of a channel, if it has one."""
    if channel.rpm or channel.tpm or channel.concurrency:
        return _rule(CHANNEL, channel.account, channel)
    return None


def _entry(stored: str, name: str) -> limit_tables.Limit | None:
    return limit_tables.read(stored).get(name) if len(stored) > len("{}") else None


def _of_user(user: User, group: limit_tables.Limit | None) -> list[Rule]:
    """A number of the user's own beats that which the group gives each of its users."""
    each = group.each_user if group is not None else None
    rpm, tpm, concurrency = user.rpm, user.tpm, user.concurrency
    if each is not None:
        rpm, tpm = rpm or each.rpm, tpm or each.tpm
        concurrency = concurrency or each.concurrency
    found: list[Rule] = []
    _add(found, USER, user.account, limit_tables.Limit(rpm, tpm, concurrency))
    return found


def _add(found: list[Rule], kind: str, subject: str, limit: limit_tables.Limit) -> None:
    if limit.rpm or limit.tpm or limit.concurrency:
        found.append(_rule(kind, subject, limit))


def _rule(kind: str, subject: str, limited: Limited) -> Rule:
    return Rule(kind, subject, limited.rpm, limited.tpm, limited.concurrency)
