"""`python -m tests.fuzz --requests 10000 --seed N`: exit status 1 when something is wrong."""

import argparse
import asyncio
import random
import sys
import tempfile
from pathlib import Path

from tests.e2e.server import Server
from tests.fuzz.run import run, settled


def main() -> int:
    parser = argparse.ArgumentParser(description="Hostile requests against a whole server.")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    args = parser.parse_args()
    print("seed", args.seed, flush=True)
    with tempfile.TemporaryDirectory() as directory:
        server = Server(Path(directory) / "server").start()
        try:
            report = asyncio.run(run(server, args.requests, args.seed))
            report.faults += settled(server)
            server.stop()
        finally:
            server.abandon()
    print("\n".join(report.lines()))
    return bool(report.faults)


if __name__ == "__main__":
    sys.exit(main())
