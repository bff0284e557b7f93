"""What of an address's query goes on upstream: what a table lists, and nothing else.

A query may hold keys, and switches that change what an upstream does or bills; so only names that
are known to be harmless go on, written anew.
"""

from urllib.parse import parse_qsl, urlencode

#: Names that go on, each with the values that it may have; none for any text.
Allowed = tuple[tuple[str, tuple[str, ...]], ...]

#: Of more parameters than that, the rest is left out; of longer values all.
MOST, LONGEST = 100, 2_000


def passed_query(allowed: Allowed, query: str) -> str:
    """Return what goes on of a query, without "?"; in the client's order, each pair once."""
    if not query or not allowed:
        return ""
    table = dict(allowed)
    found: dict[tuple[str, str], None] = {}
    for name, value in parse_qsl(query, keep_blank_values=True, errors="replace"):
        values = table.get(name)
        if values is None or (values and value not in values) or len(value) > LONGEST:
            continue
        found[name, value] = None
        if len(found) == MOST:
            break
    return urlencode(list(found), safe="[]")
