"""What the operator is told once the server is ready, on standard output and only once."""

import shlex
import sys
from pathlib import Path

from gateway import __version__, demo
from gateway.settings import Settings


def welcome(settings: Settings, url: str, password: str | None, demo_secret: str | None) -> None:
    """Say where it listens, root's password if it was made up, and what to try in a demo."""
    print(f"Tollgate {__version__} is ready at {url}", flush=True)
    if password is not None:
        print(f"Sign in as root with this password, shown only now: {password}")
    if demo_secret is not None:
        print(demo.instructions(url, demo_secret, str(settings.data_dir), _command()))
    sys.stdout.flush()


def _command() -> str:
    """Return how this program was called, so that it can be called again from the same place."""
    called = sys.argv[0] if sys.argv else ""
    return shlex.quote(called) if Path(called).name == "tollgate" else "tollgate"
