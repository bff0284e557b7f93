"""Hundreds of histories of the ledger in trouble, others in every run of the suite.

SIM_SEEDS=2000 runs more. SEED=N repeats those of a run that failed; `python -m tests.sim --seed N
-v` tells the story of one.
"""

import os
import random
import subprocess
import sys
from functools import cache

import pytest

from tests.sim.run import Outcome, run

SEEDS = int(os.environ.get("SIM_SEEDS", "600"))
CHUNKS = 10
TROUBLED = 150


@pytest.fixture(scope="session")
def base_seed(testrun_uid: str) -> int:
    """The first seed: SEED, or one drawn for this run, the same for all its processes."""
    given = os.environ.get("SEED")
    return random.Random(testrun_uid).randrange(10**9) if given is None else int(given)


@cache
def outcome_of(seed: int) -> Outcome:
    """Tell how a seed went, which more than one test asks about."""
    return run(seed)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_the_books_are_right_through_all_trouble(base_seed, chunk):
    size = SEEDS // CHUNKS
    seeds = range(base_seed + chunk * size, base_seed + (chunk + 1) * size)
    print(f"seeds {seeds.start} to {seeds.stop - 1}; SEED={base_seed} repeats them")
    problems = {seed: outcome.problem for seed in seeds if (outcome := outcome_of(seed)).error}
    assert not problems


def test_trouble_really_happens(base_seed):
    outcomes = [outcome_of(seed) for seed in range(base_seed, base_seed + TROUBLED)]
    happened = {what for outcome in outcomes for what in outcome.outcomes}
    wanted = {"recorded", "replayed", "spilled", "cancelled", "KeyReused", "InsufficientCredit"}
    assert wanted <= happened
    assert sum(outcome.events for outcome in outcomes) > TROUBLED * 5


def test_a_seed_tells_the_same_story_in_every_process():
    command = [sys.executable, "-m", "tests.sim", "--seed", "77", "-v"]
    stories = [
        subprocess.run(
            command, capture_output=True, text=True, env={**os.environ, "PYTHONHASHSEED": salt}
        ).stdout
        for salt in ("1", "2")
    ]
    assert len(stories[0].splitlines()) > 100
    assert stories[0] == stories[1]
