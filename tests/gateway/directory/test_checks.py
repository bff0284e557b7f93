"""Checks of single values."""

import pytest

from gateway.directory import checks
from gateway.directory.errors import Invalid

GOOD = [
    (checks.text(5), " ab ", "ab"),
    (checks.text(9, lines=True), "a\nb\tc ", "a\nb\tc "),
    (checks.integer(0, 5), 5, 5),
    (checks.one_of((1, 2)), 2, 2),
    (checks.names(9, most=3), " a, b,,a ", ["a", "b"]),
    (checks.names(9, most=3), ["b", "a", "b"], ["b", "a"]),
    (checks.optional_names(9, most=3), None, None),
    (checks.optional_names(9, most=3), "", None),
    (checks.subnets, "10.1.2.3/8, ::1", ["10.0.0.0/8", "::1/128"]),
    (checks.subnets, None, []),
    (checks.string_map(100), '{"a.b": "$c"}', '{"a.b": "$c"}'),
    (checks.string_map(100), "", "{}"),
    (checks.json_object(100), {"b": [1], "a": None}, '{"a": null, "b": [1]}'),
    (checks.web_address(99), "https://a.example/v1/", "https://a.example/v1"),
    (checks.web_address(99), "", ""),
    (checks.decimal_text, "1.50", "1.50"),
    (checks.decimal_text, 3, "3"),
]

BAD = [
    (checks.text(5), "abcdef"),
    (checks.text(5), "a\x00b"),
    (checks.text(5), "a\nb"),
    (checks.text(5), "\ud800"),
    (checks.text(5), 5),
    (checks.text(5), None),
    (checks.text(5, shortest=1), "  "),
    (checks.text(5, spaces=False), "a b"),
    (checks.integer(0, 5), 6),
    (checks.integer(0, 5), True),
    (checks.integer(0, 5), 1.0),
    (checks.integer(0, 5), "1"),
    (checks.one_of((1, 2)), True),
    (checks.one_of((1, 2)), "1"),
    (checks.boolean, 1),
    (checks.names(9, most=2), "a,b,c"),
    (checks.names(9, most=2), ["a,b"]),
    (checks.names(9, most=2), [1]),
    (checks.names(9, most=2), {"a": 1}),
    (checks.names(9, most=2, shortest=1), ""),
    (checks.subnets, "10.0.0.0/99"),
    (checks.subnets, ["localhost"]),
    (checks.string_map(100), '{"a": 1}'),
    (checks.string_map(100), "[]"),
    (checks.string_map(100), "{"),
    (checks.json_object(100), "[" * 100_000),
    (checks.json_object(10), {"a": "x" * 20}),
    (checks.json_object(100), {"a": float("nan")}),
    (checks.web_address(99), "ftp://a.example"),
    (checks.web_address(99), "javascript:alert(1)"),
    (checks.web_address(99), "https://"),
    (checks.web_address(99), "https://me:pass@a.example"),
    (checks.web_address(99), "https://a.example/?x=1"),
    (checks.web_address(99), "https://a.example:port"),
    (checks.web_address(99), "https://[::1"),
    (checks.decimal_text, "NaN"),
    (checks.decimal_text, "1e999"),
    (checks.decimal_text, "ten"),
]


@pytest.mark.parametrize("check, value, stored", GOOD)
def test_good_values_are_returned_as_they_are_stored(check, value, stored) -> None:
    assert check(value) == stored


@pytest.mark.parametrize("check, value", BAD)
def test_bad_values_are_refused_in_words(check, value) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        check(value)


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(Invalid) as caught:
        checks.clean({"name": checks.text(5)}, {"name": "a", "password_hash": "x"})
    assert caught.value.field == "password_hash"
