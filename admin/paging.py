"""Pages of lists: `p` counts from zero, ten rows a page as in One API, up to a hundred if asked."""

from dataclasses import dataclass
from typing import Any

from marshmallow import validate

from admin.schemas.base import Query, QueryInteger

PAGE_SIZE = 10
MAX_PAGE_SIZE = 100
MAX_PAGE = 10_000_000


@dataclass(frozen=True, slots=True)
class Page:
    """One window into a list."""

    number: int
    size: int

    @property
    def skip(self) -> int:
        """Rows before this page."""
        return self.number * self.size


class PageQuery(Query):
    """`p` and `page_size`; schemas of lists build on it."""

    p = QueryInteger(load_default=0, validate=validate.Range(0, MAX_PAGE))
    page_size = QueryInteger(load_default=PAGE_SIZE, validate=validate.Range(1, MAX_PAGE_SIZE))


def page_of(query: dict[str, Any]) -> Page:
    """Take the page out of a loaded query, leaving the filters."""
    return Page(query.pop("p"), query.pop("page_size"))


def window(rows: list[Any], page: Page) -> list[Any]:
    """Cut a page out of a whole list."""
    return rows[page.skip : page.skip + page.size]
