"""Who somebody is elsewhere: services that vouch for people, and what they say of them.

What asks the services is in gateway/identity; here is what both sides of it know.
"""

from dataclasses import dataclass
from typing import Protocol

from gateway.directory.errors import DirectoryError
from gateway.directory.oauth_states import Started

GITHUB, LARK, OIDC, WECHAT = "github", "lark", "oidc", "wechat"

#: The field of a user that keeps the identity, by service.
FIELDS = {GITHUB: "github_id", LARK: "lark_id", OIDC: "oidc_id", WECHAT: "wechat_id"}


class IdentityRefused(DirectoryError):
    """The service does not vouch for anybody, or what it said does not hold; the message says
    which."""

    code = "identity_refused"


class IdentityAway(DirectoryError):
    """The service did not answer, or not in a way that can be understood."""

    code = "identity_away"


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody, as a service knows them.

    `subject` never changes and is never given to another; it is what a user keeps. `mails` are
    addresses that the service has verified, the main one first. `old_name` is what One API kept
    instead of the subject; names can change hands.
    """

    subject: str
    name: str = ""
    mails: tuple[str, ...] = ()
    old_name: str = ""


class IdentityService(Protocol):
    """A service that vouches for people."""

    @property
    def is_on(self) -> bool:
        """Whether people may come in through it."""
        ...

    async def address(self, started: Started) -> str:
        """Where a browser goes to say yes. Raises IdentityAway."""
        ...

    async def identity(self, code: str, started: Started | None) -> Identity:
        """Spend a code that a browser brought. Raises IdentityRefused, IdentityAway."""
        ...
