"""Options, for root, and the groups that have a ratio."""

from collections import Counter
from typing import Any, ClassVar

from marshmallow import fields, validate

from admin.audit import audit
from admin.base import ApiHandler, Takes
from admin.errors import ApiError
from admin.schemas.base import Body, refuse_surrogates
from admin.texts import framed_url, safe_html
from gateway.directory.option_table import OPTIONS
from gateway.directory.users import ROLE_ADMIN, ROLE_ROOT
from ledger.ratios import READERS, WRITERS, json_text

_SECRET = "***"


class OptionBody(Body):
    """PUT /api/option/. One API sends text; numbers and booleans mean the same."""

    key = fields.String(required=True, validate=[validate.Length(1, 100), refuse_surrogates])
    value = fields.Raw(required=True)


class OptionsHandler(ApiHandler):
    """/api/option/."""

    access: ClassVar[dict[str, int]] = dict.fromkeys(("GET", "PUT"), ROLE_ROOT)
    needs_full: ClassVar[tuple[str, ...]] = ("PUT",)
    takes: ClassVar[Takes] = {"PUT": OptionBody}

    async def get(self) -> None:
        """Answer every option that is no secret, as text."""
        prices = self.context.books.prices
        await prices.refresh()
        listed = self.context.directory.options.listed()
        listed.update({name: json_text(read(prices)) for name, read in READERS.items()})
        rows = [{"key": key, "value": value} for key, value in sorted(listed.items())]
        described: dict[str, Any] = self.context.directory.options.described()
        self.ok(rows, **described)

    async def put(self) -> None:
        """Change one option; a bad value is refused whole and changes nothing."""
        sent = self.body()
        name, value = sent["key"], sent["value"]
        if name in WRITERS:
            await self._publish(name, value)
        else:
            await self._set(name, value)
        self.ok()

    async def _publish(self, name: str, value: Any) -> None:
        """Ratios are prices, and prices are versions in the ledger; no audit event beside it."""
        if not isinstance(value, str):
            raise ApiError(400, f"{name}: must be text that holds a JSON object")
        books = self.context.books
        await books.prices.refresh()
        changes = WRITERS[name](books.prices, value)
        note = f"{name} set by {self.me.username}"
        await books.prices.publish(books, author=self.actor, note=note, **changes)

    async def _set(self, name: str, value: Any) -> None:
        options = self.context.directory.options
        before = options.get(name) if name in OPTIONS else None
        after = await options.set(name, value)
        if before == after:
            return
        hide = OPTIONS[name].is_secret
        await audit(
            self.context.books,
            self.actor,
            "option.update",
            f"option:{name}",
            {"value": _SECRET if hide else before},
            {"value": _SECRET if hide else after},
        )


class PreviewBody(Body):
    """POST /api/option/preview."""

    text = fields.String(required=True, validate=[validate.Length(0, 200_000), refuse_surrogates])


class PreviewHandler(ApiHandler):
    """POST /api/option/preview."""

    access: ClassVar[dict[str, int]] = {"POST": ROLE_ROOT}
    takes: ClassVar[Takes] = {"POST": PreviewBody}

    async def post(self) -> None:
        """Answer what pages would show of a notice, an about text or a home page; keep nothing."""
        text = self.body()["text"]
        url = framed_url(text)
        self.ok({"html": "" if url else safe_html(text), "url": url})


class GroupsHandler(ApiHandler):
    """GET /api/group/."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN}

    async def get(self) -> None:
        """Answer the names of the groups that have a ratio."""
        self.ok(sorted(self.context.books.prices.groups()))


class GroupUsesHandler(ApiHandler):
    """GET /api/group/uses."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN}

    async def get(self) -> None:
        """Answer every group that has a ratio, users, keys of its own or channels, and how many."""
        prices, directory = self.context.books.prices, self.context.directory
        await prices.refresh()
        ratios, users = prices.groups(), await directory.users.counts("group")
        keys = await directory.keys.counts("group")
        channels = Counter(name for each in directory.all_channels() for name in each.groups)
        # Most keys name no group: they are in their owner's.
        names = sorted({*ratios, *users, *(name for name in keys if name), *channels})
        self.ok(
            [
                {
                    "group": name,
                    "ratio": ratios.get(name),
                    "users": users.get(name, 0),
                    "keys": keys.get(name, 0),
                    "channels": channels[name],
                }
                for name in names
            ]
        )
