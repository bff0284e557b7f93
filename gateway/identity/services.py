"""All services that vouch for people, by name."""

from collections.abc import Callable, Mapping

from gateway.directory.identities import GITHUB, LARK, OIDC, WECHAT, IdentityService
from gateway.identity.asking import Options
from gateway.identity.documents import Documents
from gateway.identity.github import GitHub
from gateway.identity.lark import Lark
from gateway.identity.oidc import Oidc
from gateway.identity.wechat import WeChat
from gateway.web import Web


def identity_services(
    web: Web, option: Options, now_s: Callable[[], float]
) -> Mapping[str, IdentityService]:
    """Return them. `option` reads options by name, `now_s` only ever grows."""
    return {
        GITHUB: GitHub(web, option),
        LARK: Lark(web, option),
        OIDC: Oidc(web, option, Documents(web, now_s)),
        WECHAT: WeChat(web, option),
    }
