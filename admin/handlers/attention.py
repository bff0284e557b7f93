"""For operators at a glance: what needs attention, and the first steps of a new gateway."""

from typing import ClassVar

from admin.attention import attention, setup_state
from admin.base import ApiHandler
from gateway.directory.users import ROLE_ADMIN, ROLE_ROOT


class AttentionHandler(ApiHandler):
    """GET /api/attention."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN}

    async def get(self) -> None:
        """Answer what an operator should look at now, the gravest first, each kind once."""
        self.ok(await attention(self.context))


class SetupHandler(ApiHandler):
    """GET /api/setup."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ROOT}

    async def get(self) -> None:
        """Answer which of the first steps are done, by what is there."""
        self.ok(await setup_state(self.context))
