"""Whose fault a failure is, which answers mean dead credentials, and what is tried again."""

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.channels import dead
from gateway.channels.blame import REQUEST_LABELS, THE_REQUEST_IS_WRONG, Blame, blame
from gateway.channels.failure import Failure, of_answer, of_call
from gateway.channels.retry import DEFAULT_STATUSES, Again, Retries, again
from tests.gateway.channels.anything import failures, vendor

SEED = 20_261_122
EVERYTHING = ((400, 599),)


def answer(status: int, code: str = "", kind: str = "", *, who: Any = "openai") -> Failure:
    of = vendor(who) if isinstance(who, str) else vendor("openai", who)
    error = {"code": code or None, "type": kind or None, "message": "credit balance invalid key"}
    return of_answer(of, status, {}, {"error": error}, 0.0)


@pytest.mark.parametrize(
    ("failure", "whose", "verdict"),
    [
        (answer(400), Blame.REQUEST, Again.NEVER),
        (answer(413), Blame.REQUEST, Again.NEVER),
        (answer(422), Blame.REQUEST, Again.NEVER),
        (answer(403, "content_policy_violation"), Blame.REQUEST, Again.NEVER),
        (answer(500, "content_filter"), Blame.REQUEST, Again.NEVER),
        (answer(200, kind="invalid_request_error"), Blame.REQUEST, Again.NEVER),
        (answer(424, "x"), Blame.REQUEST, Again.NEVER),
        (answer(404, kind="invalid_request_error"), Blame.REQUEST, Again.NEVER),
        (answer(404, "model_not_found", "invalid_request_error"), Blame.ABSENT, Again.AT_ONCE),
        (answer(404), Blame.ABSENT, Again.AT_ONCE),
        (answer(404, "ModelNotOpen", "NotFound", who=dead.DOUBAO), Blame.ABSENT, Again.AT_ONCE),
        (answer(400, "InvalidEndpoint.ClosedEndpoint"), Blame.ABSENT, Again.AT_ONCE),
        (answer(401, "AuthenticationError"), Blame.CREDENTIAL, Again.AT_ONCE),
        (answer(403, "AccountOverdueError", who=dead.DOUBAO), Blame.CREDENTIAL, Again.AT_ONCE),
        (answer(400, "InputTextRiskDetection"), Blame.REQUEST, Again.NEVER),
        (answer(501), Blame.ABSENT, Again.AT_ONCE),
        (answer(401), Blame.CREDENTIAL, Again.AT_ONCE),
        (answer(402), Blame.CREDENTIAL, Again.AT_ONCE),
        (answer(403), Blame.CREDENTIAL, Again.AT_ONCE),
        (answer(429, "insufficient_quota"), Blame.CREDENTIAL, Again.AT_ONCE),
        (answer(400, "API_KEY_INVALID", who="gemini"), Blame.CREDENTIAL, Again.AT_ONCE),
        (answer(429), Blame.LIMIT, Again.AFTER_A_PAUSE),
        (answer(200, "rate_limit_exceeded"), Blame.LIMIT, Again.AFTER_A_PAUSE),
        (answer(408), Blame.UPSTREAM, Again.AFTER_A_PAUSE),
        (answer(409), Blame.UPSTREAM, Again.AFTER_A_PAUSE),
        (answer(500), Blame.UPSTREAM, Again.AFTER_A_PAUSE),
        (answer(529, kind="overloaded_error"), Blame.UPSTREAM, Again.AFTER_A_PAUSE),
        (answer(200), Blame.UPSTREAM, Again.AFTER_A_PAUSE),
        (of_call(vendor(), "upstream_unreachable"), Blame.UPSTREAM, Again.AFTER_A_PAUSE),
        (of_call(vendor(), "upstream_timeout"), Blame.UPSTREAM, Again.AFTER_A_PAUSE),
        (of_call(vendor(), "upstream_cut"), Blame.UPSTREAM, Again.AFTER_A_PAUSE),
        (of_call(vendor(), "upstream_auth"), Blame.CREDENTIAL, Again.AT_ONCE),
    ],
)
def test_the_table(failure: Failure, whose: Blame, verdict: Again) -> None:
    assert (blame(failure), again(failure)) == (whose, verdict)


@given(failures)
def test_a_wrong_request_is_never_tried_again_whatever_the_settings(failure: Failure) -> None:
    wrong = failure.means in THE_REQUEST_IS_WRONG or bool(
        REQUEST_LABELS & {failure.code, failure.type}
    )
    if wrong and blame(failure) is Blame.REQUEST:
        assert again(failure, EVERYTHING) is Again.NEVER
    if failure.means is None and not REQUEST_LABELS & {failure.code, failure.type}:
        assert again(failure, ()) is not Again.NEVER


@pytest.mark.parametrize(
    ("status", "statuses", "verdict"),
    [
        (429, ((500, 599),), Again.NEVER),
        (503, ((429, 429),), Again.NEVER),
        (503, ((429, 429), (503, 504)), Again.AFTER_A_PAUSE),
        (418, DEFAULT_STATUSES, Again.NEVER),
        (418, EVERYTHING, Again.AFTER_A_PAUSE),
        (400, EVERYTHING, Again.NEVER),
    ],
)
def test_the_settings_say_which_statuses(status: int, statuses: Any, verdict: Again) -> None:
    assert again(answer(status), statuses) is verdict


