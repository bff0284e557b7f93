"""The page docs/matrix.md, written from the tables."""

from collections.abc import Iterable
from pathlib import Path

from tests.gateway.relay.matrix.absent import ABSENT, HERE
from tests.gateway.relay.matrix.cell import ABSENT as NOT_OFFERED
from tests.gateway.relay.matrix.cell import CAME, CONVERTED, COUNTED, Group
from tests.gateway.relay.matrix.rows import GROUPS

PAGE = Path(__file__).resolve().parents[4] / "docs" / "matrix.md"

_HEAD = f"""# Which endpoint is served by which upstream

This page is written by `python -m tests.gateway.relay.matrix` from the tables that the tests try
out. Every cell is asked over real sockets, by the vendors' own clients where they can, in every
form that the row has: what is offered must answer, charge exactly, be recorded as it was, and send
nothing for who cannot pay; what is not offered must be refused as it says here, in the dialect of
the client, with nothing sent and nothing charged.

- **{CAME.word}**: the upstream is asked at the same endpoint, with the client's bytes, and its
  answer passes ([dialects](dialects.md)). Requests for images and audio are written anew, with the
  same fields ([endpoints](endpoints.md#what-is-promised)).
- **{CONVERTED.word}**: request and answer are said in the words of the upstream's protocol. What
  it cannot say is refused with 400 and the name of the field.
- **{COUNTED.word}**: the gateway answers, and asks nobody.
- **{NOT_OFFERED.word}**: **{NOT_OFFERED.status}** `{NOT_OFFERED.code}`, when all channels of the
  model speak such a protocol, or the one that a key names does. A number is another refusal.
- *Usage in a stream*: "as asked" tells it only to who sends `stream_options.include_usage`, though
  the upstream is always asked for it; "as reported" passes what the upstream tells; "–" has no
  stream, or none that would tell. Whole answers tell it where the dialect does.

Vendors that have fewer routes than their protocol say so in conf/providers.yaml (`paths`,
`only_listed_paths`); for them the rest is not offered. The sandbox speaks OpenAI's protocol.
"""


def page() -> str:
    """Write the page."""
    parts = [_HEAD, *map(_group, GROUPS), _here(), _absent()]
    return "\n".join(parts)


def _table(rows: Iterable[Iterable[str]]) -> str:
    titles, *rest = [tuple(row) for row in rows]
    lines = [titles, ("---",) * len(titles), *rest]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _group(group: Group) -> str:
    titles = ("the client asks", "answer", "usage in a stream")
    shown = titles[:2] if all(row.usage == "–" for row in group.rows) else titles
    rows = [(*shown, *(column.title for column in group.columns))]
    for row in group.rows:
        cells = (column.cell(row).word for column in group.columns)
        about = (row.title, ", ".join(row.forms), row.usage)[: len(shown)]
        rows.append((*about, *cells))
    return f"## {group.title}\n\n{_table(rows)}"


def _here() -> str:
    rows = [("the client asks", "the answer"), *HERE]
    return f"## Answered by the gateway itself, and free\n\n{_table(rows)}"


def _absent() -> str:
    rows = [("the client asks", "the answer")]
    rows += [(absent.title, absent.cell.word) for absent in ABSENT]
    return f"## Not served, whatever the upstream\n\n{_table(rows)}"
