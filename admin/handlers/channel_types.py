"""What channel types there are, for programs that make a form of them."""

from typing import Any, ClassVar

from admin.base import ApiHandler
from gateway.directory.users import ROLE_ADMIN
from gateway.directory.vendor import Vendor


class ChannelTypesHandler(ApiHandler):
    """GET /api/channel/types."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN}

    async def get(self) -> None:
        """Answer every type with what a channel of it needs, and the fields of its config."""
        self.ok([type_json(vendor) for vendor in self.context.directory.catalogue.vendors()])


def type_json(vendor: Vendor) -> dict[str, Any]:
    """A channel type as admins see it; labels and help in the languages of the console."""
    return {
        "type": vendor.id,
        "name": vendor.name,
        "protocol": vendor.protocol,
        "base_url": vendor.base_url,
        "needs_base_url": vendor.needs_base_url,
        "needs_key": vendor.needs_key,
        "tasks": list(vendor.tasks),
        "models": list(vendor.models),
        "test_model": vendor.test_model,
        "shows_balance": bool(vendor.balance),
        "lists_models": vendor.lists_models,
        "docs": vendor.docs,
        "retired": dict(vendor.retired),
        "config": [field.shown() for field in vendor.config],
    }
