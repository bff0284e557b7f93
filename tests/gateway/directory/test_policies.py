"""Rules by model: the own name wins, then the longest beginning."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.directory import policies

CHECK = policies.check("drain", "free")


def test_the_own_name_wins_then_the_longest_beginning() -> None:
    text = CHECK('{"gpt-4*": "free", "gpt-4o": "drain", "*": "drain", "gpt-4o-m*": "drain"}')
    found = {m: policies.choose(text, m) for m in ("gpt-4", "gpt-4o", "gpt-4o-mini", "gpt-4.1")}
    assert found == {"gpt-4": "free", "gpt-4o": "drain", "gpt-4o-mini": "drain", "gpt-4.1": "free"}
    assert policies.choose(text, "other") == "drain"
    assert policies.choose(CHECK("  "), "other") is None


@pytest.mark.parametrize(
    "text", ["[]", "{", '{"m": "reported"}', '{"": "free"}', '{"a*b": "free"}', '{"m": 1}', "7", 7]
)
def test_what_is_no_rule_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"must be|is none of|neither a model"):
        CHECK(text)


names = st.text("ab-", min_size=0, max_size=4)


@given(st.dictionaries(names.filter(bool) | names.map(lambda n: n + "*"), st.just("free")), names)
def test_some_rule_is_found_exactly_where_one_fits(rules: dict[str, str], model: str) -> None:
    fits = any(model == name or (name[-1] == "*" and model.startswith(name[:-1])) for name in rules)
    assert (policies.choose(CHECK(json.dumps(rules)), model) is not None) == fits
