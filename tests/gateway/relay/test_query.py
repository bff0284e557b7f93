"""Queries: only what is listed goes on, whatever is sent."""

from urllib.parse import parse_qsl

from hypothesis import given
from hypothesis import strategies as st

from gateway.relay.query import LONGEST, MOST, passed_query

TABLE = (("beta", ("true",)), ("include[]", ()))


def test_what_is_listed_goes_on_in_order_and_once() -> None:
    assert passed_query(TABLE, "a=1&beta=true&key=x&include[]=u v&beta=1&beta=true") == (
        "beta=true&include[]=u+v"
    )
    assert passed_query(TABLE, "include%5B%5D=a&include[]=b%26c&include[]=") == (
        "include[]=a&include[]=b%26c&include[]="
    )
    assert not passed_query((), "beta=true") and not passed_query(TABLE, "")
    assert not passed_query(TABLE, f"include[]={'x' * (LONGEST + 1)}")
    many = "&".join(f"include[]={n}" for n in range(MOST + 9))
    assert len(parse_qsl(passed_query(TABLE, many))) == MOST


@given(st.text(st.characters(max_codepoint=255)) | st.text("beta=true&;%[]#\r\n \xff", max_size=40))
def test_nothing_gets_through_that_is_not_listed(query: str) -> None:
    passed = passed_query(TABLE, query)
    assert passed.isascii() and passed.isprintable() and "#" not in passed and " " not in passed
    for name, value in parse_qsl(passed, keep_blank_values=True):
        assert (name, value) == ("beta", "true") or name == "include[]"
