"""What the gateway writes to people, in English and Chinese at once: who reads it is not known."""

from urllib.parse import urlencode

from gateway.directory.notices import Words
from gateway.directory.proofs import LIFETIME_S
from ledger.money import usd

_MINUTES = LIFETIME_S // 60


def code(system: str, made: str) -> Words:
    """The code for who signs up, or binds an address."""
    text = (
        f"Your verification code for {system} is {made}. It is good for {_MINUTES} minutes, once.\n"
        "If you did not ask for it, you need not do anything.\n\n"
        f"您在 {system} 的验证码是 {made}，{_MINUTES} 分钟内有效，仅可使用一次。\n"
        "如果这不是您的操作，请忽略此邮件。"
    )
    return Words(f"{system}: verification code / 验证码", text, secret=True)


def known(system: str, link: str) -> Words:
    """Instead of a code, to somebody who has an account: the page says the same to everybody."""
    text = (
        f"Somebody asked for a verification code for {system} with this address, which belongs to "
        "an account already.\nIf it was you, sign in, or reset the password.\n\n"
        f"有人用此邮箱地址向 {system} 请求验证码，但该地址已绑定账户。\n"
        "如果是您本人，请直接登录或重置密码。"
    )
    return Words(f"{system}: you have an account / 您已有账户", text, link)


def reset(system: str, server: str, mail: str, token: str) -> Words:
    """The link with which a password is replaced. The token is in the fragment: it stays there."""
    query = urlencode({"email": mail, "token": token})
    text = (
        f"With this link you set a new password for {system}. It is good for {_MINUTES} minutes, "
        "once.\nIf you did not ask for it, you need not do anything.\n\n"
        f"点击以下链接重置您在 {system} 的密码，{_MINUTES} 分钟内有效，仅可使用一次。\n"
        "如果这不是您的操作，请忽略此邮件。"
    )
    title = f"{system}: reset your password / 重置密码"
    return Words(title, text, f"{server}/#/reset?{query}", secret=True)


def low(system: str, link: str, left_nano: int) -> Words:
    """A user's balance went below the option QuotaRemindThreshold."""
    left = usd(left_nano)
    text = (
        f"Your balance at {system} is {left} USD. Requests are refused once it is used up.\n\n"
        f"您在 {system} 的余额为 {left} 美元，用尽后请求将被拒绝。"
    )
    return Words(f"{system}: your balance is low / 余额不足", text, link)
