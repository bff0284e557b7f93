"""The simulation notices each known kind of bug when it is planted on purpose."""

import pytest

from tests.sim.mutations import MUTATIONS, PROFILE_OF, planted
from tests.sim.run import run

SEEDS = 500
# Where the rare ones show, tried first. A change of the code may move them: then all are tried.
SHOWS_AT = {
    "more is asked for than an unanswered grant left to ask": 299,
    "a process that comes back to life gives back what its heir has": 147,
    "a slice is forgotten while somebody waits for it": 134,
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_planted_bug_is_noticed(name):
    with planted(name):
        for seed in (SHOWS_AT.get(name, 1), *range(1, SEEDS + 1)):
            outcome = run(seed, profile=PROFILE_OF.get(name))
            assert not isinstance(outcome.error, AttributeError | NameError), outcome.problem
            if outcome.error is not None:
                print(f"noticed at seed {seed}: {outcome.problem}")
                return
    pytest.fail(f"not noticed within {SEEDS} seeds: {name}")
