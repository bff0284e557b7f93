"""Run the simulation: python -m tests.sim --seeds 50000 [--seed N] [--jobs 2] [-v]

--profile late, zombies, outages, heirs or crowd has trouble of one kind only.
"""

import argparse
import random
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from tests.sim.run import Outcome, run
from tests.sim.world import PROFILES

CHUNK = 250


def chunk(
    first: int, count: int, profile: str | None = None
) -> tuple[list[tuple[int, str]], Counter[str], int]:
    """Run some seeds; return failures, outcomes of callers, and how many events there were."""
    failures, outcomes, events = [], Counter[str](), 0
    for seed in range(first, first + count):
        outcome = run(seed, profile=profile)
        outcomes.update(outcome.outcomes)
        events += outcome.events
        if outcome.error is not None:
            failures.append((seed, outcome.problem))
    return failures, outcomes, events


def main() -> int:
    """Run what the arguments say; 1 when a seed fails."""
    parser = argparse.ArgumentParser(prog="tests.sim", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds to run")
    parser.add_argument("--seed", type=int, help="the first seed; drawn when not given")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("-v", "--verbose", action="store_true", help="print the trace of one seed")
    parser.add_argument("--profile", choices=PROFILES, help="one kind of trouble only")
    asked = parser.parse_args()
    first = random.SystemRandom().randrange(10**9) if asked.seed is None else asked.seed
    if asked.verbose or asked.seeds == 1:
        return show(run(first, profile=asked.profile, traced=True), verbose=asked.verbose)
    return many(first, asked.seeds, asked.jobs, asked.profile)


def show(outcome: Outcome, *, verbose: bool) -> int:
    """Print one run."""
    if verbose or outcome.error is not None:
        print("\n".join(outcome.trace))
    print(
        f"seed {outcome.seed}: {outcome.events} events, {outcome.commands} commands, "
        f"{outcome.steps} steps, {outcome.virtual_s:.0f} s: {outcome.problem or 'all is well'}"
    )
    return int(outcome.error is not None)


def many(first: int, count: int, jobs: int, profile: str | None) -> int:
    """Run many seeds and print those that failed."""
    print(f"seeds {first} to {first + count - 1}")
    began, failures = time.monotonic(), 0
    outcomes, events = Counter[str](), 0
    starts = range(first, first + count, CHUNK)
    sizes = [min(CHUNK, first + count - start) for start in starts]
    with ProcessPoolExecutor(jobs) as pool:
        for failed, what, some in pool.map(chunk, starts, sizes, [profile] * len(sizes)):
            outcomes.update(what)
            events += some
            failures += len(failed)
            for seed, problem in failed:
                print(f"seed {seed} failed: {problem}", flush=True)
    took = time.monotonic() - began
    print(
        f"{count} seeds in {took:.1f} s, {events} events; callers: {dict(outcomes.most_common())}"
    )
    if failures:
        print(f"{failures} failed; python -m tests.sim --seed N -v tells the story of one")
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
