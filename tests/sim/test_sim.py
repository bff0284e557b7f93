"""Two thousand histories of the ledger in trouble, another two thousand in every run of the suite.

SEED=N repeats those of a run that failed; `python -m tests.sim --seed N -v` tells the story of one.
"""

import os
import random
import subprocess
import sys

import pytest

from tests.sim.run import run

SEEDS = 2_000
CHUNKS = 10


@pytest.fixture(scope="session")
def base_seed(testrun_uid: str) -> int:
    """The first seed: SEED, or one drawn for this run, the same for all its processes."""
    given = os.environ.get("SEED")
    return random.Random(testrun_uid).randrange(10**9) if given is None else int(given)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_the_books_are_right_through_all_trouble(base_seed, chunk):
    size = SEEDS // CHUNKS
    seeds = range(base_seed + chunk * size, base_seed + (chunk + 1) * size)
    print(f"seeds {seeds.start} to {seeds.stop - 1}; SEED={base_seed} repeats them")
    problems = {seed: outcome.problem for seed in seeds if (outcome := run(seed)).error}
    assert not problems


def test_trouble_really_happens(base_seed):
    outcomes = [run(seed) for seed in range(base_seed, base_seed + 150)]
    happened = {what for outcome in outcomes for what in outcome.outcomes}
    wanted = {"recorded", "replayed", "spilled", "cancelled", "KeyReused", "InsufficientCredit"}
    assert wanted <= happened
    assert sum(outcome.events for outcome in outcomes) > 150 * 5


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