# -- dead credentials -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failure", "is_dead"),
    [
        (answer(401, "invalid_api_key"), True),
        (answer(401), True),
        (answer(401, "401"), True),
        (answer(401, "missing_scope", "invalid_request_error"), False),
        (answer(403), False),
        (answer(402), False),
        (answer(402, who=dead.DEEPSEEK), True),
        (answer(402, "invalid_request_error", "unknown_error", who=dead.DEEPSEEK), True),
        (answer(429), False),
        (answer(429, kind="insufficient_quota"), True),
        (answer(200, kind="insufficient_quota"), True),
        (answer(429, "1113"), False),
        (answer(429, "1113", who=dead.ZHIPU), True),
        (answer(200, "1008", who="minimax"), True),
        (answer(401, kind="authentication_error", who="anthropic"), True),
        (answer(401, "invalid_api_key", who="anthropic"), False),
        (answer(403, kind="permission_error", who="anthropic"), False),
        (answer(400, "API_KEY_INVALID", who="gemini"), True),
        (answer(400, "API_KEY_INVALID"), False),
        (of_call(vendor(), "upstream_auth"), False),
        (of_call(vendor(), "upstream_timeout"), False),
    ],
)
def test_which_answers_mean_dead_credentials(failure: Failure, is_dead: bool) -> None:
    assert (dead.find(failure) is not None) is is_dead


@given(st.integers(100, 599), st.text())
def test_no_message_ever_decides(status: int, message: str) -> None:
    plain = of_answer(vendor(), status, {}, {"error": {"message": "x", "code": "y"}}, 0.0)
    worded = of_answer(vendor(), status, {}, {"error": {"message": message, "code": "y"}}, 0.0)
    assert plain == worded


def test_every_row_finds_itself_and_can_be_told() -> None:
    for row in dead.TABLE:
        who, status, field, value = row
        protocol, type_id = (who, 1) if isinstance(who, str) else ("openai", who)
        labels = {"code": "", "type": "", field: value}
        failure = Failure(protocol, type_id, status, status, labels["code"], labels["type"])
        assert dead.find(failure) == row, row
        assert field in ("code", "type", "none", "any") and (field in ("none", "any")) == (
            not value
        )
        assert str(status) in dead.told(row) and value in dead.told(row)


# -- pauses -----------------------------------------------------------------------------------


@given(failures, st.integers(1, 100), st.floats(0, 200), st.floats(0, 50), st.randoms())
def test_pauses_keep_every_bound(
    failure: Failure, count: int, elapsed_s: float, wait_s: float, rng: random.Random
) -> None:
    retries = Retries(5, deadline_s=100.0)
    pause_s = retries.pause_s(failure, count, elapsed_s, rng, wait_s)
    if again(failure) is Again.NEVER or count > 5 or wait_s > retries.longest_wait_s:
        assert pause_s is None
    elif pause_s is None:
        assert elapsed_s + wait_s + retries.longest_pause_s >= 100.0
    else:
        assert wait_s <= pause_s <= wait_s + min(0.1 * 2 ** (count - 1), 2.0)
        assert elapsed_s + pause_s < 100.0


def test_pauses_grow_and_are_spread_over_the_whole_range() -> None:
    print("seed", SEED)
    rng = random.Random(SEED)
    retries = Retries(100)
    for count, ceiling_s in ((1, 0.1), (2, 0.2), (4, 0.8), (6, 2.0), (100, 2.0)):
        pauses = [retries.pause_s(answer(503), count, 1e9, rng) for _ in range(2_000)]
        found = [pause for pause in pauses if pause is not None]
        assert len(found) == 2_000 and 0 <= min(found) and max(found) <= ceiling_s
        assert min(found) < 0.05 * ceiling_s and max(found) > 0.95 * ceiling_s
        assert abs(sum(found) / 2_000 - ceiling_s / 2) < 0.05 * ceiling_s


def test_what_needs_no_pause_has_none() -> None:
    rng = random.Random(SEED)
    assert Retries(1).pause_s(answer(401), 1, 0.0, rng) == 0.0
    waited = Retries(1).pause_s(answer(401), 1, 0.0, rng, wait_s=2.0)
    assert waited is not None and 2.0 <= waited <= 2.1
    assert Retries(0).pause_s(answer(503), 1, 0.0, rng) is None


def test_the_page_for_operators_has_every_row() -> None:
    page = (Path(__file__).parents[3] / "docs" / "routing.md").read_text(encoding="utf-8")
    table = page.split("| who | status | label |")[1]
    told = [line for line in table.splitlines() if line.startswith("| ")]
    rows = {
        f"| {who} | {status} | {f'{field} `{value}`' if value else field} |"
        for who, status, field, value in dead.TABLE
    }
    assert set(told) == rows and len(told) == len(rows)
    wrong = ", ".join(map(str, sorted(THE_REQUEST_IS_WRONG)))
    assert f"| {wrong}, and whatever" in page
