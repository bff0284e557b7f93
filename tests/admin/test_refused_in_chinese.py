"""Refusals over real sockets: in Chinese for who asks for it, unchanged for who does not."""

from typing import Any

import httpx
import pytest

from gateway.directory.users import ROLE_ADMIN
from tests.admin.harness import ROOT_TOKEN, Person, Server, channel_body, data, person

ZH = {"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"}
LOGIN = {"username": "nobody", "password": "password-1"}
Asked = tuple[str, str, Any]
#: Asked by root: the request, what is said, and what is said in Chinese.
REFUSALS: list[tuple[Asked, str, str]] = [
    (
        ("POST", "/api/user/login", LOGIN),
        "the user name or the password is wrong",
        "用户名或密码不正确",
    ),
    (("GET", "/api/user/999", None), "there is no user 999", "没有用户 999"),
    (("GET", "/api/channel/77", None), "there is no channel 77", "没有渠道 77"),
    (("POST", "/api/user/topup", {"key": "no-such"}), "there is no such code", "没有此兑换码"),
    (
        ("GET", "/api/nothing/here", None),
        "Invalid URL (GET /api/nothing/here)",
        "没有此地址（GET /api/nothing/here）",
    ),
    (
        ("PUT", "/api/status", None),
        "PUT is not a method of /api/status",
        "/api/status 不支持 PUT 方法",
    ),
    (
        ("POST", "/api/token/", {"name": "a", "remain_quota": -1, "no_such": 1}),
        "remain_quota: Must be greater than or equal to 0 and less than or equal to {}.; "
        "no_such: Unknown field.",
        "remain_quota: 须在 0 至 {} 之间; no_such: 没有此字段",
    ),
    (
        ("PUT", "/api/option/", {"key": "SMTPPort", "value": "many"}),
        "SMTPPort: must be a whole number",
        "SMTPPort: 须为整数",
    ),
    (
        ("PUT", "/api/option/", {"key": "GroupLimits", "value": '{"vip": {"rpm": -5}}'}),
        "GroupLimits: vip: rpm must be between 0 and {}",
        "GroupLimits: vip: rpm 须在 0 至 {} 之间",
    ),
    (
        ("PUT", "/api/option/", {"key": "EmailVerificationEnabled", "value": "true"}),
        "EmailVerificationEnabled: codes are sent by mail: set up the mail server first "
        "(SMTPServer)",
        "EmailVerificationEnabled: 验证码通过邮件发送，请先设置邮件服务器（SMTPServer）",
    ),
    (
        ("POST", "/api/user/manage", {"username": "root", "action": "disable"}),
        "the root account cannot be disabled",
        "不能停用超级管理员账户",
    ),
    (
        ("POST", "/api/user/manage", {"username": "bob", "action": "fly"}),
        "action: Must be one of: disable, enable, delete, promote, demote.",
        "action: 只能是其中之一：disable, enable, delete, promote, demote",
    ),
    (
        ("POST", "/api/channel/", channel_body(type=8, base_url="")),
        "base_url: must be given for a channel of type {}",
        "base_url: 类型为 {} 的渠道必填",
    ),
    (
        ("POST", "/api/channel/", channel_body(timeouts={"total": 1.5})),
        "timeouts: total: must be a whole number of seconds",
        "timeouts: total: 须为整数秒",
    ),
    (
        ("PUT", "/api/option/", {"key": "GroupRatio", "value": '{"vip": "x"}'}),
        "GroupRatio vip: 'x' is not a number",
        "GroupRatio vip: 'x' 不是数字",
    ),
    (
        ("GET", "/api/ledger/statement?account=user:1&by=at&from=5&to=3", None),
        "the period ends before it begins",
        "时段的截止早于起始",
    ),
    (
        ("POST", "/api/user/", b"{"),
        "the body is not valid JSON: {}",
        "请求正文不是有效的 JSON：{}",
    ),
]


async def ask(client: httpx.AsyncClient, asked: Asked, **headers: str) -> httpx.Response:
    method, path, body = asked
    content = {"content": body} if isinstance(body, bytes) else {"json": body} if body else {}
    return await client.request(method, path, headers=headers, **content)


def said(response: httpx.Response) -> str:
    body = response.json()
    message = body["message"] if "message" in body else body["error"]["message"]
    assert isinstance(message, str)
    return message


def gap(message: str, template: str) -> str:
    """What stands in the gap of a template, if there is one; the message must fit it."""
    before, is_there, after = template.partition("{}")
    assert message.startswith(before) and message.endswith(after), message
    between = message[len(before) : len(message) - len(after)]
    assert is_there or not between, message
    return between


@pytest.mark.parametrize(("asked", "english", "chinese"), REFUSALS, ids=lambda value: None)
async def test_a_refusal_is_said_in_the_language_that_is_asked_for(
    server: Server, root: httpx.AsyncClient, bob: Person, asked: Asked, english: str, chinese: str
) -> None:
    plain = await ask(root, asked)
    value = gap(said(plain), english)
    assert "content-language" not in plain.headers
    assert (await ask(root, asked, **{"Accept-Language": "en-US,zh;q=0.5"})).text == plain.text
    translated = await ask(root, asked, **ZH)
    assert gap(said(translated), chinese) == value
    assert translated.status_code == plain.status_code >= 400
    assert translated.headers["content-language"] == "zh-CN"
    assert translated.headers["vary"] == plain.headers["vary"] == "Accept-Language"
    assert translated.json().keys() == plain.json().keys()


async def test_what_is_missing_says_so_by_its_kind(server: Server) -> None:
    async with server.client(ROOT_TOKEN, **ZH) as root:
        assert said(await root.get("/api/redemption/12345")) == "没有兑换码 12345"
        assert said(await root.delete("/api/token/12345")) == "没有密钥 12345"
        made = {"username": "carol", "password": "password-1", "display_name": "c"}
        await data(await root.post("/api/user/", json=made))
        assert said(await root.post("/api/user/", json=made)) == "此用户名已被其他用户使用"


async def test_roles_and_scopes_are_told_in_chinese(server: Server) -> None:
    bob = await person(server, "bob")
    alice = await person(server, "alice", ROLE_ADMIN)
    async with server.client(bob.token, **ZH) as client:
        assert said(await client.get("/api/user/")) == "仅限管理员使用"
    async with server.client(alice.token, **ZH) as client:
        assert said(await client.get("/api/option/")) == "仅限超级管理员使用"
    async with server.client(**ZH) as client:
        assert said(await client.get("/api/token/")) == "请登录，或提供有效的访问令牌"


async def test_what_is_written_down_stays_english(server: Server, root: httpx.AsyncClient) -> None:
    """A Chinese page changes words of answers alone, never what is kept."""
    before = await server.books.store.count("events", {})
    for asked, _, _ in REFUSALS:
        await ask(root, asked, **ZH)
    assert await server.books.store.count("events", {}) == before
    answer = await root.get("/api/status", headers=ZH)
    assert "content-language" not in answer.headers and "vary" not in answer.headers


async def test_what_could_not_be_done_to_one_of_many_is_told_in_chinese(server: Server) -> None:
    async with server.client(ROOT_TOKEN, **ZH) as root:
        await data(await root.post("/api/channel/", json=channel_body()))
        (channel,) = await data(await root.get("/api/channel/"))
        sent = {"ids": [channel["id"]], "action": "edit", "group": "g" * 99}
        done = await data(await root.post("/api/channel/bulk", json=sent))
        assert done["failed"][0]["message"] == "groups: 最多 32 个字符"
